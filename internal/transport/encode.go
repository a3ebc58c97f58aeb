package transport

import (
	"encoding/binary"
	"fmt"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/isis"
)

// Bits of an entry's flags.
const (
	flagFinal = 1 << iota
	flagHeld
)

// AppendMessage appends the encoding of m: its kind, its view and the fields
// that count for the kind. Of an entry that is Held the payload is left out.
// Encodings are canonical: equal messages have equal bytes, and DecodeMessage
// takes no other form. AppendMessage panics on a kind it does not know, and on a
// flush state or a cut that is nil.
func AppendMessage(dst []byte, m *isis.Message) []byte {
	dst = append(dst, byte(m.Kind))
	dst = binary.AppendUvarint(dst, m.View)
	switch m.Kind {
	case isis.KindPropose:
		dst = binary.AppendUvarint(dst, m.Seq)
		dst = binary.AppendUvarint(dst, m.Priority)
		dst = binary.AppendUvarint(dst, uint64(m.Count))
		return append(dst, m.Payload...)
	case isis.KindProposal, isis.KindFinal:
		dst = binary.AppendUvarint(dst, m.Seq)
		return binary.AppendUvarint(dst, m.Priority)
	case isis.KindAck:
		dst = binary.AppendUvarint(dst, uint64(len(m.Acks)))
		for _, seq := range m.Acks {
			dst = binary.AppendUvarint(dst, seq)
		}
		return dst
	case isis.KindFlushState:
		dst = binary.AppendUvarint(dst, m.State.Position)
		dst = binary.AppendUvarint(dst, m.State.Clock)
		return appendEntries(dst, m.State.Entries)
	case isis.KindCut:
		dst = binary.AppendUvarint(dst, m.Cut.Base)
		dst = binary.AppendUvarint(dst, m.Cut.Clock)
		dst = appendMembers(dst, m.Cut.Members)
		return appendEntries(dst, m.Cut.Entries)
	case isis.KindLeanCut:
		return appendLeanCut(dst, m.Cut)
	case isis.KindFetch:
		return appendPart(dst, m.Part)
	case isis.KindSupply:
		dst = appendPart(dst, m.Part)
		dst = binary.AppendUvarint(dst, m.Part.Size)
		return append(dst, m.Part.Bytes...)
	case isis.KindCutAck, isis.KindCommit, isis.KindFlush:
		return dst
	case isis.KindProbe, isis.KindVouch, isis.KindHeld, isis.KindStable:
		return binary.AppendUvarint(dst, m.Seq)
	default:
		panic(fmt.Sprintf("transport: no encoding for messages of kind %d", m.Kind))
	}
}

func appendMembers(dst []byte, members []isis.MemberID) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(members)))
	for i := range members {
		dst = link.AppendMember(dst, members[i])
	}
	return dst
}

func appendEntries(dst []byte, entries []isis.Entry) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(entries)))
	for i := range entries {
		e := &entries[i]
		dst = binary.AppendUvarint(dst, uint64(e.Sender))
		dst = binary.AppendUvarint(dst, e.Seq)
		dst = binary.AppendUvarint(dst, e.Priority)
		dst = binary.AppendUvarint(dst, uint64(e.Count))
		var flags byte
		if e.Final {
			flags |= flagFinal
		}
		if e.Held {
			dst = append(dst, flags|flagHeld)
			continue
		}
		dst = append(dst, flags)
		dst = binary.AppendUvarint(dst, uint64(len(e.Payload)))
		dst = append(dst, e.Payload...)
	}
	return dst
}

// appendLeanCut appends a cut without payloads. All priorities in it are final.
func appendLeanCut(dst []byte, c *isis.Cut) []byte {
	dst = binary.AppendUvarint(dst, c.Base)
	dst = binary.AppendUvarint(dst, c.Clock)
	dst = appendMembers(dst, c.Members)
	dst = binary.AppendUvarint(dst, uint64(len(c.Positions)))
	for _, position := range c.Positions {
		dst = binary.AppendUvarint(dst, position)
	}
	dst = binary.AppendUvarint(dst, uint64(len(c.Entries)))
	for i := range c.Entries {
		e := &c.Entries[i]
		dst = binary.AppendUvarint(dst, uint64(e.Sender))
		dst = binary.AppendUvarint(dst, e.Seq)
		dst = binary.AppendUvarint(dst, e.Priority)
		dst = binary.AppendUvarint(dst, uint64(e.Count))
		dst = binary.AppendUvarint(dst, uint64(e.Holder))
	}
	return dst
}

func appendPart(dst []byte, p *isis.Part) []byte {
	dst = binary.AppendUvarint(dst, uint64(p.Sender))
	dst = binary.AppendUvarint(dst, p.Seq)
	return binary.AppendUvarint(dst, p.Offset)
}

// sizeBound returns a size that the encoding of m does not exceed, so that room
// for it can be made at once.
func sizeBound(m *isis.Message) int {
	const fixed = 1 + 4*binary.MaxVarintLen64
	size := fixed + len(m.Payload) + binary.MaxVarintLen64*(1+len(m.Acks))
	if m.State != nil {
		size += entriesBound(m.State.Entries)
	}
	if m.Cut != nil {
		size += entriesBound(m.Cut.Entries) + binary.MaxVarintLen64*(1+len(m.Cut.Positions))
		for i := range m.Cut.Members {
			size += 2*binary.MaxVarintLen64 + len(m.Cut.Members[i].ID)
		}
	}
	if m.Part != nil {
		size += 4*binary.MaxVarintLen64 + len(m.Part.Bytes)
	}
	return size
}

func entriesBound(entries []isis.Entry) int {
	size := binary.MaxVarintLen64
	for i := range entries {
		size += 1 + 6*binary.MaxVarintLen64 + len(entries[i].Payload)
	}
	return size
}
