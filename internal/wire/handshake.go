package wire

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire/codec"
)

// WriteHello writes h with one call of w.Write.
func WriteHello(w io.Writer, h Hello) error {
	b := append(make([]byte, 0, 128), Magic...)
	b = append(b, 0, 0, 0, 0, byte(h.Role))
	b = binary.AppendUvarint(b, uint64(h.MinVersion))
	b = binary.AppendUvarint(b, uint64(h.MaxVersion))
	b = binary.AppendUvarint(b, h.Group)
	b = binary.AppendUvarint(b, h.Generation)
	b = appendBytes(b, h.Extra)
	if h.Secret != (Secret{}) {
		b = append(b, h.Secret[:]...)
	}
	return writeGreeting(w, b)
}

// ReadHello reads a Hello and not a byte more. It returns ErrMagic, having read
// four bytes, when the dialler speaks something else.
func ReadHello(r io.Reader) (Hello, error) {
	b, err := readGreeting(r)
	if err != nil {
		return Hello{}, err
	}
	cur := codec.NewReader(b)
	h := Hello{
		Role:       Role(cur.Uint8()),
		MinVersion: uint16(cur.Max(math.MaxUint16)),
		MaxVersion: uint16(cur.Max(math.MaxUint16)),
		Group:      cur.Uvarint(),
		Generation: cur.Uvarint(),
		Extra:      cur.Bytes(),
	}
	if cur.Len() >= len(h.Secret) { // a client of before there were secrets ends here
		h.Secret = Secret(cur.Take(uint64(len(h.Secret))))
	}
	// Later releases may append fields here and to the reply, so what is left
	// is none of our business: this must be readable across all versions.
	if cur.Bad() {
		return Hello{}, ErrMalformed
	}
	return h, nil
}

// WriteHelloReply writes r with one call of w.Write. A Message that would not
// fit is cut short.
func WriteHelloReply(w io.Writer, r HelloReply) error {
	b := append(make([]byte, 0, 256), Magic...)
	b = append(b, 0, 0, 0, 0, byte(r.Status))
	b = binary.AppendUvarint(b, uint64(r.Version))
	b = binary.AppendUvarint(b, r.Info.Group)
	b = binary.AppendUvarint(b, r.Info.Generation)
	b = appendBytes(b, r.Info.NodeID)
	b = binary.AppendUvarint(b, r.Info.Incarnation)
	b = binary.AppendUvarint(b, uint64(r.Info.MaxKeyBytes))
	b = binary.AppendUvarint(b, uint64(r.Info.MaxValueBytes))
	b = binary.AppendUvarint(b, uint64(r.Info.MaxInFlight))
	b = binary.AppendUvarint(b, uint64(max(r.Info.SessionTTL, 0)))
	b = appendBytes(b, r.Message[:min(len(r.Message), MaxHelloBytes/4)])
	b = appendBytes(b, r.Extra)
	b = binary.AppendUvarint(b, uint64(r.Info.MaxTxnOps))
	b = binary.AppendUvarint(b, uint64(r.Info.MaxTxnBytes))
	return writeGreeting(w, b)
}

// ReadHelloReply reads a HelloReply and not a byte more. It returns ErrMagic
// when what answers speaks something else. The reply's Status is for the
// caller to look at.
func ReadHelloReply(r io.Reader) (HelloReply, error) {
	b, err := readGreeting(r)
	if err != nil {
		return HelloReply{}, err
	}
	cur := codec.NewReader(b)
	h := HelloReply{
		Status:  Status(cur.Uint8()),
		Version: uint16(cur.Max(math.MaxUint16)),
		Info: Info{
			Group:         cur.Uvarint(),
			Generation:    cur.Uvarint(),
			NodeID:        string(cur.Bytes()),
			Incarnation:   cur.Uvarint(),
			MaxKeyBytes:   uint32(cur.Max(math.MaxUint32)),
			MaxValueBytes: uint32(cur.Max(math.MaxUint32)),
			MaxInFlight:   uint32(cur.Max(math.MaxUint32)),
			SessionTTL:    time.Duration(cur.Duration()),
		},
		Message: string(cur.Bytes()),
		Extra:   cur.Bytes(),
	}
	if cur.Len() > 0 { // a node of before there were transactions ends here
		h.Info.MaxTxnOps = cur.Uint32()
		h.Info.MaxTxnBytes = cur.Uint32()
	}
	if cur.Bad() {
		return HelloReply{}, ErrMalformed
	}
	return h, nil
}

// Negotiate returns the highest version that both this release and a peer that
// speaks minVersion to maxVersion know, or ErrVersion, wrapped with both
// ranges.
func Negotiate(minVersion, maxVersion uint16) (uint16, error) {
	version := min(maxVersion, MaxVersion)
	if version < max(minVersion, MinVersion) {
		return 0, fmt.Errorf("%w: the other side speaks %d to %d, this side %d to %d",
			ErrVersion, minVersion, maxVersion, MinVersion, MaxVersion)
	}
	return version, nil
}

// writeGreeting fills in the length of b, which has Magic, room for the length
// and the fields, and writes it.
func writeGreeting(w io.Writer, b []byte) error {
	const header = len(Magic) + HeaderBytes
	if len(b)-header > MaxHelloBytes {
		return fmt.Errorf("%w: a handshake of %d bytes, %d are allowed", ErrFrameTooLarge, len(b)-header, MaxHelloBytes)
	}
	binary.LittleEndian.PutUint32(b[len(Magic):], uint32(len(b)-header))
	_, err := w.Write(b)
	return err
}

// readGreeting reads Magic, a length and as many bytes.
func readGreeting(r io.Reader) ([]byte, error) {
	// Magic is read by itself: a client of some other protocol may have sent
	// little, and is told at once instead of being waited for.
	var head [HeaderBytes]byte
	if _, err := io.ReadFull(r, head[:len(Magic)]); err != nil {
		return nil, err
	}
	if string(head[:len(Magic)]) != Magic {
		return nil, ErrMagic
	}
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, unexpectedEOF(err)
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > MaxHelloBytes {
		return nil, fmt.Errorf("%w: a handshake of %d bytes, %d are allowed", ErrFrameTooLarge, n, MaxHelloBytes)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, unexpectedEOF(err)
	}
	return b, nil
}

// unexpectedEOF turns io.EOF, which would say that nothing was begun, into
// io.ErrUnexpectedEOF.
func unexpectedEOF(err error) error {
	if err == io.EOF { //nolint:errorlint // readers return io.EOF itself
		return io.ErrUnexpectedEOF
	}
	return err
}
