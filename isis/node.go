package isis

import (
	"errors"
	"fmt"
	"slices"
)

// ErrProtocol is wrapped by every error of Step: the message breaks the
// protocol and was not taken; the state is unchanged. The sender is faulty or
// its link is: the caller should cut the link and report the peer.
var ErrProtocol = errors.New("isis: protocol violation")

// ErrMissedView is returned by Commit for a view that lists this member but
// that it cannot enter, because it does not hold the cut before it. The caller
// must start over as a new incarnation.
var ErrMissedView = errors.New("isis: a view was committed without this member's cut")

// Config sets up a Node. Zero values stand for the defaults.
type Config struct {
	Self MemberID

	// Base is the position at which the generation's first view begins: its first
	// command has the next one. All members of that view must have the same.
	Base uint64

	// Agreed chooses agreed delivery instead of safe: a message is delivered
	// once it is final at the head of the queue, without waiting until every
	// member is known to hold its FINAL.
	Agreed bool

	// Window is the number of own messages that may await PROPOSALs, and of those that
	// each holder is asked for at a time in a flush. Default 2.
	Window int

	// MaxBatchCommands and MaxBatchBytes bound one message. A single longer
	// command is a message of its own. Defaults 8192 and 1 MiB.
	MaxBatchCommands int
	MaxBatchBytes    int

	// MaxPendingBytes bounds the commands that wait for room in the window.
	// Default 64 MiB.
	MaxPendingBytes int

	// MaxUndelivered bounds the own messages that are sent and not delivered
	// yet, final or not, and with them every member's hold-back queue. Above it
	// commands wait, as they do when the window is full. Default 8 * Window.
	MaxUndelivered int

	// MaxUndeliveredBytes bounds them too, by the payloads before the last one:
	// a flush state and a cut are no larger than what all members have sent and
	// not delivered. Default 4 MiB.
	MaxUndeliveredBytes int

	// DirectAcks is the size of the largest view in which members acknowledge FINALs
	// to one another. In a larger one they tell the sender alone, which tells the
	// others once all hold them: fewer messages, and one delay more until the others
	// deliver. All members of a group must have the same. Default 5.
	DirectAcks int

	// MaxFuture bounds the messages kept for a view or an attempt that has not
	// reached this member yet. A view that waits for this member to enter it
	// brings no more of each sender than a COMMIT and its window. Default 4096.
	MaxFuture int
}

// Defaults that hosts with settings of their own share.
const (
	DefaultWindow        = 2
	DefaultMaxBatchBytes = 1 << 20
)

func (c *Config) setDefaults() {
	setDefault(&c.Window, DefaultWindow)
	setDefault(&c.MaxBatchCommands, 8192)
	setDefault(&c.MaxBatchBytes, DefaultMaxBatchBytes)
	setDefault(&c.MaxPendingBytes, 64<<20)
	setDefault(&c.MaxUndelivered, 8*c.Window)
	setDefault(&c.MaxUndeliveredBytes, 4<<20)
	setDefault(&c.DirectAcks, 5)
	setDefault(&c.MaxFuture, 4096)
}

func setDefault(v *int, d int) {
	if *v <= 0 {
		*v = d
	}
}

// Phase is where a Node stands.
type Phase uint8

// The phases.
const (
	Observing Phase = iota // in no view: loads state, follows a member's deliveries, may be part of an attempt
	Normal                 // in a view
	Wedged                 // in a view that is being flushed: sends, accepts and delivers nothing in it
	Excluded               // a view was committed without this member: nothing more happens here
)

func (p Phase) String() string {
	return [...]string{"observing", "normal", "wedged", "excluded"}[p]
}

