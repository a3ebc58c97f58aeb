package registry

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/registry/keeper"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// Registry is a running registry. Its methods may be called by any goroutine.
type Registry struct {
	log     *slog.Logger
	clock   Clock
	store   store
	durable bool
	door    *door

	registrations registrations

	listener net.Listener
	server   *http.Server

	mu     sync.Mutex // guards keeper and closed, and is held while the state is being saved
	keeper *keeper.Keeper
	closed bool

	stopping  chan struct{} // closed when Close begins
	closeOnce sync.Once
	closeErr  error
	loops     sync.WaitGroup
	done      chan struct{} // closed when the API is no longer served
	err       error         // why; read after done
}

// shutdownTimeout bounds how long Close waits for requests under way.
const shutdownTimeout = 2 * time.Second

// Start runs a registry and returns once it serves. The context bounds the
// start only; Close ends the registry.
func Start(ctx context.Context, cfg Config) (*Registry, error) {
	cfg = cfg.withDefaults()
	r := &Registry{
		log:      cfg.Logger,
		clock:    cfg.Clock,
		durable:  cfg.DataDir != "",
		door:     cfg.door(),
		stopping: make(chan struct{}),
		done:     make(chan struct{}),
	}
	tokenFile, err := r.open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	r.server = r.newServer()
	if !r.durable {
		r.log.Warn("views are kept in memory only: if the registry stops, the group's view is frozen and its members cannot rejoin; set a data directory to keep them")
	}
	status, _ := r.keeper.Status(r.clock.Now())
	r.log.Info("registry started", "addr", r.Addr(), "group", groupName(status.Group),
		"generation", status.Generation, "view", status.View.ID, "dir", cfg.DataDir, "token_file", tokenFile)
	interval := max(status.Settings.Heartbeat/4, time.Millisecond)
	r.loops.Go(func() { r.tick(interval) })
	r.loops.Go(r.serve)
	return r, nil
}

// open loads or begins the group, listens, and saves that it was started. All that
// may be refused comes before the save: a registry that does not start changes
// nothing. It returns the file with the token, "" if there is none.
func (r *Registry) open(ctx context.Context, cfg Config) (tokenFile string, err error) {
	if cfg.TokenFile != "" {
		if r.door.token, err = ReadToken(cfg.TokenFile); err != nil {
			return "", fmt.Errorf("registry: %w", err)
		}
	}
	r.store = memoryStore{}
	old, found, err := r.load(cfg)
	if err != nil {
		return "", err
	}
	if err := r.begin(ctx, cfg, old, found); err != nil {
		return "", errors.Join(err, r.store.close())
	}
	if cfg.TokenFile != "" || !r.durable {
		return cfg.TokenFile, nil
	}
	if r.door.token, tokenFile, err = tokenIn(cfg.DataDir); err != nil {
		return "", errors.Join(fmt.Errorf("registry: %w", err), r.listener.Close(), r.store.close())
	}
	return tokenFile, nil
}

// load returns the state that the data directory has, or that of a new group.
func (r *Registry) load(cfg Config) (state membership.State, found bool, err error) {
	state = membership.NewState(randomID(), foundingBase(time.Now()), DefaultSettings())
	if !r.durable {
		return state, false, nil
	}
	if !hasStore(cfg.DataDir) {
		// Nothing is to be created for settings that no group can have.
		if _, err := cfg.settingsFor(state.Settings); err != nil {
			return state, false, fmt.Errorf("registry: %w", err)
		}
	}
	bolt, err := openBolt(cfg.DataDir)
	if err != nil {
		return state, false, err
	}
	saved, found, err := bolt.load()
	if err != nil {
		return state, false, errors.Join(err, bolt.close())
	}
	r.store = bolt
	if found {
		state = saved
	}
	return state, found, nil
}

