package server

import "sync"

// clientSet is the client connections of a front.
type clientSet struct {
	mu     sync.Mutex // guards what follows
	conns  map[*clientConn]struct{}
	closed bool
}

func (s *clientSet) add(c *clientConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.conns == nil {
		s.conns = map[*clientConn]struct{}{}
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *clientSet) remove(c *clientConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

func (s *clientSet) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// all returns the connections; with last set, no more can be added.
func (s *clientSet) all(last bool) []*clientConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = s.closed || last
	list := make([]*clientConn, 0, len(s.conns))
	for c := range s.conns {
		list = append(list, c)
	}
	return list
}
