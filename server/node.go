package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/transport"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/registrypb"
)

// Node is a member of a group. It serves clients on its address, and the
// process that it runs in through Connect. Its methods may be called by many
// goroutines at once.
type Node struct {
	cfg      Config
	log      *slog.Logger
	listener net.Listener
	identity *identity
	client   registryClient
	conns    connSet
	current  atomic.Pointer[replica] // nil before the first registration

	cancel     context.CancelFunc // ends run
	closing    chan struct{}      // closed when Close begins
	closeOnce  sync.Once
	closeErr   error
	done       chan struct{} // closed when the node has stopped
	err        error         // why; set before done is closed
	background sync.WaitGroup

	mu      sync.Mutex    // guards serving
	serving chan struct{} // closed while the current replica serves
}

// Start starts a node and returns once it is a member of its group and serves,
// or with the reason why it cannot be. The context bounds the start only.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	ident, err := openIdentity(cfg.DataDir, cfg.ID)
	if err != nil {
		return nil, err
	}
	client, err := registry.Dial(cfg.Registry)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: Registry: %w", ErrConfig, err), ident.close())
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: Listen: %w", ErrConfig, err), ident.close())
	}
	if cfg.Advertise == "" {
		if cfg.Advertise, err = advertised(listener.Addr(), cfg.Registry); err != nil {
			return nil, errors.Join(err, listener.Close(), ident.close())
		}
	}
	runCtx, cancel := context.WithCancel(context.Background())
	n := &Node{
		cfg:      cfg,
		log:      cfg.Logger.With("node", cfg.ID),
		listener: listener,
		identity: ident,
		client:   client,
		conns:    connSet{limit: cfg.MaxConns, conns: map[net.Conn]struct{}{}},
		cancel:   cancel,
		closing:  make(chan struct{}),
		done:     make(chan struct{}),
		serving:  make(chan struct{}),
	}
	n.background.Go(n.accept)
	go n.run(runCtx)
	select {
	case <-n.serves():
		return n, nil
	case <-n.done:
		return nil, n.err
	case <-ctx.Done():
		err := fmt.Errorf("server: node %s did not become a member in time: %w", cfg.ID, ctx.Err())
		return nil, errors.Join(err, n.kill())
	}
}

// ID returns the node's id.
func (n *Node) ID() string { return n.cfg.ID }

// Addr returns the address, host:port, that the node listens on.
func (n *Node) Addr() string { return n.listener.Addr().String() }

// Advertised returns the address, host:port, that peers and clients dial.
func (n *Node) Advertised() string { return n.cfg.Advertise }

// Done is closed when the node has stopped, by Close or by an error that it
// could not get over; Err then tells which.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err returns why the node stopped: ErrClosed after Close, nil while it runs.
func (n *Node) Err() error {
	select {
	case <-n.done:
		return n.err
	default:
		return nil
	}
}

// Connect makes a connection within the process, for driver.OpenDB: reads look
// into the replica, with no socket between. It waits until the node serves.
func (n *Node) Connect(ctx context.Context) (wire.Conn, error) {
	for {
		serves := n.serves()
		select {
		case <-serves:
		case <-n.done:
			return nil, n.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if r := n.current.Load(); r != nil && r.serving.Load() {
			return localConn{r}, nil
		}
	}
}

// serves returns the channel that is closed while a replica serves.
func (n *Node) serves() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.serving
}

// setServing tells those who wait in Start and Connect.
func (n *Node) setServing(serves bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if serves {
		close(n.serving)
	} else {
		n.serving = make(chan struct{})
	}
}

// run keeps the node in its group: one incarnation after another.
func (n *Node) run(ctx context.Context) {
	defer n.background.Wait()
	var again *replica // of the same incarnation, in a generation that has just begun
	for first := true; ; first = false {
		r := again
		if r == nil {
			var err error
			if r, err = n.register(ctx, first); err != nil {
				n.finish(err)
				return
			}
		}
		reason := n.live(ctx, r)
		if ctx.Err() != nil {
			reason = ErrClosed
		}
		if errors.Is(reason, ErrClosed) || errors.Is(reason, errLeft) {
			n.finish(ErrClosed)
			return
		}
		again = nil
		if d := r.directive.successor; d != nil && errors.Is(reason, errGeneration) {
			var err error
			if again, err = n.newReplica(r.self.Incarnation, d); err != nil {
				n.finish(err)
				return
			}
		}
	}
}

// live runs a replica until it ends, and returns why it did.
func (n *Node) live(ctx context.Context, r *replica) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n.current.Store(r)
	first := r.directive.successor
	r.directive.successor = nil
	r.post(func() {
		r.beat.told = r.beatNews()
		r.directed(first)
	})
	r.background.Go(func() { r.pulse(ctx) })
	r.background.Go(func() { r.sendHeartbeats(ctx, n.client) })
	r.background.Go(func() { r.watch(ctx, n.client) })
	r.background.Go(func() { r.observe(ctx) })
	select {
	case <-r.joined:
		n.setServing(true)
		select {
		case <-r.ended:
		case <-ctx.Done():
		}
		n.setServing(false)
	case <-r.ended:
	case <-ctx.Done():
	}
	cancel()
	r.stop(ErrClosed)
	return r.reason
}

// finish notes why the node stops, and gives up what it holds.
func (n *Node) finish(reason error) {
	err := n.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	err = errors.Join(err, n.conns.closeAll(), n.identity.close())
	n.client.Close()
	if err != nil {
		n.log.Error("stopping", "err", err)
	}
	n.err = reason
	close(n.done)
}

