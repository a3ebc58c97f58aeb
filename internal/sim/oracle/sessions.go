package oracle

import (
	"cmp"
	"slices"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// census is how many sessions there are from a position on.
type census struct {
	position uint64
	all      int
	of       map[string]int // by the client's name
}

// count takes a census after a command that has opened or ended sessions.
func (o *Oracle) count(position uint64) {
	if n := len(o.censuses); n > 0 && o.censuses[n-1].all == len(o.sessions) {
		return // no command does both
	}
	c := census{position: position, all: len(o.sessions), of: make(map[string]int)}
	for _, s := range o.sessions {
		c.of[s.client]++
	}
	o.censuses = append(o.censuses, c)
}

// Crowded returns the bound of sessions that a client could not pass after a position, and whose
// it is, as a refusal has them. It returns zeros if there was room for another.
func (o *Oracle) Crowded(client string, position uint64) (of int64, most int) {
	i, found := slices.BinarySearchFunc(o.censuses, position, func(c census, position uint64) int { return cmp.Compare(c.position, position) })
	if !found {
		i--
	}
	if i < 0 {
		return 0, 0
	}
	switch c := &o.censuses[i]; {
	case o.MaxSessions > 0 && c.all >= o.MaxSessions:
		return wire.BoundOfGroup, o.MaxSessions
	case client != "" && c.of[client] >= o.MaxClientSessions:
		return wire.BoundOfClient, o.MaxClientSessions
	default:
		return 0, 0
	}
}
