package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Defaults of Options.
const (
	DefaultTimeout      = 30 * time.Second
	DefaultPingInterval = time.Second
)

// Options say how to dial. The zero value is ready for use.
type Options struct {
	// Group and Generation are those the caller is bound to; a node in others
	// refuses with wire.StatusGeneration. 0 and 0: any.
	Group, Generation uint64

	// Stale accepts reads that may be stale: a node without a lease accepts the
	// connection too, and answers plain reads and Status from its replica. Its
	// writes and strong reads fail with wire.StatusUnavailable. A node older than
	// this option refuses the connection as long as it has no lease.
	Stale bool

	// Timeout is how long a node works on a request whose context has no
	// deadline. Default 30 s.
	Timeout time.Duration

	// MaxInFlight bounds the requests in flight on the connection, if it is
	// lower than the node's own bound. 0: the node's.
	MaxInFlight int

	// PingInterval is how long a node may be silent while requests are in
	// flight before it is pinged, and again until the connection counts as
	// broken, unless bytes pass that are ahead of the answer. Default 1 s.
	PingInterval time.Duration

	// Client is what the caller calls itself, for people, and for the group to bound
	// the sessions of one client. wire.CleanClient says what it may have.
	Client string

	// Secret is shown to the node. Sessions that the caller opens are for connections that
	// show the same. The zero Secret: sessions that it opens are for everybody.
	Secret wire.Secret

	// DialContext opens the connection, net.Dialer's by default.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)

	// Lookup resolves names, so that every address of one is a server of its own.
	// Default: SystemLookup; nothing with a DialContext, which then gets names.
	Lookup Lookup
}

// withDefaults returns o with the defaults in place of zero fields.
func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.PingInterval <= 0 {
		o.PingInterval = DefaultPingInterval
	}
	if o.DialContext == nil {
		o.DialContext = new(net.Dialer).DialContext
		if o.Lookup == nil {
			o.Lookup = SystemLookup
		}
	}
	return o
}

// RefusedError says that a node answered the handshake with a refusal. Nothing
// was executed. With wire.StatusVersion it wraps wire.ErrVersion.
type RefusedError struct {
	Addr    string
	Status  wire.Status
	Message string // the node's, for people
	Extra   []byte // with Options.Stale, of a node that is in no view or leaves it: JSON of its status
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("client: %s refuses the connection: %s (status %d)", e.Addr, e.Message, e.Status)
}

func (e *RefusedError) Unwrap() error {
	if e.Status == wire.StatusVersion {
		return wire.ErrVersion
	}
	return nil
}

// Dial connects to the node at addr and shakes hands, both within ctx. If addr is a
// name with several addresses, the first that answers is taken. The
// error is a *RefusedError when the node refuses, a *WrongServerError, which wraps
// wire.ErrMagic, when what listens there speaks something else, and is the network's
// otherwise.
func Dial(ctx context.Context, addr string, o Options) (*Conn, error) {
	o = o.withDefaults()
	nc, reply, err := connect(ctx, addr, o)
	if err != nil {
		return nil, err
	}
	conn := newConn(nc, reply.Info, o)
	conn.version = reply.Version
	return conn, nil
}

// greeted is a connection after the handshake.
type greeted struct {
	net.Conn
	reply wire.HelloReply
}

// connect dials and shakes hands as a client. Of a name the first address that
// answers is taken.
func connect(ctx context.Context, addr string, o Options) (net.Conn, wire.HelloReply, error) {
	if o.Lookup == nil || !IsName(addr) {
		return connectTo(ctx, addr, o)
	}
	g, err := FirstOf(ctx, o.Lookup, []string{addr}, 1, headStart, func(ctx context.Context, addr string) (greeted, error) {
		nc, reply, err := connectTo(ctx, addr, o)
		return greeted{nc, reply}, err
	})
	return g.Conn, g.reply, err
}

// headStart is how long one address of a name is waited for before the next is tried
// beside it.
const headStart = 250 * time.Millisecond

// connectTo is connect for one address.
func connectTo(ctx context.Context, addr string, o Options) (net.Conn, wire.HelloReply, error) {
	nc, err := o.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, wire.HelloReply{}, fmt.Errorf("client: connecting to %s: %w", addr, err)
	}
	heard := &recorder{Conn: nc}
	reply, err := shakeHands(ctx, heard, o)
	switch {
	case err == nil && reply.Status != wire.StatusOK:
		err = &RefusedError{Addr: addr, Status: reply.Status, Message: reply.Message, Extra: reply.Extra}
	case errors.Is(err, wire.ErrMagic), errors.Is(err, wire.ErrMalformed), err != nil && differs(heard.head):
		err = notNode(ctx, addr, heard.head, o)
	case err != nil:
		err = fmt.Errorf("client: handshake with %s: %w", addr, err)
	}
	if err != nil {
		return nil, wire.HelloReply{}, errors.Join(err, nc.Close())
	}
	return nc, reply, nil
}

// shakeHands sends a Hello and reads the reply, within ctx.
func shakeHands(ctx context.Context, nc net.Conn, o Options) (wire.HelloReply, error) {
	// The end of the context makes reads and writes fail at once.
	var interrupted error
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		interrupted = nc.SetDeadline(time.Unix(1, 0))
		close(stopped)
	})
	reply, err := exchangeHellos(nc, o)
	if !stop() {
		<-stopped
		return wire.HelloReply{}, errors.Join(context.Cause(ctx), interrupted)
	}
	return reply, err
}

// exchangeHellos is the handshake itself.
func exchangeHellos(nc net.Conn, o Options) (wire.HelloReply, error) {
	hello := wire.Hello{
		Role:       wire.RoleClient,
		MinVersion: wire.MinVersion,
		MaxVersion: wire.MaxVersion,
		Group:      o.Group,
		Generation: o.Generation,
		Secret:     o.Secret,
	}
	hello.Extra = wire.ClientExtra(o.Stale, o.Client)
	if err := wire.WriteHello(nc, hello); err != nil {
		return wire.HelloReply{}, err
	}
	reply, err := wire.ReadHelloReply(nc)
	if err != nil {
		return wire.HelloReply{}, err
	}
	if reply.Status == wire.StatusOK {
		if _, err := wire.Negotiate(reply.Version, reply.Version); err != nil {
			return wire.HelloReply{}, err
		}
	}
	return reply, nil
}