// begin starts the group under the settings that are given, and listens.
func (r *Registry) begin(ctx context.Context, cfg Config, old membership.State, found bool) error {
	settings, err := cfg.settingsFor(old.Settings)
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	state, err := old.WithSettings(settings)
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	var secret membership.Key
	_, _ = rand.Read(secret[:]) // it never fails
	state = state.WithSecret(secret)
	var lc net.ListenConfig
	if r.listener, err = lc.Listen(ctx, "tcp", cfg.Listen); err != nil {
		return fmt.Errorf("registry: %w; choose another address to listen on", err)
	}
	if r.keeper, err = keeper.Open(state, r.clock.Now(), disk{r}, told{r.log}); err != nil {
		return errors.Join(fmt.Errorf("registry: save the state in %s: %w", cfg.DataDir, err), r.listener.Close())
	}
	if found && settings != old.Settings {
		r.log.Info("settings of the group changed", "from", old.Settings, "to", settings)
	}
	return nil
}

// randomID returns a random number other than 0.
func randomID() uint64 {
	var b [8]byte
	for {
		// Read never fails; it ends the program if there is no randomness.
		_, _ = rand.Read(b[:])
		if id := binary.LittleEndian.Uint64(b[:]); id != 0 {
			return id
		}
	}
}

// founding is where positions of groups are counted from.
var founding = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)

// foundingBase returns the position at which a group begins that is founded now: the
// microseconds since 2020, so that groups which were founded one after the other do
// not have the same positions, unless one of them has ordered more than a million
// commands a second since. Then a version that somebody keeps from a group whose
// registry has lost its directory is none of the group that follows it. Here the
// wall clock is right: there is nothing else to know of that group.
func foundingBase(now time.Time) uint64 {
	return uint64(max(now.Sub(founding), 0).Microseconds())
}

func groupName(group uint64) string { return fmt.Sprintf("%x", group) }

// Addr returns the address that the registry listens on.
func (r *Registry) Addr() string { return r.listener.Addr().String() }

// Done is closed when the registry no longer serves; Err tells why.
func (r *Registry) Done() <-chan struct{} { return r.done }

// Err returns why the registry stopped: nil while it runs, ErrClosed after
// Close, anything else if its listener failed.
func (r *Registry) Err() error {
	select {
	case <-r.done:
		return r.err
	default:
		return nil
	}
}

// Close ends the registry: watches end, requests under way are answered, the
// file is released. The group's nodes go on with their view.
func (r *Registry) Close() error {
	r.closeOnce.Do(func() {
		close(r.stopping)
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		if err := r.server.Shutdown(ctx); err != nil {
			r.closeErr = errors.Join(r.closeErr, r.server.Close())
		}
		r.loops.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.closed = true
		r.closeErr = errors.Join(r.closeErr, r.store.close())
		r.log.Info("registry stopped", "addr", r.Addr())
	})
	return r.closeErr
}

// disk saves the keeper's state.
type disk struct{ r *Registry }

// Save is part of keeper.Store.
func (d disk) Save(state membership.State) error { return d.r.store.save(state) }

// keep does something with the group, alone.
func (r *Registry) keep(do func(k *keeper.Keeper, now time.Duration) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	return do(r.keeper, r.clock.Now())
}

// serve answers requests until Close.
func (r *Registry) serve() {
	defer close(r.done)
	r.err = r.server.Serve(newGuestListener(r.listener))
	if errors.Is(r.err, http.ErrServerClosed) {
		r.err = ErrClosed
		return
	}
	r.log.Error("registry no longer serves", "addr", r.Addr(), "err", r.err)
}

// tick lets time pass for the group.
func (r *Registry) tick(interval time.Duration) {
	ticks, stop := r.clock.Ticker(interval)
	defer stop()
	for {
		select {
		case <-r.stopping:
			return
		case <-ticks:
			_ = r.keep(func(k *keeper.Keeper, now time.Duration) error { k.Tick(now); return nil }) // none but ErrClosed
		}
	}
}
