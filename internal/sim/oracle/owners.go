package oracle

import (
	"cmp"
	"maps"
	"slices"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// The bounds of a session's own TTL, in milliseconds.
const (
	shortestTTL = 100
	longestTTL  = 24 * 60 * 60 * 1000
)

// End is a session with a TTL of its own that expires.
type End struct {
	Session uint64
	TTL     int64  // in milliseconds
	Last    uint64 // position of its last command
}

// renew begins the time of a session again.
func (o *Oracle) renew(s *session, position uint64) {
	s.renewed, s.last, s.pending = o.clock, position, s.ttl != 0
}

// close ends a session.
func (o *Oracle) close(position, id uint64) {
	if o.sessions[id].ttl != 0 {
		o.Counts.TimedClosed++
	}
	delete(o.sessions, id)
	if !o.Partial {
		o.expireOwned(position)
	}
}

// passSessions follows what a tick, whose sender knew the order up to a position, does to the
// sessions with a TTL of their own.
func (o *Oracle) passSessions(position, known uint64) {
	for _, id := range slices.Sorted(maps.Keys(o.sessions)) {
		switch s := o.sessions[id]; {
		case s.ttl == 0:
		case s.pending && s.last <= known:
			s.renewed, s.pending = o.clock, false
		case !s.pending && s.renewed+s.ttl+1 <= o.clock:
			o.Counts.TimedExpired++
			if o.Ended != nil {
				o.Ended(position, End{Session: id, TTL: s.ttl, Last: s.last})
			}
			delete(o.sessions, id)
		}
	}
}

// expireOwned removes variables whose owners have ended.
func (o *Oracle) expireOwned(position uint64) {
	var keys []string
	for key, owner := range o.memory.owners {
		if o.sessions[owner] == nil {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(o.memory.owners[a], o.memory.owners[b]), cmp.Compare(a, b))
	})
	keys = keys[:min(len(keys), mostOwned)]
	for _, key := range keys {
		o.Counts.GoneOwned++
		if o.Expired != nil {
			e := o.expiry(key)
			e.Owner = o.memory.owners[key]
			o.Expired(position, e)
		}
		o.memory.remove(key)
	}
}

// own does to an owner what an operation of a transaction does.
func (m *memory) own(op *wire.TxnOp, session uint64) {
	switch {
	case op.Ephemeral:
		m.owners[op.Key] = session
	case op.Kind == wire.TxnPut && !op.KeepTTL, op.Kind == wire.TxnDelete:
		delete(m.owners, op.Key)
	}
}
