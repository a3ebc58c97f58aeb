package transport

import (
	"encoding/binary"
	"fmt"

	"github.com/seed-8247e700/dsm/internal/transport/stream"
	"github.com/seed-8247e700/dsm/internal/wire/codec"
	"github.com/seed-8247e700/dsm/isis"
)

// greeting is the Extra of a Hello with wire.RolePeer: who dials whom, and where
// the dialler's end of the link stands.
type greeting struct {
	from, to isis.MemberID
	attempt  uint64 // rises with every dial of this incarnation: the highest is the newest
	claim    stream.Claim
}

func appendGreeting(dst []byte, g greeting) []byte {
	dst = appendMember(dst, g.from)
	dst = appendMember(dst, g.to)
	dst = binary.AppendUvarint(dst, g.attempt)
	return appendClaim(dst, g.claim)
}

func decodeGreeting(b []byte) (greeting, error) {
	r := codec.NewReader(b)
	g := greeting{from: readMember(&r), to: readMember(&r), attempt: r.Uvarint(), claim: readClaim(&r)}
	if r.Bad() { // what is left is a later release's
		return greeting{}, fmt.Errorf("%w: handshake of a peer", ErrMalformed)
	}
	return g, nil
}

// appendClaim is also the Extra of the reply to a Hello that found its link.
func appendClaim(dst []byte, c stream.Claim) []byte {
	dst = binary.AppendUvarint(dst, c.Epoch)
	dst = binary.AppendUvarint(dst, c.PeerEpoch)
	dst = binary.AppendUvarint(dst, c.Received)
	if c.Dead {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func readClaim(r *codec.Reader) stream.Claim {
	c := stream.Claim{Epoch: r.Uvarint(), PeerEpoch: r.Uvarint(), Received: r.Uvarint()}
	switch r.Uint8() {
	case 0:
	case 1:
		c.Dead = true
	default:
		r.Fail()
	}
	return c
}

func decodeClaim(b []byte) (stream.Claim, error) {
	r := codec.NewReader(b)
	c := readClaim(&r)
	if r.Bad() { // what is left is a later release's
		return stream.Claim{}, fmt.Errorf("%w: handshake of a peer", ErrMalformed)
	}
	return c, nil
}
