package attack

import (
	"cmp"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// flood is what each connection asks for, without end. It reads all replies.
type flood struct {
	// request returns the n-th request, from 0, of a client that has seen a position.
	request func(n, seen uint64) wire.Request
	window  int                    // requests under way on a connection
	every   time.Duration          // so often as many follow as were answered
	grants  func(wire.Status) bool // whether an answer grants what has to be refused; nil: none does

	// first is asked before all others, in place of a ping, and aim returns from its answer what
	// these get for seen, 0 if there is no aim.
	first *wire.Request
	aim   func(*wire.Reply) uint64

	// least is how many requests a connection sends in any case, 0: the window. Those that its
	// buffers do not hold wait for the node, which may take its time.
	least int
}

const (
	// farAhead is further than a group gets in the time of a run, and not so far that a node
	// refuses the read at once.
	farAhead = 1 << 31
	// littleAhead is what a group orders in some milliseconds.
	littleAhead = 100
	// waitTimeout is how long a read asks to wait.
	waitTimeout = time.Hour
	// longKeyBytes is the size of a key that is too long.
	longKeyBytes = 1 << 20
)

// floods are the attacks that ask. What a node refuses at once is asked again after a second
// where reads are to wait: they would be a flood of cheap reads otherwise.
var floods = map[Kind]*flood{
	Status: {window: 8000, every: beatTime, request: func(uint64, uint64) wire.Request {
		return wire.Request{Kind: wire.RequestStatus}
	}},
	Digest: {window: 8000, every: beatTime, request: func(uint64, uint64) wire.Request {
		return wire.Request{Kind: wire.RequestDigest}
	}},
	Sessions: {window: 8000, every: beatTime, request: func(uint64, uint64) wire.Request {
		return wire.Request{Kind: wire.RequestWrite, Command: wire.Command{Op: wire.OpOpenSession}}
	}},
	LongKeys: {window: 256, least: 8, every: time.Second, grants: func(s wire.Status) bool { return s != wire.StatusBadRequest }, request: func(_, seen uint64) wire.Request {
		return wire.Request{Kind: wire.RequestGet, Key: longKey(), Position: seen + farAhead, Timeout: waitTimeout}
	}},
	Parked: {window: 16_000, every: time.Second, request: func(_, seen uint64) wire.Request {
		return wire.Request{Kind: wire.RequestGet, Key: Large, Position: seen + farAhead, Timeout: waitTimeout}
	}},
	Ahead: {window: 16_000, every: time.Second, request: func(n, seen uint64) wire.Request {
		return wire.Request{Kind: wire.RequestGet, Key: "none", Position: seen + littleAhead + n%16_000, Timeout: waitTimeout}
	}},
	Thieves: {
		window: 8000, every: beatTime, grants: stolen, aim: oldestSession,
		first: &wire.Request{Kind: wire.RequestSessions, Key: string((&wire.SessionsQuery{Limit: 1}).Append(nil))},
		request: func(n, id uint64) wire.Request {
			return wire.Request{Kind: wire.RequestWrite, Command: thefts(id)[n%3]}
		},
	},
}

// oldestSession returns the id of the first session in a list, which is no thief's.
func oldestSession(reply *wire.Reply) uint64 {
	page, err := wire.DecodeSessionsPage(reply.Data)
	if err != nil || len(page.Sessions) == 0 {
		return 0
	}
	return page.Sessions[0].ID
}

// thefts are what makes the session of another useless: the first has all its writes taken for old.
func thefts(id uint64) [3]wire.Command {
	return [...]wire.Command{
		{Op: wire.OpDelete, Session: id, Seq: 1 << 50, Floor: 1 << 50, Key: "none"},
		{Op: wire.OpRenewSession, Session: id},
		{Op: wire.OpCloseSession, Session: id},
	}
}

// stolen reports whether an answer shows that something was done in a session of another. One
// that has ended is refused by the order, which is no theft.
func stolen(s wire.Status) bool {
	switch s {
	case wire.StatusNotOwner, wire.StatusSessionExpired, wire.StatusUnavailable, wire.StatusInterrupted, wire.StatusTimeout:
		return false
	}
	return true
}

var longKey = sync.OnceValue(func() string { return strings.Repeat("k", longKeyBytes) })

// Requests returns how many requests of a kind each connection sends at least, 0 if it is none that
// asks.
func Requests(kind Kind) int {
	if f := floods[kind]; f != nil {
		return cmp.Or(f.least, f.window)
	}
	return 0
}

// maxReplyBytes bounds a frame that a node answers a flood with.
const maxReplyBytes = 1 << 20

// run asks until the connection ends. The first reply tells the position of the node.
func (f *flood) run(a *Attack, conn net.Conn) {
	var seen, answered atomic.Uint64
	ended := make(chan struct{})
	var sending sync.WaitGroup
	defer sending.Wait()
	defer func() { _ = conn.Close() }() // it has ended
	defer close(ended)

	frames := wire.NewFrameReader(conn, maxReplyBytes)
	first := f.first
	if first == nil {
		first = &wire.Request{Kind: wire.RequestPing}
	}
	if _, err := conn.Write(wire.AppendRequest(nil, first)); err != nil {
		return
	}
	for began := false; ; {
		kind, body, err := frames.Next()
		if err == nil && kind == wire.FrameAlive {
			continue
		}
		if err != nil || kind != wire.FrameReply {
			return // goodbye, or the end
		}
		reply, err := wire.DecodeReply(body)
		if err != nil {
			return
		}
		if f.aim == nil {
			seen.Store(max(seen.Load(), reply.Position))
		}
		if !began {
			began = true
			if f.aim != nil {
				seen.Store(f.aim(&reply))
			}
			if f.aim != nil && seen.Load() == 0 {
				return
			}
			sending.Go(func() { f.send(a, conn, &seen, &answered, ended) })
			continue
		}
		a.replies.Add(1)
		answered.Add(1)
		if f.grants != nil && f.grants(reply.Status) {
			a.granted.Add(1)
		}
	}
}

// send fills the window, and goes on to do so until the connection ends.
func (f *flood) send(a *Attack, conn net.Conn, seen, answered *atomic.Uint64, ended <-chan struct{}) {
	defer func() { _ = conn.Close() }() // it has ended
	tick := time.NewTicker(f.every)
	defer tick.Stop()
	n := uint64(0)
	for owed := uint64(f.window); ; owed = answered.Swap(0) {
		if f.write(a, conn, n, owed, seen.Load()) != nil {
			return
		}
		n += owed
		select {
		case <-tick.C:
		case <-ended:
			return
		}
	}
}

// writeBytes is about how much is sent with one write.
const writeBytes = 64 << 10

// write sends so many requests, the n-th and those that follow it.
func (f *flood) write(a *Attack, conn net.Conn, n, count, seen uint64) error {
	var b []byte
	unsent := int64(0)
	for i := range count {
		r := f.request(n+i, seen)
		r.ID = n + i + 1
		b = wire.AppendRequest(b, &r)
		if unsent++; len(b) < writeBytes && i+1 < count {
			continue
		}
		if _, err := conn.Write(b); err != nil {
			return err
		}
		a.requests.Add(unsent)
		b, unsent = b[:0], 0
	}
	return nil
}
