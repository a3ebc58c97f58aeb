package attack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Kind is a way to be hostile.
type Kind string

// The kinds.
const (
	// Stopped clients send half of a large write, and no more.
	Stopped Kind = "stopped"
	// Unread clients ask for large values, or for the deliveries, without end,
	// and read nothing.
	Unread Kind = "unread"
	// Idle clients are greeted, and then ask for nothing.
	Idle Kind = "idle"
	// Silent clients connect, and do not even say what they are.
	Silent Kind = "silent"
	// Garbage is frames that make no sense, and handshakes of peers and joiners
	// that are none, to the nodes and to the registry.
	Garbage Kind = "garbage"

	// Status clients ask for the node's status, with 8,000 requests under way.
	Status Kind = "status"
	// Digest clients ask for audits, with 8,000 requests under way.
	Digest Kind = "digest"
	// LongKeys clients ask for variables by keys of 1 MiB, at a position far ahead.
	LongKeys Kind = "longkeys"
	// Unfinished clients send most of a write of 1 MiB, and then a byte a second.
	Unfinished Kind = "unfinished"
	// Parked clients have 16,000 reads wait for a position far ahead.
	Parked Kind = "parked"
	// Ahead clients have 16,000 reads wait for positions that soon come.
	Ahead Kind = "ahead"
	// Subscribers ask for the deliveries, and read none.
	Subscribers Kind = "subscribers"
	// Thieves write in the session of another client, renew it and close it, with 8,000 requests
	// under way.
	Thieves Kind = "thieves"
	// Sessions clients open sessions without end.
	Sessions Kind = "sessions"

	// Forged greetings come from strangers in the name of members.
	Forged Kind = "forged"
	// Registry requests are those that a registry has to refuse a stranger.
	Registry Kind = "registry"
)

// Kinds are all of them. Sessions is the last, as what it opens stays for a while.
var Kinds = []Kind{
	Stopped, Unread, Idle, Silent, Garbage,
	Status, Digest, LongKeys, Unfinished, Parked, Ahead, Subscribers, Forged, Registry, Thieves, Sessions,
}

// Heavy reports whether each connection of an attack does as much as it can, so that a few
// show what it costs.
func (k Kind) Heavy() bool {
	return floods[k] != nil || k == Unfinished || k == Subscribers || k == Forged || k == Registry
}

// Large is the variable that unread clients ask for. It should be there.
const Large = "hostile/large"

// ErrConfig is wrapped by errors about a Config.
var ErrConfig = errors.New("attack: impossible")

// Config says what to do.
type Config struct {
	Kind     Kind
	Nodes    []string // addresses; the first bears all connections that are kept
	Registry string   // its address
	// Conns is how many connections there are. Of those that stop, or do not read, there are
	// a few dozen at most.
	Conns int
	// Frames of garbage are sent a second, FramesPerConn on each connection.
	Frames, FramesPerConn int
}

// Bounds of a Config.
const (
	MaxConns  = 1 << 16
	MaxFrames = 1 << 20 // a second
	busyConns = 64      // that ask, or stop in the middle
)

// Validate reports the first field that makes no sense. The error wraps
// ErrConfig.
func (c *Config) Validate() error {
	switch {
	case !slices.Contains(Kinds, c.Kind):
		return fmt.Errorf("%w: %q is none of %v", ErrConfig, c.Kind, Kinds)
	case len(c.Nodes) == 0 || c.Registry == "":
		return fmt.Errorf("%w: whom to attack is not said", ErrConfig)
	case c.Conns < 1 || c.Conns > MaxConns:
		return fmt.Errorf("%w: %d connections: must be from 1 to %d", ErrConfig, c.Conns, MaxConns)
	case c.Frames < 1 || c.Frames > MaxFrames || c.FramesPerConn < 1 || c.FramesPerConn > c.Frames:
		return fmt.Errorf("%w: %d frames a second, %d a connection: must be from 1 to %d, the former no less", ErrConfig, c.Frames, c.FramesPerConn, MaxFrames)
	}
	return nil
}

// Attack is one that is under way.
type Attack struct {
	cfg    Config
	ctx    context.Context // ends with the attack
	cancel context.CancelFunc

	running          sync.WaitGroup
	open             atomic.Int64
	opened, refused  atomic.Int64
	ended, garbage   atomic.Int64
	requests         atomic.Int64
	replies, granted atomic.Int64
	opening          chan struct{} // full while as many as may connect at a time do
	inPlace, waiting sync.WaitGroup
}

// Figures say how strong an attack is.
type Figures struct {
	Open    int64 `json:"open"`    // connections now
	Opened  int64 `json:"opened"`  // so far
	Refused int64 `json:"refused"` // attempts to connect that failed
	Ended   int64 `json:"ended"`   // connections that the other side ended
	Frames  int64 `json:"frames"`  // of garbage that were sent

	Requests int64 `json:"requests"` // that were sent since the attack began
	Replies  int64 `json:"replies"`  // that were read since then
	Granted  int64 `json:"granted"`  // of them, to what should have been refused
}

// Sub is what came about since earlier figures. What is counted since the attack began stays:
// its first requests are the most.
func (f Figures) Sub(earlier Figures) Figures {
	f.Opened -= earlier.Opened
	f.Refused -= earlier.Refused
	f.Ended -= earlier.Ended
	f.Frames -= earlier.Frames
	return f
}

// mostOpening bounds how many connections are made at a time.
const mostOpening = 16

// Start begins an attack, and returns when all that it keeps up is in place, or
// the context ends.
func Start(ctx context.Context, cfg Config) (*Attack, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &Attack{cfg: cfg, opening: make(chan struct{}, mostOpening)}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	switch cfg.Kind {
	case Garbage:
		a.scatter()
	case Forged:
		a.pester(forge)
	case Registry:
		a.pester(destroy)
	default:
		a.keep()
	}
	placed := make(chan struct{})
	a.waiting.Go(func() { a.inPlace.Wait(); close(placed) })
	select {
	case <-placed:
		return a, nil
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("attack: %s: not in place in time (%+v): %w", cfg.Kind, a.Figures(), ctx.Err()), a.Close())
	}
}

// Figures tells how it stands.
func (a *Attack) Figures() Figures {
	return Figures{
		Open: a.open.Load(), Opened: a.opened.Load(), Refused: a.refused.Load(),
		Ended: a.ended.Load(), Frames: a.garbage.Load(),
		Requests: a.requests.Load(), Replies: a.replies.Load(), Granted: a.granted.Load(),
	}
}

// Close ends it.
func (a *Attack) Close() error {
	a.cancel()
	a.running.Wait()
	a.waiting.Wait()
	return nil
}

// Done is closed once Close has been called: an attack does not end by itself.
func (a *Attack) Done() <-chan struct{} { return a.ctx.Done() }

// Err is nil: what others do to an attack is told by its Figures.
func (a *Attack) Err() error { return nil }

// Addr is where it begins.
func (a *Attack) Addr() string { return a.cfg.Nodes[0] }

// pause waits, and reports whether it did so to the end.
func (a *Attack) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.ctx.Done():
		return false
	}
}

// dialTimeout bounds what it takes to connect and be greeted.
const dialTimeout = 10 * time.Second

// dial connects. The connection ends with the attack, at once and without a trace,
// as ports are few.
func (a *Attack) dial(addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout, KeepAlive: -1}
	conn, err := d.DialContext(a.ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}
