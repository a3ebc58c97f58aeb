package isis

// MemberID names one run of one node. Incarnations are given by the registry,
// from one counter for the whole group, so an incarnation is never used twice.
type MemberID struct {
	ID          string // the node's name, for life
	Incarnation uint64 // from 1; higher means started later
}

// View is an agreed list of members. Rank is the index in Members: seniority,
// the longest a member first.
type View struct {
	ID      uint64 // rises with every attempt; one that fails leaves a gap
	Prev    uint64 // ID of the view before it, 0 for a generation's first
	Members []MemberID
}

// Kind is a kind of message between members.
type Kind uint8

// The kinds of messages between members. Their numbers are part of the protocol.
const (
	KindPropose    Kind = 1 // sender to all: View, Seq, Priority (own proposal), Count, Payload
	KindProposal   Kind = 2 // receiver to sender: View, Seq, Priority
	KindFinal      Kind = 3 // sender to all: View, Seq, Priority
	KindAck        Kind = 4 // to all: View, Acks: by rank of the sender, the highest Seq up to which every FINAL is held
	KindFlushState Kind = 5 // survivor to leader: View is the attempt's id; State
	KindCut        Kind = 6 // leader to members: View is the attempt's id; Cut
	KindCutAck     Kind = 7 // member to leader: View is the attempt's id
	KindCommit     Kind = 8 // member to members: View is committed
)

// Message is what members send to one another over reliable FIFO links.
// Which fields count depends on Kind; the others are zero.
type Message struct {
	Kind     Kind
	View     uint64
	Seq      uint64
	Priority uint64
	Count    uint32 // commands in Payload
	Payload  []byte // opaque to this package; never written to after it is handed over
	Acks     []uint64
	State    *FlushState
	Cut      *Cut
}

// Entry is a message of the old view in a flush state or a cut.
type Entry struct {
	Sender   uint32 // rank in the old view
	Seq      uint64
	Priority uint64
	Final    bool   // Priority is the final one
	Count    uint32 // commands in Payload
	Payload  []byte // nil in a cut for a member that holds it
	Held     bool   // in a cut: Payload is left out, since the receiver holds it
}

// FlushState is a wedged survivor's part in a flush (design 4.4, step 2).
type FlushState struct {
	Position uint64 // commands known to be delivered or deliverable everywhere; Entries follow it
	Clock    uint64
	Entries  []Entry
}

// Cut is the common end of the old view (design 4.4, step 3): from Base on,
// these entries in this order.
type Cut struct {
	Base    uint64
	Clock   uint64 // highest priority in the cut
	Entries []Entry
}
