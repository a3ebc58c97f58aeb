package wire

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire/codec"
)

// Versions of the protocol that this release speaks. A node that speaks no version
// from VersionList on takes a RequestList for garbage, one that speaks none from
// VersionWatch on a RequestWatch and a RequestScan, and one that speaks none from
// VersionSessions on a RequestSessions. A client takes Alive frames from VersionAlive on.
const (
	MinVersion      = 1
	MaxVersion      = 5
	VersionList     = 2
	VersionWatch    = 3
	VersionSessions = 4
	VersionAlive    = 5
)

// Magic begins every connection.
const Magic = "dsm\n"

// Role says what a connection is for.
type Role uint8

// The roles.
const (
	RoleClient  Role = 1
	RolePeer    Role = 2 // a link between two members; Extra is internal/transport's
	RoleObserve Role = 3 // state for a joiner; Extra is the server's
)

// Hello is the first thing on a connection, from the side that dialled.
// Group and Generation are 0 when the dialler is not bound to a group yet.
type Hello struct {
	Role       Role
	MinVersion uint16
	MaxVersion uint16
	Group      uint64
	Generation uint64
	Extra      []byte // role-specific, at most MaxHelloBytes
	Secret     Secret // of a client; the zero Secret: it has none
}

// StaleReads is set in the first byte of the Extra of a client's Hello that accepts
// possibly stale reads. A node without a lease accepts the connection, and answers
// its plain reads and requests for status from its replica.
const StaleReads = 1

// AcceptsStale reports whether h is from a client that accepts stale reads.
func (h *Hello) AcceptsStale() bool {
	return h.Role == RoleClient && len(h.Extra) > 0 && h.Extra[0]&StaleReads != 0
}

// JoinerExtra returns the Extra of a joiner's Hello: its incarnation.
func JoinerExtra(incarnation uint64) []byte { return binary.AppendUvarint(nil, incarnation) }

// Joiner returns the incarnation of a joiner, 0 if h does not have it.
func (h *Hello) Joiner() uint64 {
	extra := codec.NewReader(h.Extra)
	return extra.Uvarint()
}

// MaxHelloBytes bounds an encoded Hello and HelloReply.
const MaxHelloBytes = 4096

// HelloReply answers a Hello. With a Status other than OK the node closes the
// connection after it, and Message says why and what to do.
type HelloReply struct {
	Status  Status
	Version uint16 // the version chosen
	Info    Info
	Message string
	Extra   []byte
}

// Info is what a node tells about itself in the handshake.
type Info struct {
	Group         uint64
	Generation    uint64
	NodeID        string
	Incarnation   uint64
	MaxKeyBytes   uint32
	MaxValueBytes uint32
	MaxInFlight   uint32        // requests in flight per connection, 0 for an embedded node: no limit
	SessionTTL    time.Duration // renew well within it
	MaxTxnOps     uint32        // bounds of a transaction, 0 from a node that knows none
	MaxTxnBytes   uint32
}

// Frame kinds of a client connection.
const (
	FrameRequest  = 1 // client to node
	FrameReply    = 2 // node to client
	FrameDelivery = 3 // node to client, after RequestSubscribe
	FrameGoAway   = 4 // node to client: no new requests here, the node is leaving; those in flight are answered
	FrameEvents   = 5 // node to client, after RequestWatch: see AppendEvent
	FrameAlive    = 6 // node to client: the node serves, and does not read requests now, because earlier ones wait; empty
)

// Frame kinds from a donor to a joiner, on a connection of their own so that no heartbeat
// queues behind them. Deliveries are FrameDelivery.
const (
	FrameChunk   = 16 // a part of the snapshot
	FrameLoaded  = 17 // the snapshot is complete
	FrameHead    = 18 // little more waits to be sent; body: uvarint position of the donor by now
	FrameRefused = 19 // the donor gives the joiner up: a byte that says why, and the reason in words
)

// RequestKind says what a request asks for.
type RequestKind uint8

// The kinds of requests.
const (
	RequestGet       RequestKind = 1 // Key, Position: the value at or after Position
	RequestGetStrong RequestKind = 2 // Key: linearizable
	RequestWrite     RequestKind = 3 // Command: one of Set .. CloseSession
	RequestStatus    RequestKind = 4 // reply Data: JSON of a node's status
	RequestSubscribe RequestKind = 5 // reply Position: the stream's first delivery has a later position; FrameDelivery frames follow
	RequestDigest    RequestKind = 6 // Position 0: order an audit, reply its position and this node's digest (Version) there. Position p > 0: this node's digest at the audit ordered at p
	RequestPing      RequestKind = 7
	RequestBarrier   RequestKind = 8  // an ordered no-op: replies its position
	RequestList      RequestKind = 9  // Key: a ListQuery, Position: a listing that begins shows the state at or after it. Reply: see ListPage
	RequestWatch     RequestKind = 10 // Key: a WatchQuery, Position: what the session has seen. Reply Position: the watch begins after it; FrameEvents frames follow
	RequestUnwatch   RequestKind = 11 // Position: the number of a watch, which ends; its events may still be on their way
	RequestCredit    RequestKind = 12 // Key: see AppendCredit
	RequestScan      RequestKind = 13 // Key: a ScanQuery, Position: a scan that begins shows the state at or after it. Reply: see ScanPage
	RequestSessions  RequestKind = 14 // Key: a SessionsQuery, Position: the page shows the state at or after it. Reply: see SessionsPage
)

