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
	case isis.KindCutAck, isis.KindCommit:
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

// sizeBound returns a size that the encoding of m does not exceed, so that room
// for it can be made at once.
func sizeBound(m *isis.Message) int {
	const fixed = 1 + 4*binary.MaxVarintLen64
	size := fixed + len(m.Payload) + binary.MaxVarintLen64*(1+len(m.Acks))
	if m.State != nil {
		size += entriesBound(m.State.Entries)
	}
	if m.Cut != nil {
		size += entriesBound(m.Cut.Entries)
		for i := range m.Cut.Members {
			size += 2*binary.MaxVarintLen64 + len(m.Cut.Members[i].ID)
		}
	}
	return size
}

func entriesBound(entries []isis.Entry) int {
	size := binary.MaxVarintLen64
	for i := range entries {
		size += 1 + 5*binary.MaxVarintLen64 + len(entries[i].Payload)
	}
	return size
}