// Node is one member's protocol state. It is not safe for concurrent use: its
// owner calls one method at a time, and Ready after a turn's last Step.
type Node struct {
	cfg      Config
	agreed   bool // cfg.Agreed, as it was set up
	eased    bool
	paced    bool
	credit   int // bytes that may be sent before another Grant, while paced
	phase    Phase
	position uint64 // of the last command delivered
	clock    uint64
	pending  batches

	// The view, and what it has under way.
	view       View
	self       int      // own rank
	ties       []uint32 // by rank: place of the id among the members' ids
	senders    []sender // by rank
	stability  stability
	queue      holdback
	nextSeq    uint64
	unfinished int      // own messages that await PROPOSALs
	answered   []uint64 // by rank: seq of the last own message it has answered
	proposed   []uint64 // by rank: its last proposal for an own message
	probed     uint64   // number of the last probe
	vouched    []uint64 // by rank: number of the last probe it has answered
	unstable   []*entry // agreed delivery: delivered, not known to be held by all
	free       []*entry

	flush    flush
	payloads payloads // of the view that is being flushed
	fetched  uint64   // bytes of them that came during flushes
	future   []kept
	donor    MemberID // observing: whose deliveries are followed
	passed   uint64   // observing: the newest view known to be committed without this node

	out, spare Ready
}

// Envelope is a message and the member it goes to.
type Envelope struct {
	To MemberID
	Message
}

// Delivery is a message at its place in the total order: its Count commands
// take the positions from First on.
type Delivery struct {
	View    uint64
	Sender  MemberID
	Seq     uint64
	First   uint64
	Count   uint32
	Payload []byte
	Own     bool // submitted at this node
}

// Ready is what the owner has to do after a turn, in this order: send Messages
// (their slices are valid until the next Step), log what was Rejected, apply
// Deliveries, and note the views Entered. A Delivery names its View, since those of
// two views may come in one turn.
type Ready struct {
	Messages   []Envelope
	Deliveries []Delivery
	Entered    []View
	Rejected   []error // kept messages that turned out to break the protocol
}

// New returns a node that observes, at position Base.
func New(cfg Config) *Node {
	cfg.setDefaults()
	return &Node{
		cfg:      cfg,
		agreed:   cfg.Agreed,
		position: cfg.Base,
		pending: batches{
			maxBytes:    cfg.MaxBatchBytes,
			maxCommands: cfg.MaxBatchCommands,
			limitBytes:  cfg.MaxPendingBytes,
		},
	}
}

// View returns the view the node is in; its ID is 0 while it is in none.
func (n *Node) View() View { return n.view }

// Phase tells where the node stands.
func (n *Node) Phase() Phase { return n.phase }

// Position is that of the last command delivered, or where a loaded state ends, or
// Base.
func (n *Node) Position() uint64 { return n.position }

// Pending is the number of commands submitted that no message carries yet.
func (n *Node) Pending() int { return n.pending.pending }

// DeliverSafely has the node deliver from now on as with safe delivery, or again
// as it was set up. A node that wants to leave calls it with true: survivors
// deliver what it has delivered since, at the same positions, and what it had
// delivered before once Idle tells so.
func (n *Node) DeliverSafely(on bool) { n.cfg.Agreed = n.agreed && !on }

// Idle tells that nothing submitted here waits or is under way: if the node left
// now, every member would deliver all that it submitted, in the order that it
// has seen. After DeliverSafely(true) that goes for all that it has delivered.
func (n *Node) Idle() bool {
	if n.pending.pending > 0 || n.phase != Observing && len(n.senders[n.self].undelivered()) > 0 {
		return false
	}
	if !n.cfg.Agreed && len(n.unstable) > 0 {
		return false
	}
	return !slices.ContainsFunc(n.unstable, func(e *entry) bool { return int(e.sender) == n.self })
}

// Ease has the node have no more than one own message under way, or again as many as
// it was set up for. A flush that follows has less to send then.
func (n *Node) Ease(on bool) { n.eased = on }

// Pace has the node begin messages only while it has credit, which each uses up by its
// bytes, the last one beyond what there is, but at most by 16 limits of Grant. Without a
// pace there is no such limit.
func (n *Node) Pace(on bool) {
	if on != n.paced {
		n.paced, n.credit = on, 0
	}
}

// mostDebt is how many limits of Grant a message may use up beyond the credit there is. What
// is more is forgiven, so that a node is not silent for long after a large message.
const mostDebt = 16