// Request is one request on a client connection.
type Request struct {
	ID       uint64
	Kind     RequestKind
	Timeout  time.Duration // how long the client waits, 0 for the node's default; counted from receipt
	Position uint64        // what the session has seen
	Key      string
	Command  Command // RequestWrite

	// RawCommand is the encoding of Command. DecodeRequest sets it, for the
	// node to put into a batch as it is; AppendRequest takes it when it is set.
	RawCommand []byte
}

// Reply answers a request.
type Reply struct {
	ID       uint64
	Status   Status
	Position uint64 // the position the answer reflects; a write's own position
	Version  uint64 // Get: version of the value. Write: as in Result. Digest: the digest
	Number   int64
	Data     []byte // Get: the value, read-only. Status: JSON. Errors: text for people
}

// Delivery is one message as a node delivered it: Count commands at the
// consecutive positions from First.
type Delivery struct {
	View        uint64
	Sender      string // id of the sending member
	Incarnation uint64
	Seq         uint64 // number of the message in (View, Sender), from 1
	First       uint64
	Count       int
	Payload     []byte // Count commands, encoded one after the other
	Effects     []byte // bitmap, least significant bit first: command i took effect
}

// Conn is a connection to one node as the driver's session logic sees it. A
// network connection and an embedded node both implement it. Its methods may
// be called by many goroutines at once.
//
// An error means that there was no reply: ErrNotSent (wrapped) when the
// request certainly did not reach the node, the context's error when it ended
// first, anything else when the connection broke. Everything the node has to
// say, errors too, is in the Reply's Status.
//
// A Conn belongs to the group and generation of its Info: when the node is in
// others it answers StatusGeneration, never with their state. A call whose
// context has no deadline is bounded by the Conn itself, which then answers
// StatusTimeout. Write keeps nothing of cmd once it has returned.
type Conn interface {
	// Get reads key at or after position.
	Get(ctx context.Context, key string, position uint64, strong bool) (Reply, error)
	// Write submits a command and waits for its result.
	Write(ctx context.Context, position uint64, cmd Command) (Reply, error)
	// Submit hands over writes, to be ordered as they come, without waiting for
	// their results, and returns how many it has taken. Each of these has one
	// outcome, which sink is told. If it takes fewer without an error there is
	// no room for more until the sink is told of some. It may wait for the node
	// to have room, within ctx, and keeps nothing of writes.
	Submit(ctx context.Context, writes []Submission, sink Sink) (taken int, err error)
	// Ping makes a round trip to the node.
	Ping(ctx context.Context) error
	// Info is what the node told in the handshake.
	Info() Info
	// Close ends the connection. Calls in flight return errors.
	Close() error
}

// Submission is a write for Conn.Submit. The tag is the caller's.
type Submission struct {
	Tag     uint64
	Command Command
}

// Outcome is what became of a Submission: a reply, or why there is none.
type Outcome struct {
	Tag   uint64
	Reply Reply
	Err   error // as Conn's methods return it
}

// Sink is told of outcomes, many at a time, by whoever has them: a connection's
// reader or the owner of a node's protocol state. So Settle must neither wait nor
// call the Conn, and outcomes are overwritten once it has returned.
type Sink interface {
	Settle(outcomes []Outcome)
}

// Watcher is a Conn that watches and scans.
type Watcher interface {
	// Watch begins a watch of the node's changes, once the node has reached position, and
	// gives its events to sink. The reply is the node's answer; only with StatusOK is there a
	// Watching. Its number is not the caller's to choose.
	Watch(ctx context.Context, position uint64, q WatchQuery, sink EventSink) (Watching, Reply, error)

	// Scan asks for a page of a scan, of a state at or after position.
	Scan(ctx context.Context, position uint64, q *ScanQuery) (Reply, error)
}

// Watching is a watch under way.
type Watching interface {
	// Grant lets the node send so many bytes of events more.
	Grant(bytes uint64)

	// Stop ends the watch. Its sink is given nothing once Stop has returned.
	Stop()
}

// EventSink takes the events of one watch, in order, by one goroutine at a time, which
// must not wait. The bytes of an event may be kept: they are shared with other watches, and
// stay as they are. If the connection breaks, the last event is an EventEnded with
// StatusInterrupted.
type EventSink interface {
	Event(e *Event)
}

// Bounded is a Conn whose Close ends nothing, since it has nothing of its own: that
// to a replica in the same process.
type Bounded interface {
	// Within returns the Conn of a client that calls itself so and has a secret, with calls
	// that ctx ends too, those in flight included.
	Within(ctx context.Context, client string, secret Secret) Conn
}

// Local is a Conn to a replica in the same process.
type Local interface {
	// Reader returns what reads the replica without the Conn.
	Reader() LocalReader
}

// LocalReader answers a read of a replica in the same process at once if it can.
type LocalReader interface {
	// Get is the Conn's Get, not strong, of a replica that serves and has reached
	// position: the data, the version, which is 0 if there is no such variable,
	// and the position that the answer reflects, which is not below the one asked
	// for. Of any other replica ok is false; the Conn's Get then waits, or says why not.
	Get(key string, position uint64) (data []byte, version, reflects uint64, ok bool)
}
