package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/seed-8247e700/dsm/isis"
)

// ErrMalformed says that bytes are not the encoding of a message. The
// connection that brought them is closed.
var ErrMalformed = errors.New("transport: malformed message")

// DecodeMessage decodes what AppendMessage encoded, all of b. The message's
// payloads alias b; everything else in it is its own.
func DecodeMessage(b []byte) (isis.Message, error) {
	var m isis.Message
	_, err := decodeMessage(b, &m, nil)
	return m, err
}

// decodeMessage decodes into m, whose Acks become the end of acks, appended to.
// So one slice serves all messages that are handed over together.
func decodeMessage(b []byte, m *isis.Message, acks []uint64) ([]uint64, error) {
	r := fields{b: b}
	*m = isis.Message{Kind: isis.Kind(r.uint8()), View: r.uvarint()}
	switch m.Kind {
	case isis.KindPropose:
		m.Seq, m.Priority, m.Count = r.uvarint(), r.uvarint(), r.uint32()
		m.Payload = r.bytes(uint64(len(r.b)))
	case isis.KindProposal, isis.KindFinal:
		m.Seq, m.Priority = r.uvarint(), r.uvarint()
	case isis.KindAck:
		first := len(acks)
		for range r.count(1) {
			acks = append(acks, r.uvarint())
		}
		if len(acks) > first {
			m.Acks = acks[first:len(acks):len(acks)]
		}
	case isis.KindFlushState:
		m.State = &isis.FlushState{Position: r.uvarint(), Clock: r.uvarint()}
		m.State.Entries = r.entries()
	case isis.KindCut:
		m.Cut = &isis.Cut{Base: r.uvarint(), Clock: r.uvarint()}
		m.Cut.Members = r.members()
		m.Cut.Entries = r.entries()
	case isis.KindCutAck, isis.KindCommit:
	case isis.KindProbe, isis.KindVouch, isis.KindHeld, isis.KindStable:
		m.Seq = r.uvarint()
	default:
		return acks, fmt.Errorf("%w: unknown kind %d", ErrMalformed, m.Kind)
	}
	if r.bad || len(r.b) != 0 {
		return acks, fmt.Errorf("%w: %s of %d bytes", ErrMalformed, m.Kind, len(b))
	}
	return acks, nil
}

// fields takes values off the front of b. One that is not there, or not in its
// shortest form, makes it bad, and it stays bad: callers check once at the end.
type fields struct {
	b   []byte
	bad bool
}

func (r *fields) fail() {
	r.b, r.bad = nil, true
}

func (r *fields) uint8() uint8 {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *fields) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || n > 1 && r.b[n-1] == 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *fields) uint32() uint32 {
	v := r.uvarint()
	if v > math.MaxUint32 {
		r.fail()
		return 0
	}
	return uint32(v)
}

// bytes takes n bytes, nil if n is 0.
func (r *fields) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	if n == 0 {
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// count takes the number of things of which each takes at least size bytes. It
// is checked against what is left before memory is taken for them.
func (r *fields) count(size int) int {
	n := r.uvarint()
	if n > uint64(len(r.b)/size) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *fields) members() []isis.MemberID {
	n := r.count(2)
	if n == 0 {
		return nil
	}
	members := make([]isis.MemberID, n)
	for i := range members {
		members[i] = r.member()
	}
	return members
}

func (r *fields) member() isis.MemberID {
	return isis.MemberID{ID: string(r.bytes(r.uvarint())), Incarnation: r.uvarint()}
}

func (r *fields) entries() []isis.Entry {
	const smallest = 5 // four short numbers and the flags
	n := r.count(smallest)
	if n == 0 {
		return nil
	}
	entries := make([]isis.Entry, n)
	for i := range entries {
		e := &entries[i]
		e.Sender, e.Seq, e.Priority, e.Count = r.uint32(), r.uvarint(), r.uvarint(), r.uint32()
		flags := r.uint8()
		if flags&^(flagFinal|flagHeld) != 0 {
			r.fail()
		}
		e.Final, e.Held = flags&flagFinal != 0, flags&flagHeld != 0
		if !e.Held {
			e.Payload = r.bytes(r.uvarint())
		}
		if r.bad {
			return nil // do not walk the rest of a long list in vain
		}
	}
	return entries
}
