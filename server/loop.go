package server

import (
	"errors"
	"net"
	"runtime"

	"github.com/seed-8247e700/dsm/internal/evloop"
)

// maxLoops bounds the loops of a node. One does for some 100,000 requests a second;
// each takes a thread.
const maxLoops = 8

// startLoops starts what reads r's connections, nothing where goroutines have to. The
// first loop reads the links with other members.
func (r *replica) startLoops() {
	if !r.cfg.EventLoop {
		return
	}
	for range min(max(runtime.GOMAXPROCS(0)/2, 1), maxLoops) {
		loop, err := evloop.New(r.beginRound, r.endRound)
		if errors.Is(err, evloop.ErrUnsupported) {
			return
		}
		if err != nil {
			r.log.Warn("event loops cannot be used, using goroutines instead", "err", err)
			return
		}
		r.loops = append(r.loops, loop)
	}
}

// closeLoops ends the loops, and closes what connections of theirs are left.
func (r *replica) closeLoops() {
	for _, loop := range r.loops {
		loop.Close()
	}
}

// linkLoop is the loop of the links, nil if there is none.
func (r *replica) linkLoop() *evloop.Loop {
	if len(r.loops) == 0 {
		return nil
	}
	return r.loops[0]
}

// loopConn has the loop read a client's connection, if it can. It returns nil if the
// connection has gone meanwhile.
func (n *Node) loopConn(r *replica, conn net.Conn) net.Conn {
	if len(r.loops) == 0 {
		return conn
	}
	adopted, err := r.loops[r.nextLoop.Add(1)%uint32(len(r.loops))].Adopt(conn)
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
