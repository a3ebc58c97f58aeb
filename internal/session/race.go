package session

import (
	"slices"
	"time"
)

const (
	// HeadStart is how long one server is waited for before the next is tried beside
	// it, as RFC 8305 has it for addresses: a server that hangs, or that no packet
	// reaches, then costs this and not the whole time to dial.
	HeadStart = 500 * time.Millisecond

	// ResolutionDelay is how long servers that are known already wait for the search for
	// the present ones, as RFC 8305 has it for addresses of the other family.
	ResolutionDelay = 50 * time.Millisecond
)

// Race decides on the way to a connection: which servers are tried, when, and which of
// them wins. Servers that a search finds meanwhile join it, those that are gone leave it.
//
//	r, wait := NewRace(candidates, servers.Stays(), stagger) // or NewDial
//	for !r.Over() {
//		if index, server, head, ok := r.Start(); ok {
//			dial the server; wait = head
//		}
//		wait for: a server's outcome (Dialled), the search (Found, NotFound, Searched),
//			the time set last (Slow)
//	}
//	... // nothing has won: Last
type Race struct {
	only  bool          // there is no choice: nothing is said against the server
	least time.Duration // head start, however many hang

	queue   []string        // servers to be tried, the next one first
	tried   map[string]bool // those that were
	order   []string        // of these, as they were tried
	pending map[int]bool    // of order, those without an outcome
	kept    int             // of order and 1: of another group, taken if there is nothing better

	next      bool // the next one may be tried
	wait      time.Duration
	searching bool
	searched  bool // whatever there is was found
}

// NewRace returns a race between servers, in their order, during a search for others, and
// the time after which to call Slow. If stays, the first is the one that the client stays
// with. Otherwise those found in a moment are as good as those known. least is the head
// start that a server has if many hang.
func NewRace(servers []string, stays bool, least time.Duration) (*Race, time.Duration) {
	r := newRace(servers, least)
	r.searching, r.searched = true, true
	if len(servers) > 0 && !stays {
		r.next = false
		return r, ResolutionDelay
	}
	return r, HeadStart
}

// NewDial returns a race of one server, which is tried for want of a choice.
func NewDial(server string) (*Race, time.Duration) {
	r := newRace([]string{server}, HeadStart)
	r.only = true
	return r, HeadStart
}

func newRace(servers []string, least time.Duration) *Race {
	return &Race{queue: servers, least: least, tried: make(map[string]bool), pending: make(map[int]bool), next: true, wait: HeadStart}
}

// Over reports whether nothing is left to be tried or waited for.
func (r *Race) Over() bool { return len(r.queue) == 0 && len(r.pending) == 0 && !r.searching }

// Start returns the server that is to be dialled now, if there is one, and the time after
// which to call Slow. The server is known by its index.
func (r *Race) Start() (index int, server string, wait time.Duration, ok bool) {
	if !r.next || len(r.queue) == 0 {
		return 0, "", 0, false
	}
	index, server = len(r.order), r.queue[0]
	r.queue = r.queue[1:]
	r.order = append(r.order, server)
	r.tried[server], r.pending[index] = true, true
	r.next = false
	return index, server, r.wait, true
}

// Server is the server with an index.
func (r *Race) Server(index int) string { return r.order[index] }

// Pending is how many servers have been dialled and have no outcome.
func (r *Race) Pending() int { return len(r.pending) }

// Slow notes that the time is up: the next server is tried beside those that are pending.
func (r *Race) Slow() {
	r.next = true
	if len(r.pending) > 0 {
		r.wait = max(r.wait/2, r.least) // many that hang cost little more than one
	}
}

// Fate is what becomes of a connection.
type Fate uint8

// What becomes of it.
const (
	Won  Fate = iota // it is taken
	Kept             // if nothing wins, it is taken: see Last
	Lame             // it is of no use
)

// Dialled takes the outcome of dialling a server. It returns the servers that did not do
// well: this one, or, if it wins, those that it has overtaken.
func (r *Race) Dialled(index int, relation Relation) (fate Fate, failed []string) {
	delete(r.pending, index)
	switch {
	case relation == Same || relation == Newer:
		for n := range index {
			if r.pending[n] {
				failed = append(failed, r.order[n])
			}
		}
		return Won, failed
	case relation == Other && r.kept == 0 && !r.only:
		r.kept, r.next = index+1, true
		return Kept, nil
	default:
		r.next = true // another in place of it
		if !r.only {
			failed = append(failed, r.order[index])
		}
		return Lame, failed
	}
}

// Last returns the server that is taken since nothing has won, if there is one.
func (r *Race) Last() (index int, ok bool) { return r.kept - 1, r.kept > 0 }

// NotFound notes that a part of the search has failed.
func (r *Race) NotFound() { r.searched = false }

// Found takes the servers that are known now that the search has found some.
func (r *Race) Found(now []string) {
	before := r.queue
	waits := false // for one that has its head start
	for index, server := range r.order {
		if r.pending[index] && slices.Contains(now, server) {
			waits = true
		}
	}
	r.queue = slices.DeleteFunc(now, func(server string) bool { return r.tried[server] })
	fresh := slices.ContainsFunc(r.queue, func(server string) bool { return !slices.Contains(before, server) })
	r.next = r.next || !waits && (fresh || !r.searching)
}

// Searched takes the servers that are known now that the search has ended. There is
// nothing to wait for any more then, or only servers that are gone.
func (r *Race) Searched(now []string) {
	r.searching = false
	switch {
	case r.searched:
		r.Found(now)
	case len(r.pending) == 0:
		r.next = true
	}
}
