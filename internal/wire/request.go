package wire

import (
	"encoding/binary"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire/codec"
)

// AppendRequest appends r as a whole frame. Of a write it appends RawCommand
// as it is when that is set, and encodes Command otherwise. A negative Timeout
// counts as 0. It panics when r.Kind is not one of the kinds.
func AppendRequest(dst []byte, r *Request) []byte {
	start := len(dst)
	dst = BeginFrame(dst, FrameRequest)
	dst = binary.AppendUvarint(dst, r.ID)
	dst = append(dst, byte(r.Kind))
	dst = binary.AppendUvarint(dst, uint64(max(r.Timeout, 0)))
	dst = binary.AppendUvarint(dst, r.Position)
	switch r.Kind {
	case RequestGet, RequestGetStrong, RequestList, RequestWatch, RequestCredit, RequestScan, RequestSessions:
		// The key goes to the end of the frame, which tells its length.
		dst = append(dst, r.Key...)
	case RequestWrite:
		if r.RawCommand != nil {
			dst = append(dst, r.RawCommand...)
		} else {
			dst = r.Command.Append(dst)
		}
	case RequestStatus, RequestSubscribe, RequestDigest, RequestPing, RequestBarrier, RequestUnwatch:
	default:
		panic("wire: AppendRequest of an unknown kind")
	}
	return EndFrame(dst, start)
}

// DecodeRequest reads the body of a request's frame. Key, Command and
// RawCommand alias body: clone what is kept longer. RawCommand is exactly the
// encoding of Command, so that it may be embedded in a batch unread.
func DecodeRequest(body []byte) (Request, error) {
	cur := codec.NewReader(body)
	r := Request{ID: cur.Uvarint(), Kind: RequestKind(cur.Uint8())}
	r.Timeout = time.Duration(cur.Duration())
	r.Position = cur.Uvarint()
	switch r.Kind {
	case RequestGet, RequestGetStrong, RequestList, RequestWatch, RequestCredit, RequestScan, RequestSessions:
		r.Key = aliasString(cur.Rest())
	case RequestWrite:
		raw := cur.Left()
		readCommand(&cur, &r.Command)
		r.RawCommand = raw[:len(raw):len(raw)]
	case RequestStatus, RequestSubscribe, RequestDigest, RequestPing, RequestBarrier, RequestUnwatch:
	default:
		cur.Fail()
	}
	if err := end(&cur); err != nil {
		return Request{}, err
	}
	return r, nil
}

// MayBeLarge reports whether the frame of which a request's beginning has come, from its kind on, may
// have more than 64 KiB: only a write may, for its value. If not, it returns the request's number.
func MayBeLarge(begin []byte) (may bool, id uint64) {
	cur := codec.NewReader(begin)
	isRequest := cur.Uint8() == FrameRequest
	id = cur.Uvarint()
	return !isRequest || RequestKind(cur.Uint8()) == RequestWrite || cur.Bad(), id
}

// KeyTooLong reports whether the Key is longer than any key is, or any query of the
// request's kind.
func (r *Request) KeyTooLong() bool {
	if len(r.Key) <= MaxKeyBytes {
		return false
	}
	isKey := r.Kind == RequestGet || r.Kind == RequestGetStrong
	return isKey || len(r.Key) > MaxQueryBytes
}

// AppendReply appends r as a whole frame.
func AppendReply(dst []byte, r *Reply) []byte {
	start := len(dst)
	dst = BeginFrame(dst, FrameReply)
	dst = binary.AppendUvarint(dst, r.ID)
	dst = append(dst, byte(r.Status))
	dst = binary.AppendUvarint(dst, r.Position)
	dst = binary.AppendUvarint(dst, r.Version)
	dst = binary.AppendVarint(dst, r.Number)
	// The data goes to the end of the frame, which tells its length.
	dst = append(dst, r.Data...)
	return EndFrame(dst, start)
}

// DecodeReply reads the body of a reply's frame. Data aliases body, and is nil
// when it is empty. A Status that this release does not know is let through.
func DecodeReply(body []byte) (Reply, error) {
	cur := codec.NewReader(body)
	r := Reply{ID: cur.Uvarint(), Status: Status(cur.Uint8())}
	r.Position = cur.Uvarint()
	r.Version = cur.Uvarint()
	r.Number = cur.Varint()
	r.Data = cur.Rest()
	if err := end(&cur); err != nil {
		return Reply{}, err
	}
	return r, nil
}
