package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/seed-8247e700/dsm/internal/wire/codec"
	"github.com/seed-8247e700/dsm/isis"
)

// Greeting is the Extra of a Hello with wire.RolePeer: who dials whom, and where the
// dialler's end of the link stands.
type Greeting struct {
	From, To isis.MemberID
	Dial     uint64 // rises with every dial of this incarnation: the highest is the newest
	Claim    Claim

	version uint16 // of the protocol, as agreed upon
	signed  []byte // what proof is about
	proof   []byte // that it comes from From; empty: there is none
}

// proofBytes is the length of a proof, a shortened HMAC-SHA256.
const proofBytes = 16

// prove returns the proof that signed, the encoded greeting before it, comes from one of
// the two that share a key, and is meant for a group and a generation.
func (k Key) prove(group, generation uint64, signed []byte) []byte {
	mac := hmac.New(sha256.New, k[:])
	b := binary.LittleEndian.AppendUint64([]byte("dsm greeting"), group)
	mac.Write(binary.LittleEndian.AppendUint64(b, generation))
	mac.Write(signed)
	return mac.Sum(nil)[:proofBytes]
}

func (g Greeting) append(dst []byte) []byte {
	dst = AppendMember(dst, g.From)
	dst = AppendMember(dst, g.To)
	dst = binary.AppendUvarint(dst, g.Dial)
	return g.Claim.append(dst)
}

func decodeGreeting(b []byte) (Greeting, error) {
	r := codec.NewReader(b)
	g := Greeting{From: ReadMember(&r), To: ReadMember(&r), Dial: r.Uvarint(), Claim: readClaim(&r)}
	g.signed = b[:len(b)-r.Len()]
	if r.Len() > 0 { // an earlier release has no proof
		g.proof = r.Take(proofBytes)
	}
	if r.Bad() { // what is left is a later release's
		return Greeting{}, fmt.Errorf("%w: a greeting of %d bytes", ErrMalformed, len(b))
	}
	return g, nil
}

// append appends the claim, which is also the Extra of the reply to a Hello that found its
// link.
func (c Claim) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, c.Epoch)
	dst = binary.AppendUvarint(dst, c.PeerEpoch)
	dst = binary.AppendUvarint(dst, c.Received)
	if c.Dead {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func readClaim(r *codec.Reader) Claim {
	c := Claim{Epoch: r.Uvarint(), PeerEpoch: r.Uvarint(), Received: r.Uvarint()}
	switch r.Uint8() {
	case 0:
	case 1:
		c.Dead = true
	default:
		r.Fail()
	}
	return c
}

func decodeClaim(b []byte) (Claim, error) {
	r := codec.NewReader(b)
	c := readClaim(&r)
	if r.Bad() { // what is left is a later release's
		return Claim{}, fmt.Errorf("%w: a claim of %d bytes", ErrMalformed, len(b))
	}
	return c, nil
}

// AppendMember appends who a member is, in the form of handshakes and messages.
func AppendMember(dst []byte, m isis.MemberID) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(m.ID)))
	dst = append(dst, m.ID...)
	return binary.AppendUvarint(dst, m.Incarnation)
}

// ReadMember reads what AppendMember appends.
func ReadMember(r *codec.Reader) isis.MemberID {
	return isis.MemberID{ID: string(r.Bytes()), Incarnation: r.Uvarint()}
}
