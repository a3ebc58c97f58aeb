package registry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/hostport"
	"github.com/seed-8247e700/dsm/registry/membership"
	"github.com/seed-8247e700/dsm/registry/registrypb"
	"github.com/seed-8247e700/dsm/registry/registrypb/registrypbconnect"
)

// Times of a client.
const (
	dialTimeout = 2 * time.Second
	callTimeout = 5 * time.Second // of a call whose context has no deadline
	firstPause  = 20 * time.Millisecond
	maxPause    = time.Second
)

// Client is what a node, or an operator's tool, uses to talk to a registry.
// Its methods may be called by many goroutines at once. They return the
// package's sentinel errors, wrapped with what to do.
type Client struct {
	addr   string
	dialer *dialer
	http   *http.Client
	bearer *bearer
	api    registrypbconnect.RegistryClient
}

// Dial returns a client of the registry at host:port, or at several of these,
// separated by commas, of which the first that answers is used; every address of a
// name is tried as well. It opens no connection yet. Connections are plain HTTP/1.1,
// so that a request that gets no answer costs its own connection and the next one
// gets a fresh one.
func Dial(addr string) (*Client, error) {
	var d net.Dialer
	return newClient(addr, client.SystemLookup, func(ctx context.Context, addr string) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) })
}

// DialThrough is Dial for a client that opens its connections by dial, which gets
// names as they are, and up to 2 s for each connection.
func DialThrough(addr string, dial func(ctx context.Context, addr string) (net.Conn, error)) (*Client, error) {
	return newClient(addr, nil, dial)
}

func newClient(addr string, lookup client.Lookup, dial func(ctx context.Context, addr string) (net.Conn, error)) (*Client, error) {
	addr = client.TrimAddress(addr)
	addrs, err := client.SplitAddresses(addr)
	if err != nil {
		return nil, &refusedError{kind: ErrInvalid, text: fmt.Sprintf("%v: the registry's address %q: %v", ErrInvalid, client.Redact(addr), err)}
	}
	for _, addr := range addrs {
		if err := hostport.Dialled(addr); err != nil {
			return nil, &refusedError{kind: ErrInvalid, text: fmt.Sprintf("%v: the registry's address %q: %v", ErrInvalid, addr, err)}
		}
	}
	d := &dialer{addrs: addrs, dial: dial, lookup: lookup}
	b := &bearer{Transport: &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return d.connect(ctx) },
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     idleTimeout / 2, // the client gives up an idle connection first
	}}
	doer := &http.Client{Transport: b}
	return &Client{
		addr:   addr,
		dialer: d,
		http:   doer,
		bearer: b,
		api:    registrypbconnect.NewRegistryClient(doer, "http://"+addrs[0], connect.WithReadMaxBytes(maxReplyBytes)),
	}, nil
}

// UseToken has the client show the registry's token, which NewGeneration takes, and Leave
// for another node or by force. It is called before all others.
func (c *Client) UseToken(token string) { c.bearer.token = token }

// bearer sends requests with the token, and as to a registry: its address may be a name that
// the registry does not know.
type bearer struct {
	*http.Transport

	token string // "": none
}

