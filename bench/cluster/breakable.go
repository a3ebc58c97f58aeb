package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/netfault"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/server"
)

// Breakable is a group of processes with which things go wrong on purpose: they
// reach each other through a proxy, keep their identities in directories, and are
// started again. Clients are not bound to a node.
type Breakable struct {
	*Processes        // whose registry has the same address for life
	settings   string // of the group, encoded
	proxy      *netfault.Proxy
	dir        string

	ctx      context.Context // ends with the group
	cancel   context.CancelFunc
	revivals sync.WaitGroup
	seats    map[string]*seat // by name; the map does not change

	startChild func(name string) (*Process, error)
}

// seat is a node, or the registry, through the lives of its processes. Its fields
// are guarded by Processes.mu.
type seat struct {
	name    string
	child   *Process // the newest
	run     int      // counts what was wanted: a start or an end
	wanted  bool     // it is to live
	leaving int      // processes that are to leave the group, and have not ended
	trouble error    // why it does not
}

// StartBreakable starts a group. What its nodes deliver after the position that it
// returns goes to feeds.
func StartBreakable(ctx context.Context, nodes int, settings registry.Settings, env program.Env, s *Feeds) (*Breakable, uint64, error) {
	given, err := json.Marshal(settings)
	if err != nil {
		return nil, 0, err
	}
	b := &Breakable{Processes: NewProcesses(env, nodes), settings: string(given), seats: make(map[string]*seat)}
	b.Registry = loopback
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.startChild = b.startSeat
	origin, err := b.start(ctx, s)
	if err != nil {
		return nil, 0, errors.Join(err, b.Stop())
	}
	return b, origin, nil
}

func (b *Breakable) start(ctx context.Context, s *Feeds) (origin uint64, err error) {
	names := append([]string{fault.Registry}, nodeNames(b.nodes)...)
	if err := b.env.Profiles.Check(names...); err != nil {
		return 0, err
	}
	if b.dir, err = os.MkdirTemp("", "dsmbench-"); err != nil {
		return 0, err
	}
	if b.proxy, err = netfault.Listen(); err != nil {
		return 0, err
	}
	for _, name := range names {
		b.seats[name] = &seat{name: name, wanted: true}
	}
	for _, name := range names {
		addr, err := b.launch(ctx, b.seats[name], 0)
		if err != nil {
			return 0, err
		}
		if name == fault.Registry {
			b.Registry = addr
			b.proxy.Name(addr, fault.Registry)
		} else {
			b.Addrs = append(b.Addrs, addr)
		}
	}
	b.Follower, origin, err = Follow(ctx, b.Addrs, s, b.env, b.LossFeed, b.serves)
	return origin, err
}

// launch starts a process for a seat, unless something else is wanted by then, and
// waits until it is ready.
func (b *Breakable) launch(ctx context.Context, s *seat, run int) (string, error) {
	child, err := b.startChild(s.name)
	if err != nil {
		return "", fmt.Errorf("process %s: %w", s.name, err)
	}
	b.mu.Lock()
	current := s.run == run
	if current {
		s.child = child
		b.children = slices.DeleteFunc(b.children, func(c *Process) bool { return c.Name == s.name })
		b.children = append(b.children, child)
	}
	b.mu.Unlock()
	addr := ""
	if err = errSuperseded; current {
		addr, err = b.attend(ctx, child)
	}
	if err != nil {
		return "", errors.Join(err, child.discard())
	}
	return addr, nil
}

var errSuperseded = errors.New("it is not wanted any more")

// startSeat starts a process for a node, or the registry.
func (b *Breakable) startSeat(name string) (*Process, error) {
	dir := filepath.Join(b.dir, name)
	if name == fault.Registry {
		return startProcess(b.env, name, nil, []string{"registry", b.settings, b.Registry, dir})
	}
	// The proxy must know whose address it is before others dial it.
	l, err := b.proxy.ListenAs(name)
	if err != nil {
		return nil, err
	}
	file, err := l.(*net.TCPListener).File()
	if err = errors.Join(err, l.Close()); err != nil {
		return nil, err
	}
	child, err := startProcess(b.env, name, file, []string{"node", name, b.Registry, dir, b.proxy.Addr()})
	return child, errors.Join(err, file.Close())
}

