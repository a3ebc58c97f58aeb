package link

import (
	"time"

	"github.com/seed-8247e700/dsm/isis"
)

// Peer is a node to be linked with.
type Peer struct {
	isis.MemberID
	Addr string // host:port, where it listens

	// Bound is the newest view, or attempt at one, of which both this node and the peer
	// are members, as far as this node knows; 0 if there is none. A link that is dead
	// begins again when it grows. Without one it begins again at once: there is nothing
	// in which both are that may have lost a message. At a node it only grows, but for
	// what was bound by an attempt that has failed.
	Bound uint64

	// Key is what this node and the peer share, by which the peer proves who it is. The
	// zero Key is none: a peer of an earlier release proves nothing.
	Key Key
}

// Key is a secret of two nodes.
type Key [16]byte

// String keeps a key out of logs and errors.
func (Key) String() string { return "a key" }

// Status is how a link is.
type Status struct {
	Peer
	Connected bool
	Dead      error         // why nothing can be sent before Bound grows; nil if it can
	Broken    error         // why there is no connection, if there is none and it is known
	Heard     time.Duration // when anything was last received, by the steady clock; 0: never
	Came      uint64        // bytes that were received, ever
	KeptBytes int           // sent, or to be sent, and not confirmed
	End       uint64        // the offset, in what goes to the peer, behind all that was sent or is to be sent
}
