package link

import (
	"time"

	"github.com/seed-8247e700/dsm/isis"
)

// Peer is a node to be linked with, and where it listens.
type Peer struct {
	isis.MemberID
	Addr string // host:port
}

// Status is how a link is.
type Status struct {
	Peer
	Connected bool
	Dead      error         // why nothing can be sent before a later view; nil if it can
	Broken    error         // why there is no connection, if there is none and it is known
	Heard     time.Duration // when anything was last received, by the steady clock; 0: never
	KeptBytes int           // sent, or to be sent, and not confirmed
}