// Pauses between tries to start a process again.
const (
	leastRevivalPause = 100 * time.Millisecond
	mostRevivalPause  = time.Second
)

// revive has a process live again, as an operator would who does not give up: a
// node that starts gives up after a while if its registry is away. One that crashes
// is told as a loss.
func (b *Breakable) revive(name string) {
	s := b.seats[name]
	b.mu.Lock()
	s.run++
	run := s.run
	s.wanted = true
	b.mu.Unlock()
	b.revivals.Go(func() {
		for pause := leastRevivalPause; b.ctx.Err() == nil; pause = min(2*pause, mostRevivalPause) {
			ctx, cancel := context.WithTimeout(b.ctx, StartTimeout)
			addr, err := b.launch(ctx, s, run)
			cancel()
			if err == nil && name != fault.Registry {
				b.welcome(server.MemberStatus{ClientAddr: addr}) // what it delivers from now on counts
			}
			b.mu.Lock()
			s.trouble = err
			current := s.run == run
			b.mu.Unlock()
			if errors.Is(err, ErrCrashed) {
				b.nodeEnded(name, fmt.Errorf("starting again: %w", err))
				return
			}
			if err == nil || !current {
				return
			}
			select {
			case <-b.ctx.Done():
			case <-time.After(pause):
			}
		}
	})
}

// kill ends a process at once. One that ended by itself is told as a loss.
func (b *Breakable) kill(name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.seats[name]
	s.run++
	s.wanted = false
	if err := s.child.Kill(); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Newest is the process of a seat.
func (b *Breakable) Newest(name string) *Process {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seats[name].child
}

// anyNode reports whether a node is to live.
func (b *Breakable) anyNode() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, s := range b.seats {
		if name != fault.Registry && s.wanted {
			return true
		}
	}
	return false
}

// Home is no node: a handle goes to another when its own is lost.
func (b *Breakable) Home(int) string { return "" }

// Whole waits until the members are the nodes that are to live, all of them are followed,
// and whoever was to leave has ended.
func (b *Breakable) Whole(ctx context.Context) error {
	tick := time.NewTicker(memberInterval / 5)
	defer tick.Stop()
	for {
		members, err := b.members.members(ctx)
		missing := b.missing(members)
		if err == nil && len(missing) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(append(missing, err)...)
		case <-tick.C:
		}
	}
}

// missing tells of the nodes that are to live and are no members, and of those that are to
// leave and have not. Those lost by themselves were told already.
func (b *Breakable) missing(members []server.MemberStatus) (missing []error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.nodes {
		s := b.seats[NodeName(i)]
		is := slices.ContainsFunc(members, func(m server.MemberStatus) bool {
			return m.ID == s.name && m.ClientAddr == s.child.addr && b.knows(m.Incarnation)
		})
		lost := s.child.isGone() && !s.child.doomed.Load() || errors.Is(s.trouble, ErrCrashed)
		if s.wanted && !is && !lost {
			missing = append(missing, errors.Join(fmt.Errorf("%s is not back in the group", s.name), s.trouble))
		}
		if s.leaving > 0 {
			missing = append(missing, fmt.Errorf("%s has not left the group", s.name))
		}
	}
	return missing
}

// Stop ends all that was started, and removes what it left.
func (b *Breakable) Stop() error {
	b.cancel()
	b.revivals.Wait()
	b.mu.Lock()
	for _, child := range b.children {
		_ = child.resume() // it is paused only if the run failed
	}
	// One that was killed, or told as a loss, has nothing more to say.
	b.children = slices.DeleteFunc(b.children, func(c *Process) bool { return c.doomed.Load() })
	for _, child := range b.children {
		if child.Name == fault.Registry { // it may have been started again after the nodes
			b.children = append([]*Process{child}, slices.DeleteFunc(b.children, func(c *Process) bool { return c == child })...)
			break
		}
	}
	b.mu.Unlock()
	errs := []error{b.Processes.Stop()}
	if b.proxy != nil {
		errs = append(errs, b.proxy.Close())
	}
	if b.dir != "" {
		errs = append(errs, os.RemoveAll(b.dir))
	}
	return errors.Join(errs...)
}
