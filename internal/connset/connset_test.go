package connset

import (
	"net"
	"slices"
	"testing"
)

// fakeConn notes that it was closed.
type fakeConn struct {
	net.Conn
	name   string
	closed bool
}

func (c *fakeConn) Close() error {
	c.closed = true
	return nil
}

// conns adds as many connections, which must all be let in.
func conns(t *testing.T, s *Set, names ...string) (list []*fakeConn) {
	t.Helper()
	for _, name := range names {
		c := &fakeConn{name: name}
		if !s.Add(c) {
			t.Fatalf("%s was not let in", name)
		}
		list = append(list, c)
	}
	return list
}

func closedOf(list []*fakeConn) (names []string) {
	for _, c := range list {
		if c.closed {
			names = append(names, c.name)
		}
	}
	return names
}

// TestWhoGoesFirst fills a set: strangers go first, the oldest of them, then who is
// idle for longest, and the busy never.
func TestWhoGoesFirst(t *testing.T) {
	s := New(5)
	list := conns(t, s, "busy", "idle", "idle again", "stranger", "younger stranger")
	s.Busy(list[0])
	s.Idle(list[2])
	s.Idle(list[1])
	s.Busy(list[2])
	s.Idle(list[2])
	var went []string
	for range 4 {
		newcomer := conns(t, s, "newcomer")[0]
		s.Busy(newcomer)
		for _, name := range closedOf(list) {
			if !slices.Contains(went, name) {
				went = append(went, name)
			}
		}
	}
	if want := []string{"stranger", "younger stranger", "idle", "idle again"}; !slices.Equal(went, want) {
		t.Errorf("went in the order %q, want %q", went, want)
	}
	if s.Add(&fakeConn{}) {
		t.Error("one was let in beside five that are busy")
	}
	if s.Busy(list[1]) || s.Idle(list[3]) {
		t.Error("one that had to go is in the set")
	}
	s.Remove(list[0])
	conns(t, s, "after one has left")
}

func TestDropIdle(t *testing.T) {
	s := New(9)
	list := conns(t, s, "stranger", "busy", "idle")
	s.Busy(list[1])
	s.Idle(list[2])
	if !s.DropIdle() || s.DropIdle() {
		t.Error("one connection is idle")
	}
	if went := closedOf(list); !slices.Equal(went, []string{"idle"}) {
		t.Errorf("%q went", went)
	}
}

func TestClose(t *testing.T) {
	s := New(9)
	list := conns(t, s, "a", "b", "c")
	s.Busy(list[0])
	s.Idle(list[1])
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if went := closedOf(list); len(went) != 3 {
		t.Errorf("%q were closed", went)
	}
	if s.Add(&fakeConn{}) {
		t.Error("a closed set lets one in")
	}
}

// TestNothingIsKept holds that what has left takes no memory.
func TestNothingIsKept(t *testing.T) {
	s := New(2)
	for range 1000 {
		s.Remove(conns(t, s, "x")[0])
		s.Busy(conns(t, s, "y")[0])
		s.Idle(conns(t, s, "z")[0])
		for s.DropIdle() {
		}
		s.mu.Lock()
		for c := range s.places {
			s.removeLocked(c)
		}
		s.mu.Unlock()
	}
	if n := len(s.places) + s.strangers.Len() + s.idle.Len(); n != 0 {
		t.Errorf("%d are left", n)
	}
}
