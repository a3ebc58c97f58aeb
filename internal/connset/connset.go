// Package connset bounds the connections of a server, and chooses which one has to
// go when another comes:
//
//	set := connset.New(limit)
//	if !set.Add(conn) { ... } // refused: close it
//	defer set.Remove(conn)
//	... // read what the connection is for
//	set.Busy(conn)
//
// Connections that have not said yet what they are for go first, and then those
// that have nothing under way, the one that was so for longest first. So who opens
// connections and leaves them be, by mistake or not, keeps nobody out. Those that
// are busy stay; when all are, newcomers are refused.
package connset

import (
	"container/list"
	"errors"
	"net"
	"sync"
)

// Set is a bounded set of connections. Its methods may be called by many
// goroutines at once.
type Set struct {
	limit int

	mu        sync.Mutex // guards what follows
	places    map[net.Conn]place
	strangers list.List // of net.Conn, the oldest first
	idle      list.List // of net.Conn, the one that is idle for longest first
	closed    bool
}

// place is where a connection stands in the list that it is in, if in one.
type place struct {
	in *list.List
	at *list.Element
}

// New returns a set of up to limit connections.
func New(limit int) *Set {
	return &Set{limit: limit, places: make(map[net.Conn]place)}
}

// Add takes a connection in, as a stranger. At the limit it closes another one for
// it, and tells false if there is none that can go, or the set is closed.
func (s *Set) Add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.places) >= s.limit && !s.dropLocked(&s.strangers) && !s.dropLocked(&s.idle) {
		return false
	}
	s.places[conn] = place{in: &s.strangers, at: s.strangers.PushBack(conn)}
	return true
}

// DropIdle closes the connection that is idle for longest, and tells whether there
// was one.
func (s *Set) DropIdle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropLocked(&s.idle)
}

// Busy says that a connection has work under way. It tells whether the connection
// is in the set still.
func (s *Set) Busy(conn net.Conn) bool { return s.move(conn, nil) }

// Idle says that a connection has nothing under way, as of now.
func (s *Set) Idle(conn net.Conn) bool { return s.move(conn, &s.idle) }

func (s *Set) move(conn net.Conn, to *list.List) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.places[conn]
	if !ok {
		return false
	}
	p.leave()
	p = place{in: to}
	if to != nil {
		p.at = to.PushBack(conn)
	}
	s.places[conn] = p
	return true
}

func (p place) leave() {
	if p.in != nil {
		p.in.Remove(p.at)
	}
}

// Replace puts another connection into the place of one, which must not be used any
// more. It tells whether that one was in the set still.
func (s *Set) Replace(conn, by net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.places[conn]
	if !ok || s.closed {
		return false
	}
	delete(s.places, conn)
	s.places[by] = p
	if p.in != nil {
		p.at.Value = by
	}
	return true
}

// Remove takes a connection out that was closed, or that is another's concern.
func (s *Set) Remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeLocked(conn)
}

func (s *Set) removeLocked(conn net.Conn) {
	s.places[conn].leave()
	delete(s.places, conn)
}

// dropLocked closes the first connection of a list. Whoever serves it notices.
func (s *Set) dropLocked(from *list.List) bool {
	first := from.Front()
	if first == nil {
		return false
	}
	conn := first.Value.(net.Conn)
	s.removeLocked(conn)
	_ = conn.Close() // that it cannot be closed is no reason to keep it
	return true
}

// Close closes all connections, and lets no other in.
func (s *Set) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var errs []error
	for conn := range s.places {
		if err := conn.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