// Grant adds to the credit, up to a limit.
func (n *Node) Grant(bytes, limit int) {
	n.credit = min(max(n.credit, -mostDebt*limit)+bytes, limit)
}

// UnderWay returns the sequence numbers of the oldest and the newest own message that is
// sent and not delivered, in the view that the node takes part in, or 0 and 0.
func (n *Node) UnderWay() (oldest, newest uint64) {
	if n.phase != Normal {
		return 0, 0
	}
	own := n.senders[n.self].undelivered()
	if len(own) == 0 {
		return 0, 0
	}
	return own[0].seq, own[len(own)-1].seq
}

// HeldBack is the number of messages in the hold-back queue.
func (n *Node) HeldBack() int { return n.queue.len() }

// Attempt returns the id of the attempt the node is wedged for, or 0.
func (n *Node) Attempt() uint64 { return n.flush.attempt.View.ID }

// Rank returns the node's rank in its view, or -1.
func (n *Node) Rank() int {
	if n.view.ID == 0 {
		return -1
	}
	return n.self
}

// Unanswered appends to dst the members that owe a PROPOSAL for this node's
// oldest unfinished message, and returns its sequence number, 0 if there is
// none. While the view is being flushed nobody owes an answer.
func (n *Node) Unanswered(dst []MemberID) (uint64, []MemberID) {
	if n.phase != Normal || n.unfinished == 0 {
		return 0, dst
	}
	oldest := n.nextSeq - uint64(n.unfinished)
	for rank, seq := range n.answered {
		if rank != n.self && seq < oldest {
			dst = append(dst, n.view.Members[rank])
		}
	}
	return oldest, dst
}

// Submit queues an encoded command, of a byte at least, for this node's next message. The
// bytes are copied. It returns false when MaxPendingBytes wait already. Submitted commands
// are delivered in the order of submission.
func (n *Node) Submit(command []byte) bool { return n.pending.add(command) }

// Step takes a message from another member. An error wraps ErrProtocol.
func (n *Node) Step(from MemberID, m *Message) error {
	if n.phase == Excluded {
		return nil
	}
	switch m.Kind {
	case KindPropose, KindProposal, KindFinal, KindAck, KindProbe, KindVouch, KindHeld, KindStable:
		return n.stepView(from, m)
	case KindFlushState, KindCut, KindCutAck, KindFlush, KindLeanCut, KindFetch, KindSupply:
		return n.stepFlush(from, m)
	case KindCommit:
		_, err := n.speaksIn(from, m)
		return err
	default:
		return n.violation(from, m, "unknown kind")
	}
}

// Ready ends a turn: it delivers, starts messages, acknowledges, and returns
// what the owner has to do. The result is valid until the next call of Ready.
func (n *Node) Ready() *Ready {
	if n.phase == Normal {
		n.deliver()
		for n.start() { // what is delivered makes room, and a lone member delivers what it starts
			n.deliver()
		}
		n.acknowledge()
	} else if n.flushMoves() {
		n.deliver()
		n.acknowledge()
	}
	n.out, n.spare = n.spare, n.out
	n.out.reset()
	return &n.spare
}

func (r *Ready) reset() {
	clear(r.Messages)
	clear(r.Deliveries)
	r.Messages = r.Messages[:0]
	r.Deliveries = r.Deliveries[:0]
	r.Entered = r.Entered[:0]
	r.Rejected = nil
}

func (n *Node) send(to MemberID, m Message) {
	n.out.Messages = append(n.out.Messages, Envelope{To: to, Message: m})
}

// broadcast sends m to all other members of the view.
func (n *Node) broadcast(m Message) {
	for rank, member := range n.view.Members {
		if rank != n.self {
			n.send(member, m)
		}
	}
}

func (n *Node) violation(from MemberID, m *Message, why string) error {
	return fmt.Errorf("%w: %s %d/%d from %s#%d: %s", ErrProtocol, m.Kind, m.View, m.Seq, from.ID, from.Incarnation, why)
}