// registryPatience is how long a node that starts looks for its registry.
const registryPatience = 5 * time.Second

// register announces the node to the registry and returns its new incarnation.
// At the first start it gives up after a while; later it never does.
func (n *Node) register(ctx context.Context, first bool) (*replica, error) {
	req := &registrypb.RegisterRequest{
		Id: n.cfg.ID, PeerAddr: n.cfg.Advertise, ClientAddr: n.cfg.Advertise,
		Group: n.identity.last.Group, ProvedDead: n.identity.last.Incarnation,
		FeatureLevel: featureLevel,
	}
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		callCtx, cancel := context.WithTimeout(ctx, registryPatience)
		resp, err := n.client.Register(callCtx, req)
		cancel()
		switch {
		case err == nil:
			return n.newReplica(resp.GetIncarnation(), resp.GetDirective())
		case ctx.Err() != nil:
			return nil, ErrClosed
		case errors.Is(err, registry.ErrOtherGroup) && first && req.Group != 0:
			// A node that starts has no state and may join any group; what it can
			// prove is about another one.
			n.log.Warn("the registry serves another group than this node was in before: joining it", "err", err)
			req.Group, req.ProvedDead = 0, 0
			continue
		case first:
			return nil, err
		}
		n.log.Warn("the registry does not take this node back yet", "err", err)
		select {
		case <-ctx.Done():
			return nil, ErrClosed
		case <-time.After(wait):
		}
	}
}

// featureLevel is what this release can do in a view.
const featureLevel = 1

// newReplica prepares an incarnation in the generation that d tells of.
func (n *Node) newReplica(incarnation uint64, d *registrypb.Directive) (*replica, error) {
	if err := n.identity.record(d.GetGroup(), incarnation); err != nil {
		return nil, err
	}
	self := isis.MemberID{ID: n.cfg.ID, Incarnation: incarnation}
	settings := d.GetSettings()
	r := &replica{
		cfg: &n.cfg, log: n.log.With("incarnation", incarnation), self: self,
		group: d.GetGroup(), generation: d.GetGeneration(), settings: settings,
		ended: make(chan struct{}), joined: make(chan struct{}), pulsed: time.Now(),
		clients: clientSet{conns: map[*clientConn]struct{}{}},
		core: isis.New(isis.Config{
			Self: self, Agreed: settings.GetAgreedDelivery(), Window: n.cfg.Window,
			MaxBatchBytes: n.cfg.MaxBatchBytes, MaxPendingBytes: 2 * n.cfg.MaxAdmittedBytes,
		}),
		directive: directiveState{members: map[uint64]*registrypb.Member{}, successor: d},
		beat: heartbeat{
			interval: time.Duration(settings.GetHeartbeatMs()) * time.Millisecond,
			outgoing: make(chan *registrypb.HeartbeatRequest, 1),
		},
		clock: ordinalClock{
			tick:  time.Duration(settings.GetTickMs()) * time.Millisecond,
			audit: time.Duration(settings.GetAuditMs()) * time.Millisecond,
		},
	}
	r.turnstile.init(n.cfg.MaxAdmittedBytes)
	r.ackTimer = time.AfterFunc(time.Hour, r.sendAcks)
	r.ackTimer.Stop()
	r.adopt(store.New(r.limits()))
	var err error
	r.net, err = transport.New(transport.Config{
		Self: self, Group: r.group, Generation: r.generation, Handler: r, Logger: r.log,
	})
	return r, err
}

// Leave takes the node out of its group: it finishes what its clients have
// submitted, sends them to other nodes, and has the registry make a view
// without it. The last member's variables exist nowhere else: it refuses with
// ErrLastMember, and goes on, unless force is set. After an error the node is
// still running.
func (n *Node) Leave(ctx context.Context, force bool) error {
	r := n.current.Load()
	if r == nil || !r.serving.Load() {
		return nil
	}
	r.leaving.Store(true)
	for _, c := range r.clients.all(false) {
		c.goAway("node " + n.cfg.ID + " is leaving")
	}
	err := r.finishWrites(ctx)
	if err == nil {
		err = n.client.Leave(ctx, &registrypb.LeaveRequest{
			Id: r.self.ID, Incarnation: r.self.Incarnation, Force: force, Reason: "left",
		})
	}
	if err != nil {
		r.leaving.Store(false)
		if errors.Is(err, registry.ErrLastMember) {
			return fmt.Errorf("%w: %w", ErrLastMember, err)
		}
		return fmt.Errorf("server: leaving: %w", err)
	}
	select {
	case <-r.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("server: leaving: %w", ctx.Err())
	}
}

// finishWrites waits until nothing submitted here is under way.
func (r *replica) finishWrites(ctx context.Context) error {
	for {
		idle := false
		if !r.do(func() { idle = r.core.Idle() }) || idle {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// Close leaves the group, even as its last member, and stops the node. When the
// registry cannot be told in time it stops all the same and returns the error:
// the group will notice the node's silence.
func (n *Node) Close() error {
	n.closeOnce.Do(func() {
		close(n.closing)
		ctx, cancel := context.WithTimeout(context.Background(), n.cfg.LeaveTimeout)
		defer cancel()
		n.closeErr = n.Leave(ctx, true)
		n.cancel()
	})
	<-n.done
	return n.closeErr
}

// kill stops the node without a word to anyone, as a crash would.
func (n *Node) kill() error {
	n.closeOnce.Do(func() {
		close(n.closing)
		n.cancel()
	})
	<-n.done
	return nil
}
