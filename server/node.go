package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/connset"
	"github.com/seed-8247e700/dsm/internal/rlimit"
	"github.com/seed-8247e700/dsm/internal/sparelog"
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
	conns    *connset.Set
	current  atomic.Pointer[replica] // nil before the first registration
	refused  atomic.Pointer[string]  // why it could not register so far

	hindrance atomic.Pointer[string] // why its identity cannot be recorded, for people; nil: it can

	maxClients    int           // at most Config.MaxConns
	acceptTrouble sparelog.Gate // of lines that connections cannot be accepted

	cancel     context.CancelFunc // ends run
	closing    chan struct{}      // closed when Close begins
	closeOnce  sync.Once
	closeErr   error
	tells      atomic.Bool   // the registry is told that the node has stopped
	forced     bool          // by force; set before tells
	untold     error         // why that could not be; set before done is closed
	done       chan struct{} // closed when the node has stopped
	err        error         // why; set before done is closed
	background sync.WaitGroup

	leaver chan struct{} // full while somebody has the node leave

	mu    sync.Mutex    // guards newer, and the replacement of current
	newer chan struct{} // closed once current is replaced
}

// Start starts a node and returns once it is a member of its group and serves,
// or with the reason why it cannot be; then nothing of it runs any more. The
// context bounds the start only. Without a deadline Start waits for as long as
// joining takes: for ever, if the group's members do not come to a view.
//
// Its errors wrap, among others:
//   - ErrConfig: a field is wrong, or differs from what the group has;
//   - ErrIdentityInUse: another process holds Config.DataDir;
//   - registry.ErrUnreachable: no registry answered within 5 s;
//   - registry.ErrIDInUse: a node with this ID is in the group and lives. Of one that
//     was heard lately Start waits to see whether it does, for about as long as the
//     detection time;
//   - registry.ErrFull: the group has as many nodes as it can;
//   - registry.ErrOtherGroup, registry.ErrDegraded, registry.ErrInvalid: the
//     registry refuses the node, and the text says why;
//   - the context's error: the node did not become a member in time;
//   - errors of the network and of files, of the listener and the directory.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	n, err := start(ctx, cfg)
	if err != nil && cfg.Listener != nil {
		if closeErr := cfg.Listener.Close(); !errors.Is(closeErr, net.ErrClosed) {
			err = errors.Join(err, closeErr)
		}
	}
	return n, err
}

func start(ctx context.Context, cfg Config) (*Node, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.debugged()
	ident, err := awaitIdentity(ctx, cfg.Logger.With("node", cfg.ID), func() (*identity, error) { return openIdentity(cfg.DataDir, cfg.ID) })
	if err != nil {
		return nil, err
	}
	client, err := cfg.dialRegistry()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: Registry: %w", ErrConfig, err), ident.close())
	}
	listener := cfg.Listener
	if listener == nil {
		keepsAlive := net.ListenConfig{KeepAlive: -1} // not yet: see settle
		if listener, err = keepsAlive.Listen(ctx, "tcp", cfg.Listen); err != nil {
			return nil, errors.Join(fmt.Errorf("%w: Listen: %w", ErrConfig, err), ident.close())
		}
	}
	if cfg.Advertise == "" {
		if cfg.Advertise, err = advertised(ctx, listener.Addr(), cfg.Registry, cfg.lookup); err != nil {
			return nil, errors.Join(err, listener.Close(), ident.close())
		}
	}
	if err := speakFirst(listener, helloTimeout); err != nil {
		cfg.Logger.Warn("silent connections will cost more than necessary", "node", cfg.ID, "err", err)
	}
	all, clients := connLimits(cfg.MaxConns, rlimit.Files())
	if clients < cfg.MaxConns {
		cfg.Logger.Warn("the limit of open files is low: fewer clients than MaxConns can be connected at a time",
			"node", cfg.ID, "clients", clients, "max_conns", cfg.MaxConns, "open_files", rlimit.Files())
	}
	runCtx, cancel := context.WithCancel(context.Background())
	n := &Node{
		cfg:      cfg,
		log:      cfg.Logger.With("node", cfg.ID),
		listener: listener,
		identity: ident,
		client:   client,
		conns:    connset.New(all),

		maxClients: clients,

		cancel:  cancel,
		closing: make(chan struct{}),
		done:    make(chan struct{}),
		leaver:  make(chan struct{}, 1),
		newer:   make(chan struct{}),
	}
	if ident.moved != "" {
		n.log.Warn("the identity directory does not prove that the earlier run of this node has ended: if the group still has that, this node waits for the end of it",
			"dir", cfg.DataDir, "incarnation", ident.last.Incarnation, "reason", ident.moved)
	}
	n.background.Go(n.accept)
	n.background.Go(func() { warnAdvertised(runCtx, n.log, &n.cfg, listener.Addr(), lookupIP) })
	go n.run(runCtx)
	_, err = n.awaitServing(ctx)
	select {
	case <-n.done:
		return nil, n.err
	default:
	}
	if err != nil {
		why := n.waitsFor()
		n.giveUp()
		return nil, fmt.Errorf("server: node %s did not become a member in time%s: %w", cfg.ID, why, err)
	}
	return n, nil
}

