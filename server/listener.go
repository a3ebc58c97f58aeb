package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/nbio"
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
			if left, ok := n.acceptTrouble.Open(time.Now()); ok {
				n.log.Error("cannot accept connections", "err", err, "left_out", left)
			}
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
	if !n.conns.Add(conn) {
		n.drop(conn, nil)
		return
	}
	defer n.conns.Remove(conn)
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
		if err := n.settle(conn, n.conns.Busy, nbio.LinkBuffer); err != nil {
			n.drop(conn, err)
			return
		}
		n.conns.Remove(conn) // it is the link's from here on
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
	n.serve(r, conn, &hello, reply.Version)
}

// serve serves a connection that is welcome.
func (n *Node) serve(r *replica, conn net.Conn, hello *wire.Hello, version uint16) {
	stands, buffer := n.conns.Idle, clientBuffer // idle until the client asks for something
	if hello.Role == wire.RoleObserve {
		stands, buffer = n.conns.Busy, nbio.LinkBuffer
	}
	if err := n.settle(conn, stands, buffer); err != nil {
		n.drop(conn, err)
		return
	}
	if hello.Role == wire.RoleClient {
		if err := nbio.LimitUnsent(conn, clientUnsent); err != nil {
			n.log.Debug("what the system keeps for a client could not be bounded", "remote", conn.RemoteAddr(), "err", err)
		}
		n.serveClient(r, conn, hello, version)
		return
	}
	joiner := hello.Joiner()
	err := r.donate(conn, joiner)
	level := slog.LevelInfo
	if errors.Is(err, member.ErrMemberNow) {
		level = slog.LevelDebug // as it should
	}
	n.log.Log(context.Background(), level, "a joiner's stream ended", "joiner", joiner, "err", err)
	n.drop(conn, nil)
}

// settle gives a connection that has said what it is for its place among the
// others, and the time that it wants. Only from here on is the other side asked
// whether it lives: what makes no sense is not worth the calls. Over loopback its buffers
// are as large as that.
func (n *Node) settle(conn net.Conn, stands func(net.Conn) bool, buffer int) error {
	if !stands(conn) {
		return net.ErrClosed // another needed its place
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		if err := tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true}); err != nil {
			return err
		}
	}
	if err := nbio.WidenLoopback(conn, buffer); err != nil {
		n.log.Debug("the buffers of a connection could not be changed", "remote", conn.RemoteAddr(), "err", err)
	}
	return conn.SetDeadline(time.Time{})
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
	case r == nil || !r.reader.InView() || hello.Role == wire.RolePeer:
		return n.tellingStatus(hello, refuse(wire.StatusUnavailable, "node %s is not a member of its group yet: try another node, or again", n.cfg.ID))
	case hello.Role == wire.RoleClient && !r.serves() && r.reader.Damage() != nil && !hello.AcceptsStale():
		return refuse(wire.StatusUnavailable, "%s: try another node, or again", r.isDamaged())
	case hello.Role == wire.RoleClient && !r.serves() && !hello.AcceptsStale():
		return refuse(wire.StatusUnavailable, "node %s has no lease, because it is cut off from its group or waits for a new view: try another node, or again; "+
			"dsm get --stale reads what it has", n.cfg.ID)
	case hello.Role == wire.RoleObserve && r.reader.Damage() != nil:
		return refuse(wire.StatusUnavailable, "%s: load the state of another node", r.isDamaged())
	case hello.Role == wire.RoleClient && r.reader.Leaving(): // a joiner may need its state
		return n.tellingStatus(hello, refuse(wire.StatusUnavailable, "node %s is leaving its group: try another node", n.cfg.ID))
	case hello.Role == wire.RoleObserve && hello.Group == 0:
		return refuse(wire.StatusBadRequest, "a joiner names its group")
	case hello.Role == wire.RoleClient && r.front.clients.len() >= n.maxClients && !n.conns.DropIdle():
		return refuse(wire.StatusUnavailable, "node %s has %d client connections, which is its limit: try another node", n.cfg.ID, n.maxClients)
	case hello.Group != 0 && (hello.Group != r.group || hello.Generation != r.generation):
		return refuse(wire.StatusGeneration, "node %s is of group %d generation %d, not of group %d generation %d", n.cfg.ID, r.group, r.generation, hello.Group, hello.Generation)
	}
	return wire.HelloReply{Version: version, Info: r.info()}
}

// tellingStatus adds to a refusal how the node is, without the members of its view,
// for a client that accepts what is stale: dsm status shows it.
func (n *Node) tellingStatus(hello *wire.Hello, refusal wire.HelloReply) wire.HelloReply {
	if hello.Role != wire.RoleClient || !hello.AcceptsStale() {
		return refusal
	}
	s := n.Status()
	s.Members = []MemberStatus{}
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a struct of strings and numbers
	}
	if len(text) <= wire.MaxHelloBytes/4 { // beside the message, which may be as long
		refusal.Extra = text
	}
	return refusal
}

func (n *Node) info(r *replica) wire.Info {
	if r == nil {
		return wire.Info{NodeID: n.cfg.ID}
	}
	return r.info()
}

func (n *Node) serveClient(r *replica, conn net.Conn, hello *wire.Hello, version uint16) {
	if conn = n.loopConn(r, conn); conn == nil {
		return
	}
	defer n.conns.Remove(conn)
	c := newClientConn(r.front, conn, func() { n.conns.Busy(conn) })
	c.client = nameOf(hello.ClientName(), conn.RemoteAddr())
	c.account.Lock = hello.Secret.Lock()
	c.stale, c.version = hello.AcceptsStale(), version
	added := r.front.clients.add(c)
	if !added || r.reader.Leaving() {
		c.goAway(r.leaving()) // it was greeted too late to be told with the others
	}
	if !added {
		c.close()
		return
	}
	defer r.front.clients.remove(c)
	c.serve()
}

// drop closes a connection that came to nothing.
func (n *Node) drop(conn net.Conn, err error) {
	if err != nil {
		n.log.Debug("connection dropped", "remote", conn.RemoteAddr(), "err", err)
	}
	if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		n.log.Debug("closing a connection", "err", err)
	}
}

// spareConns is how many connections a node takes beside its clients': of
// joiners, and those that have not said yet what they are. Links between
// members leave the set once they have.
const spareConns = 256

// ownFiles is how many descriptors a node keeps for all else: its links, the
// registry, the listener, files.
const ownFiles = 256

// connLimits returns how many connections, and how many of clients among them, a
// process that may have so many files can serve.
func connLimits(maxConns, files int) (all, clients int) {
	all = min(maxConns+spareConns, max(files-ownFiles, files/2, 2))
	return all, min(maxConns, max(all-spareConns, all/2))
}

// What the system keeps for a client. What more there is for it waits in the node, which counts
// it, or at the client.
const (
	clientBuffer = 256 << 10 // over loopback: that the node has not read
	clientUnsent = 64 << 10  // beyond those that are on their way
)
