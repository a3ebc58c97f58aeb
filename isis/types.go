package isis

import (
	"strconv"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// MemberID names one run of one node. Incarnations are given by the registry,
// from one counter for the whole group, so an incarnation is never used twice.
type MemberID struct {
	ID          string // the node's name, for life
	Incarnation uint64 // from 1; higher means started later
}

// String returns the id and the incarnation, as in "n1#3".
func (m MemberID) String() string { return m.ID + "#" + strconv.FormatUint(m.Incarnation, 10) }

// View is an agreed list of members. Rank is the index in Members: seniority,
// the longest a member first.
type View struct {
	ID      uint64 // rises with every attempt; one that fails leaves a gap
	Prev    uint64 // ID of the view before it, 0 for a generation's first
	Members []MemberID
}

// Rank returns the rank of m in v, or -1 when m is no member.
func (v *View) Rank(m MemberID) int {
	for i := range v.Members {
		sameRun := v.Members[i].Incarnation == m.Incarnation || planted.On(planted.NoIncarnation)
		if sameRun && v.Members[i].ID == m.ID {
			return i
		}
	}
	return -1
}

// Attempt is a view change under way: the view proposed, whose Prev is the base
// view that it follows, and the survivor of the base view that leads the flush.
type Attempt struct {
	View   View
	Leader MemberID

	// Full has flush states and cuts carry payloads, as earlier releases do: a member
	// of the attempt knows no other way. All members of an attempt must agree.
	Full bool
}

// Kind is a kind of message between members.
type Kind uint8

// The kinds of messages between members. Their numbers are part of the protocol.
const (
	KindPropose    Kind = 1  // sender to all: View, Seq, Priority (own proposal), Count, Payload
	KindProposal   Kind = 2  // receiver to sender: View, Seq, Priority
	KindFinal      Kind = 3  // sender to all: View, Seq, Priority
	KindAck        Kind = 4  // to all: View, Acks: by rank of the sender, the highest Seq up to which every FINAL is held
	KindFlushState Kind = 5  // survivor to leader: View is the attempt's id; State
	KindCut        Kind = 6  // leader to members: View is the attempt's id; Cut
	KindCutAck     Kind = 7  // member to leader: View is the attempt's id
	KindCommit     Kind = 8  // member to members: View is committed
	KindProbe      Kind = 9  // member to all: View, Seq (number of the probe): are you in the view, and not wedged?
	KindVouch      Kind = 10 // member to who probed: View, Seq: I am
	KindHeld       Kind = 11 // large view, receiver to sender: View, Seq up to which every FINAL of the latter is held
	KindStable     Kind = 12 // large view, sender to all: View, Seq up to which all are known to hold every FINAL of the former
	KindFlush      Kind = 13 // survivor to members: View is the attempt's id; no more messages of the base view come on this link
	KindLeanCut    Kind = 14 // leader to members: View is the attempt's id; Cut without payloads, with who holds them
	KindFetch      Kind = 15 // member to survivor: View is the attempt's id; Part that is wanted, from its Offset on
	KindSupply     Kind = 16 // survivor to member: View as in the FETCH; Part
)

// String returns the name that the literature gives the message.
func (k Kind) String() string {
	names := [...]string{
		"?", "PROPOSE", "PROPOSAL", "FINAL", "ACK", "FLUSH-STATE", "CUT", "CUT-ACK", "COMMIT", "PROBE", "VOUCH", "HELD", "STABLE",
		"FLUSH", "LEAN-CUT", "FETCH", "SUPPLY",
	}
	if int(k) >= len(names) {
		return names[0]
	}
	return names[k]
}

// Message is what members send to one another over reliable FIFO links.
// Which fields count depends on Kind; the others are zero.
type Message struct {
	Kind     Kind
	View     uint64
	Seq      uint64
	Priority uint64
	Count    uint32 // commands in Payload, each of which takes a byte at least
	Payload  []byte // opaque to this package; never written to after it is handed over
	Acks     []uint64
	State    *FlushState
	Cut      *Cut
	Part     *Part
}

// Entry is a message of the old view in a flush state or a cut.
type Entry struct {
	Sender   uint32 // rank in the old view
	Seq      uint64
	Priority uint64
	Final    bool   // Priority is the final one
	Count    uint32 // commands in Payload
	Payload  []byte
	Held     bool   // Payload is left out: of a flush state, its sender holds it; of a CUT, its receiver does
	Holder   uint32 // in a LEAN-CUT: the rank of a survivor that holds Payload
}

// FlushState is a wedged survivor's part in a flush.
type FlushState struct {
	Position uint64 // commands delivered whose messages every member is known to hold; Entries follow it
	Clock    uint64
	Entries  []Entry
}

// Cut is the common end of the old view: from Base on, these entries in this
// order.
type Cut struct {
	Base      uint64
	Clock     uint64     // highest priority in the cut
	Members   []MemberID // of the old view, by rank: a joiner does not know them
	Positions []uint64   // in a LEAN-CUT, by rank: of the survivors' flush states, 0 of others
	Entries   []Entry
}

// Part is a part of the payload of a message of the old view.
type Part struct {
	Sender uint32 // rank in the old view
	Seq    uint64
	Offset uint64 // in the payload
	Size   uint64 // of the whole payload, in a SUPPLY
	Bytes  []byte // in a SUPPLY
}
