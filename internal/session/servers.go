package session

import (
	"cmp"
	"slices"
	"time"
)

// Binding is the group and the generation that a session or a server belongs to.
type Binding struct{ Group, Generation uint64 }

// Relation says how a server compares with what a client is bound to.
type Relation uint8

// How it compares.
const (
	Same  Relation = iota // or the client is bound to nothing
	Newer                 // the group has lost its state and started again
	Older                 // the server belongs to a state that is gone
	Other                 // another group
	// Unreached is that of a server that could not be connected to.
	Unreached
)

// Compare compares a server with a binding, nil if the client has none.
func (b *Binding) Compare(server Binding) Relation {
	switch {
	case b == nil || *b == server:
		return Same
	case b.Group != server.Group:
		return Other
	case b.Generation < server.Generation:
		return Newer
	default:
		return Older
	}
}

// Bounds of how long a server that failed is tried only after all others.
const (
	firstPenalty = 100 * time.Millisecond
	lastPenalty  = 10 * time.Second
)

// Servers decides which server a client tries next. It stays with one while that is
// well. The zero value is ready for use; whoever owns it locks it.
type Servers struct {
	current   string // the one the client stays with, "" for none
	penalties map[string]penalty
	failures  uint64 // of all servers
}

// penalty is what is remembered of a server that failed lately.
type penalty struct {
	failures int // in a row
	until    time.Time
	serial   uint64 // of the last failure, which orders the failures of all servers
}

// Sort sorts a list of servers that the caller has shuffled: first the one the client
// stays with, then those that did not fail lately, by chance, so that clients spread over
// the group, then the others, the one that failed the longest ago first.
func (s *Servers) Sort(list []string, now time.Time) {
	slices.SortStableFunc(list, func(a, b string) int {
		if a == s.current {
			return -1
		}
		if b == s.current {
			return 1
		}
		return cmp.Compare(s.penalty(a, now), s.penalty(b, now))
	})
}

// penalty is the serial number of a server's last failure, as long as it counts, and 0
// afterwards.
func (s *Servers) penalty(server string, now time.Time) uint64 {
	if p := s.penalties[server]; p.until.After(now) {
		return p.serial
	}
	return 0
}

// Stays reports whether there is a server that the client stays with.
func (s *Servers) Stays() bool { return s.current != "" }

// Chosen notes that the client stays with a server, which is well.
func (s *Servers) Chosen(server string) { s.current = server }

// Failed gives a server, of so many that are known, a penalty, twice as long as the last
// one if that did not end long ago. random is from [0, 1).
func (s *Servers) Failed(server string, known int, now time.Time, random float64) {
	if s.current == server {
		s.current = ""
	}
	p := s.penalties[server]
	if now.After(p.until.Add(lastPenalty)) {
		p.failures = 0
	}
	d := min(firstPenalty<<min(p.failures, 10), lastPenalty)
	p.failures++
	s.failures++
	p.serial = s.failures
	p.until = now.Add(d/2 + time.Duration(random*float64(d)))
	if len(s.penalties) >= 2*known+16 {
		// Members come and go; what is remembered of them must not pile up.
		clear(s.penalties)
	}
	if s.penalties == nil {
		s.penalties = make(map[string]penalty)
	}
	s.penalties[server] = p
}