// RoundTrip is part of http.RoundTripper.
func (b *bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := req.Clone(req.Context())
	sent.Host = client.RegistryHost
	if b.token != "" {
		sent.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.Transport.RoundTrip(sent)
}

// maxReplyBytes bounds a directive. A registry of an earlier release may send 128
// views of a full group.
const maxReplyBytes = 32 << 20

// Close releases idle connections. Calls under way are not affected.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Register announces a node, and returns its incarnation and what it must know first.
// While the registry cannot be reached it tries again, until the context ends or it is
// certain that something else listens at its address; a repeated request carries the
// same nonce, so that one node never gets two incarnations.
func (c *Client) Register(ctx context.Context, r membership.Registration) (incarnation uint64, d *membership.Directive, err error) {
	for r.Nonce == 0 {
		r.Nonce = rand.Uint64()
	}
	pause := newPause()
	for {
		reply, err := call(ctx, c, c.api.Register, registrationProto(&r))
		if err == nil {
			return reply.GetIncarnation(), directiveOf(reply.GetDirective()), nil
		}
		if !errors.Is(err, ErrUnreachable) {
			return 0, nil, err
		}
		if err = c.notRegistry(ctx, err); errors.Is(err, ErrNotRegistry) {
			return 0, nil, err
		}
		if pause.wait(ctx) != nil {
			return 0, nil, err
		}
	}
}

// Heartbeat tells how the node is and returns what it must know.
func (c *Client) Heartbeat(ctx context.Context, from membership.From, report *membership.Report) (*membership.Directive, error) {
	reply, err := call(ctx, c, c.api.Heartbeat, heartbeatProto(from, report))
	if err != nil {
		return nil, err
	}
	return directiveOf(reply), nil
}

// Leave asks for a view without the node: by force, also if it is the last member and
// the group's state goes with it. A group or generation of 0 is any. A directive tells
// when it is done; until then the node may ask again, and after a restart of the
// registry must.
func (c *Client) Leave(ctx context.Context, from membership.From, force bool, reason string) error {
	_, err := call(ctx, c, c.api.Leave, &registrypb.LeaveRequest{
		Id: from.ID, Incarnation: from.Incarnation, Group: from.Group, Generation: from.Generation, Key: keyProto(from.Key), Force: force, Reason: reason,
	})
	return err
}

// Stopped tells that the node has stopped without having left, and serves nobody any more, so
// that its group does not wait for it: by force, also if that makes the group smaller than its
// minimum. The node must have stopped before, and show its key: from others the error is
// ErrForbidden. A registry of an earlier release takes it for a Leave.
func (c *Client) Stopped(ctx context.Context, from membership.From, force bool) error {
	_, err := call(ctx, c, c.api.Leave, &registrypb.LeaveRequest{
		Id: from.ID, Incarnation: from.Incarnation, Group: from.Group, Generation: from.Generation, Key: keyProto(from.Key), Force: force, Reason: "stopped", Stopped: true,
	})
	return err
}

// Status returns the committed view, the attempt and every node known.
func (c *Client) Status(ctx context.Context) (*registrypb.StatusResponse, error) {
	reply, err := call(ctx, c, c.api.Status, &registrypb.StatusRequest{})
	if err != nil {
		return nil, c.notRegistry(ctx, err)
	}
	return reply, nil
}

// NewGeneration gives up the group's state. It returns the new generation.
func (c *Client) NewGeneration(ctx context.Context, force bool) (uint64, error) {
	reply, err := call(ctx, c, c.api.NewGeneration, &registrypb.NewGenerationRequest{Force: force})
	if err != nil {
		return 0, c.notRegistry(ctx, err)
	}
	return reply.GetGeneration(), nil
}

// call makes one request and translates its error.
func call[Req, Resp any](ctx context.Context, c *Client, method func(context.Context, *connect.Request[Req]) (*connect.Response[Resp], error), req *Req) (*Resp, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	reply, err := method(ctx, connect.NewRequest(req))
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	return reply.Msg, nil
}

// notRegistry says what listens at the registry's address, if an error of a call may
// come from something else and that can be told.
func (c *Client) notRegistry(ctx context.Context, err error) error {
	var failed *net.OpError
	var unknown *net.DNSError
	if !errors.Is(err, ErrUnreachable) || ctx.Err() != nil || errors.As(err, &failed) && failed.Op == "dial" || errors.As(err, &unknown) {
		return err
	}
	o := client.Options{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) { return c.dialer.open(ctx, addr) },
		Lookup:      c.dialer.lookup,
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	_, why := client.Discover(ctx, c.dialer.addrs, o)
	var wrong *client.WrongServerError
	if !errors.As(why, &wrong) {
		return err
	}
	wanted, advice := "not a registry", wrong.Advice
	switch wrong.Found {
	case "an HTTP server":
		wanted = "not a registry of this kind"
	case "a node":
		advice = "give the address of the registry that it has joined"
	}
	return &wrongServerError{fmt.Sprintf("%s listens at %s, %s: %s", wrong.Found, wrong.Addr, wanted, advice)}
}

// explain turns an error of a call into one of the package's own.
func (c *Client) explain(ctx context.Context, err error) error {
	if refusal := fromWire(err); refusal != nil {
		return refusal
	}
	if connect.CodeOf(err) == connect.CodeUnimplemented || connect.CodeOf(err) == connect.CodeInternal {
		return fmt.Errorf("%w: the program at %s is not a registry of this kind: %w; check the address", ErrUnreachable, c.addr, err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: no answer from %s: %w; check that it runs and that the address is right", ErrUnreachable, c.addr, ctx.Err())
	}
	var failed *connect.Error
	if errors.As(err, &failed) && failed.Unwrap() != nil {
		err = failed.Unwrap() // its code says nothing of what has happened
	}
	return fmt.Errorf("%w: %s: %w; check that it runs and that the address is right", ErrUnreachable, c.addr, err)
}

// pause waits between tries, twice as long each time, with jitter, so that the
// nodes of a group do not come back all at once.
type pause struct{ next time.Duration }

func newPause() *pause { return &pause{next: firstPause} }

func (p *pause) wait(ctx context.Context) error {
	d := p.next/2 + rand.N(p.next)
	p.next = min(p.next*2, maxPause)
	return client.Sleep(ctx, d)
}
