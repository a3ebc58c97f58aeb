package check

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// owners follows the sessions that have a TTL of their own, and the variables that they own.
// The sessions are those of all clients, and the variables those that are looked at.
type owners struct {
	origin   uint64                         // nothing is known of sessions opened up to here
	sessions timers[uint64]                 // those that have not ended
	ended    map[uint64]uint64              // and the position where each of the others did
	of       map[string]uint64              // the owner of each variable that has one
	owned    map[uint64]map[string]struct{} // the variables of each session that has any
	dead     []uint64                       // sessions that have ended and may have some yet, rising
}

func newOwners(origin uint64) owners {
	return owners{
		origin: origin, sessions: newTimers[uint64](), ended: make(map[uint64]uint64),
		of: make(map[string]uint64), owned: make(map[uint64]map[string]struct{}),
	}
}

// set makes a session the owner of a variable, whose key is kept.
func (t *owners) set(key string, session uint64) {
	t.clear(key)
	t.of[key] = session
	if t.owned[session] == nil {
		t.owned[session] = make(map[string]struct{})
	}
	t.owned[session][key] = struct{}{}
}

// clear frees a variable from its owner, if it has one.
func (t *owners) clear(key string) {
	session, ok := t.of[key]
	if !ok {
		return
	}
	delete(t.of, key)
	if delete(t.owned[session], key); len(t.owned[session]) == 0 {
		delete(t.owned, session)
	}
}

// end notes where a session has ended.
func (t *owners) end(session, position uint64) {
	t.sessions.clear(session)
	t.ended[session] = position
	if len(t.owned[session]) > 0 {
		i, _ := slices.BinarySearch(t.dead, session)
		t.dead = slices.Insert(t.dead, i, session)
	}
}

// ownership says whether a session may own variables.
type ownership uint8

const (
	ownsNone ownership = iota
	mayOwn             // it was opened before the checks began
	owns
)

func (t *owners) may(session uint64) ownership {
	if _, alive := t.sessions.of[session]; alive {
		return owns
	}
	if session <= t.origin {
		return mayOwn
	}
	return ownsNone
}

// followSession does to the sessions with a TTL of their own what a command does, and returns
// what is wrong with its taking effect, or not.
func (r *Reads) followSession(e *Entry) (problem string) {
	t, c := &r.owners, &e.Command
	switch {
	case (c.Op == wire.OpOpenTimed || c.Op == wire.OpOpenLocked && c.Delta != 0) && e.OK:
		t.sessions.set(e.Position, uint64(c.Delta), e.Position)
		if c.Delta < wire.MinSessionTTL || c.Delta > wire.MaxSessionTTL {
			return "took effect, and could not be done"
		}
		return ""
	case c.Op.Operation().Fields&wire.FieldSession == 0:
		return ""
	}
	if one, alive := t.sessions.of[c.Session]; alive {
		t.sessions.set(c.Session, one.ttl, e.Position)
		if !e.OK && !c.Op.IsWrite() {
			problem = "was refused, and its session has not ended"
		}
	}
	if at, over := t.ended[c.Session]; over && e.OK {
		problem = fmt.Sprintf("took effect, and its session had ended at position %d", at)
	}
	if c.Op == wire.OpCloseSession && e.OK {
		if _, alive := t.sessions.of[c.Session]; alive {
			t.end(c.Session, e.Position)
		}
		r.expireOwned(e.Position)
	}
	return problem
}

// passSessions ends the sessions whose time is over, and lets that of those begin whose last
// command is at a position up to seen.
func (r *Reads) passSessions(seen uint64) {
	t := &r.owners
	for id, ok := t.sessions.next(); ok; id, ok = t.sessions.next() {
		t.end(id, r.position)
	}
	t.sessions.start(seen)
}

// expireOwned removes variables whose owners have ended.
func (r *Reads) expireOwned(position uint64) {
	t := &r.owners
	for left := maxOwned; left > 0 && len(t.dead) > 0; {
		keys := slices.Sorted(maps.Keys(t.owned[t.dead[0]]))
		if len(keys) <= left {
			t.dead = slices.Delete(t.dead, 0, 1)
		}
		for _, key := range keys[:min(len(keys), left)] {
			r.expire(key, position)
			left--
		}
	}
}

// owning is what a transaction has done to the owner of a variable so far.
type owning uint8

const (
	ownedAsBefore owning = iota
	ownedByNone
	ownedBySession
)

// own notes what an operation that was done does to the owner.
func (c *draft) own(o *wire.TxnOp) {
	switch {
	case o.Ephemeral:
		c.owning = ownedBySession
	case o.Kind == wire.TxnPut && !o.KeepTTL, o.Kind == wire.TxnDelete:
		c.owning = ownedByNone
	}
}
