package server

import (
	"errors"
	"net"

	"github.com/seed-8247e700/dsm/internal/evloop"
)

// newLoop returns what reads r's connections, nil where goroutines have to.
func newLoop(r *replica) (*evloop.Loop, error) {
	loop, err := evloop.New(r.gather, r.takeGathered)
	if errors.Is(err, evloop.ErrUnsupported) {
		return nil, nil
	}
	return loop, err
}

// closeLoop ends the loop, whose connections must have been closed.
func (r *replica) closeLoop() {
	if r.loop != nil {
		r.loop.Close()
	}
}

// gather begins a round of the loop: what its connections bring waits in the inbox
// for the end of it, so that one turn works on all of it.
func (r *replica) gather() {
	r.mu.Lock()
	r.gathering = true
	r.mu.Unlock()
}

// takeGathered ends a round.
func (r *replica) takeGathered() {
	r.mu.Lock()
	r.gathering = false
	if r.in.empty() {
		r.mu.Unlock()
		return
	}
	if r.enterLocked() {
		r.turns()
	}
}

// loopConn has the loop read a client's connection, if it can. It returns nil if the
// connection has gone meanwhile.
func (n *Node) loopConn(r *replica, conn net.Conn) net.Conn {
	if r.loop == nil {
		return conn
	}
	adopted, err := r.loop.Adopt(conn)
	switch {
	case errors.Is(err, evloop.ErrUnsupported):
		return conn
	case err != nil:
		n.drop(conn, err)
		return nil
	case !n.conns.Replace(conn, adopted):
		n.drop(adopted, nil)
		return nil
	}
	return adopted
}