// giveUpTime bounds how long a node that was not started in time tries to tell its
// registry so.
const giveUpTime = time.Second

// giveUp stops a node that is no member yet. It frees its id, for the next start.
func (n *Node) giveUp() {
	ctx, cancel := context.WithTimeout(context.Background(), giveUpTime)
	defer cancel()
	if err := n.Leave(ctx, false); err != nil {
		n.log.Warn("stopped without leaving: the registry has to notice the silence of this node", "err", err)
	}
	n.kill()
}

// waitsFor tells what kept the node from being a member, as a part of a sentence.
func (n *Node) waitsFor() string {
	if why := n.hindrance.Load(); why != nil {
		return " (" + *why + ")"
	}
	r := n.current.Load()
	if r == nil {
		if why := n.refused.Load(); why != nil {
			return " (" + *why + ")"
		}
		return " (it has not registered)"
	}
	var parts []string
	if why := r.why.waitsFor.Load(); why != nil && *why != "" {
		parts = append(parts, r.self.String()+" "+*why)
	}
	if why := r.why.unloaded.Load(); why != nil {
		parts = append(parts, *why)
	}
	if why := r.why.unlinked.Load(); why != nil && *why != "" && r.why.unloaded.Load() == nil {
		parts = append(parts, *why)
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, "; ") + ")"
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
// into the replica, with no socket between. It waits until the node serves. The
// error wraps ErrClosed when the node has stopped, and the context's error when
// that ends first. Connections are for the driver alone.
func (n *Node) Connect(ctx context.Context) (io.Closer, error) {
	r, err := n.awaitServing(ctx)
	if err != nil {
		return nil, err
	}
	if n.cfg.ReadOnly {
		return readOnlyConn{localConn{f: r.front}}, nil
	}
	return localConn{f: r.front}, nil
}

// awaitServing waits until an incarnation serves, and returns it.
func (n *Node) awaitServing(ctx context.Context) (*replica, error) {
	for {
		r, newer := n.incarnation()
		if r != nil {
			select {
			case <-r.lease.when():
				if r.reader.InView() {
					return r, nil
				}
			case <-r.ended:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		select {
		case <-newer:
		case <-n.done:
			return nil, n.closedError()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// closedError tells why the node has stopped, for good.
func (n *Node) closedError() error {
	if errors.Is(n.err, ErrClosed) {
		return n.err
	}
	return fmt.Errorf("%w: %w", ErrClosed, n.err)
}

// incarnation returns the node's present replica, nil before the first, and a
// channel that is closed once there is a newer one.
func (n *Node) incarnation() (*replica, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.current.Load(), n.newer
}

func (n *Node) setIncarnation(r *replica) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.current.Store(r)
	close(n.newer)
	n.newer = make(chan struct{})
}
