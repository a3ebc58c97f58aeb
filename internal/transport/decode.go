package transport

import (
	"errors"
	"fmt"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/wire/codec"
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
	r := codec.NewReader(b)
	*m = isis.Message{Kind: isis.Kind(r.Uint8()), View: r.Uvarint()}
	switch m.Kind {
	case isis.KindPropose:
		m.Seq, m.Priority, m.Count = r.Uvarint(), r.Uvarint(), r.Uint32()
		m.Payload = r.Rest()
		checkCount(&r, m.Count, m.Payload)
	case isis.KindProposal, isis.KindFinal:
		m.Seq, m.Priority = r.Uvarint(), r.Uvarint()
	case isis.KindAck:
		first := len(acks)
		for range r.Count(1) {
			acks = append(acks, r.Uvarint())
		}
		if len(acks) > first {
			m.Acks = acks[first:len(acks):len(acks)]
		}
	case isis.KindFlushState:
		m.State = &isis.FlushState{Position: r.Uvarint(), Clock: r.Uvarint()}
		m.State.Entries = readEntries(&r)
	case isis.KindCut:
		m.Cut = &isis.Cut{Base: r.Uvarint(), Clock: r.Uvarint()}
		m.Cut.Members = readMembers(&r)
		m.Cut.Entries = readEntries(&r)
	case isis.KindLeanCut:
		m.Cut = readLeanCut(&r)
	case isis.KindFetch:
		m.Part = readPart(&r)
	case isis.KindSupply:
		m.Part = readPart(&r)
		m.Part.Size, m.Part.Bytes = r.Uvarint(), r.Rest()
	case isis.KindCutAck, isis.KindCommit, isis.KindFlush:
	case isis.KindProbe, isis.KindVouch, isis.KindHeld, isis.KindStable:
		m.Seq = r.Uvarint()
	default:
		return acks, fmt.Errorf("%w: unknown kind %d", ErrMalformed, m.Kind)
	}
	if !r.Done() {
		return acks, fmt.Errorf("%w: %s of %d bytes", ErrMalformed, m.Kind, len(b))
	}
	return acks, nil
}

func readLeanCut(r *codec.Reader) *isis.Cut {
	c := &isis.Cut{Base: r.Uvarint(), Clock: r.Uvarint(), Members: readMembers(r)}
	if n := r.Count(1); n > 0 {
		c.Positions = make([]uint64, n)
		for i := range c.Positions {
			c.Positions[i] = r.Uvarint()
		}
	}
	const smallest = 5 // numbers
	if n := r.Count(smallest); n > 0 {
		c.Entries = make([]isis.Entry, n)
		for i := range c.Entries {
			c.Entries[i] = isis.Entry{
				Sender: r.Uint32(), Seq: r.Uvarint(), Priority: r.Uvarint(), Count: r.Uint32(), Holder: r.Uint32(),
				Final: true, Held: true,
			}
		}
	}
	return c
}

func readPart(r *codec.Reader) *isis.Part {
	return &isis.Part{Sender: r.Uint32(), Seq: r.Uvarint(), Offset: r.Uvarint()}
}

func readMembers(r *codec.Reader) []isis.MemberID {
	n := r.Count(2)
	if n == 0 {
		return nil
	}
	members := make([]isis.MemberID, n)
	for i := range members {
		members[i] = link.ReadMember(r)
	}
	return members
}

func readEntries(r *codec.Reader) []isis.Entry {
	const smallest = 5 // four short numbers and the flags
	n := r.Count(smallest)
	if n == 0 {
		return nil
	}
	entries := make([]isis.Entry, n)
	for i := range entries {
		e := &entries[i]
		e.Sender, e.Seq, e.Priority, e.Count = r.Uint32(), r.Uvarint(), r.Uvarint(), r.Uint32()
		flags := r.Uint8()
		if flags&^(flagFinal|flagHeld) != 0 {
			r.Fail()
		}
		e.Final, e.Held = flags&flagFinal != 0, flags&flagHeld != 0
		if !e.Held {
			e.Payload = r.Bytes()
			checkCount(r, e.Count, e.Payload)
		}
		if r.Bad() {
			return nil // do not walk the rest of a long list in vain
		}
	}
	return entries
}

// checkCount makes r bad if a payload is too short for so many commands, each of which
// takes a byte at least. A receiver has a result and a position for each of them.
func checkCount(r *codec.Reader, count uint32, payload []byte) {
	if uint64(count) > uint64(len(payload)) {
		r.Fail()
	}
}
