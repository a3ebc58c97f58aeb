package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// helloTimeout bounds how long a connection may take to say what it is for.
const helloTimeout = 5 * time.Second

// accept serves the listener until it is closed.
func (n *Node) accept() {
	for {
		conn, err := n.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of descriptors, most likely: give those in use time to end.
			n.log.Error("cannot accept connections", "err", err)
			select {
			case <-time.After(100 * time.Millisecond):
				continue
			case <-n.closing:
				return
			}
		}
		n.background.Go(func() { n.greet(conn) })
	}
}

// greet reads what a connection is for and serves it.
func (n *Node) greet(conn net.Conn) {
	if !n.conns.add(conn) {
		n.drop(conn, nil)
		return
	}
	defer n.conns.remove(conn)
	if err := conn.SetDeadline(time.Now().Add(helloTimeout)); err != nil {
		n.drop(conn, err)
		return
	}
	hello, err := wire.ReadHello(conn)
	if err != nil {
		n.drop(conn, err)
		return
	}
	r := n.current.Load()
	if hello.Role == wire.RolePeer && r != nil {
		if err := conn.SetDeadline(time.Time{}); err != nil {
			n.drop(conn, err)
			return
		}
		n.conns.remove(conn) // it is the link's from here on
		r.net.Accept(conn, hello)
		return
	}
	reply := n.judge(r, &hello)
	if hello.Role == wire.RoleObserve && reply.Status == wire.StatusOK {
		if refusal := r.prove(&hello); refusal != nil {
			reply = *refusal
		}
	}
	if err := wire.WriteHelloReply(conn, reply); err != nil || reply.Status != wire.StatusOK {
		n.drop(conn, err)
		return
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		n.drop(conn, err)
		return
	}
	switch hello.Role {
	case wire.RoleClient:
		n.serveClient(r, conn)
	case wire.RoleObserve:
		joiner, _ := binary.Uvarint(hello.Extra)
		err := r.donate(conn, joiner)
		level := slog.LevelInfo
		if errors.Is(err, errAnotherView) {
			level = slog.LevelDebug // as it should
		}
		n.log.Log(context.Background(), level, "a joiner's stream ends", "joiner", joiner, "err", err)
		n.drop(conn, nil)
	}
}

// judge decides whether a client or a joiner is welcome.
func (n *Node) judge(r *replica, hello *wire.Hello) wire.HelloReply {
	refuse := func(status wire.Status, format string, args ...any) wire.HelloReply {
		return wire.HelloReply{Status: status, Version: wire.MaxVersion, Info: n.info(r), Message: fmt.Sprintf(format, args...)}
	}
	version, err := wire.Negotiate(hello.MinVersion, hello.MaxVersion)
	switch {
	case err != nil:
		return refuse(wire.StatusVersion, "%v", err)
	case hello.Role != wire.RoleClient && hello.Role != wire.RoleObserve && hello.Role != wire.RolePeer:
		return refuse(wire.StatusBadRequest, "role %d is unknown to node %s", hello.Role, n.cfg.ID)
	case r == nil || !r.inView.Load() || hello.Role == wire.RolePeer:
		return refuse(wire.StatusUnavailable, "node %s is not a member of its group yet: try another node, or again", n.cfg.ID)
	case hello.Role == wire.RoleClient && !r.serves():
		return refuse(wire.StatusUnavailable, "node %s is cut off from its group or waits for a new view, and serves nobody meanwhile: try another node, or again", n.cfg.ID)
	case r.leaving.Load():
		return refuse(wire.StatusUnavailable, "node %s is leaving its group: try another node", n.cfg.ID)
	case hello.Role == wire.RoleClient && r.clients.len() >= n.cfg.MaxConns:
		return refuse(wire.StatusUnavailable, "node %s has %d client connections, which is its limit: try another node", n.cfg.ID, n.cfg.MaxConns)
	case hello.Group != 0 && (hello.Group != r.group || hello.Generation != r.generation):
		return refuse(wire.StatusGeneration, "node %s is of group %d generation %d, not of group %d generation %d", n.cfg.ID, r.group, r.generation, hello.Group, hello.Generation)
	}
	return wire.HelloReply{Version: version, Info: r.info()}
}

func (n *Node) info(r *replica) wire.Info {
	if r == nil {
		return wire.Info{NodeID: n.cfg.ID}
	}
	return r.info()
}

func (n *Node) serveClient(r *replica, conn net.Conn) {
	c := newClientConn(r, conn)
	if !r.clients.add(c) {
		c.close()
		return
	}
	defer r.clients.remove(c)
	c.serve()
}

// drop closes a connection that came to nothing.
func (n *Node) drop(conn net.Conn, err error) {
	if err != nil {
		n.log.Debug("connection dropped", "remote", conn.RemoteAddr().String(), "err", err)
	}
	if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		n.log.Debug("closing a connection", "err", err)
	}
}

// spareConns is how many connections a node takes beside its clients': of
// joiners, and those that have not said yet what they are. Links between
// members leave the set once they have.
const spareConns = 256

// connSet bounds the connections of a node and closes them when it ends.
type connSet struct {
	limit int

	mu     sync.Mutex // guards what follows
	conns  map[net.Conn]struct{}
	closed bool
}

func (s *connSet) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.conns) >= s.limit {
		return false
	}
	s.conns[conn] = struct{}{}
	return true
}

func (s *connSet) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

func (s *connSet) closeAll() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var errs []error
	for conn := range s.conns {
		if err := conn.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// clientSet is the client connections of a replica.
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
