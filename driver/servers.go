package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// source is where a pool gets its connections from.
type source interface {
	// connect returns a connection and the address of its server, "" if there
	// is no such thing. With only set it tries no other server. bound, if not
	// nil, is what the handle is bound to; the connection may be bound to
	// something else if there is nothing better.
	connect(ctx context.Context, bound *binding, only string) (wire.Conn, string, error)
	// failed tells that the server does not do well.
	failed(server string)
}

// single is the source of a handle that was opened with a Connector.
type single struct{ connector Connector }

func (s single) connect(ctx context.Context, bound *binding, _ string) (wire.Conn, string, error) {
	made, err := s.connector.Connect(ctx)
	if err != nil {
		return nil, "", err
	}
	conn, ok := made.(wire.Conn)
	if !ok {
		_ = made.Close() // it is of no use
		return nil, "", fmt.Errorf("%w: it made a %T; pass a *server.Node to OpenDB", errNoNode, made)
	}
	if compare(bound, conn.Info()) == relationOlder {
		return nil, "", errors.Join(errOlder, conn.Close())
	}
	return conn, "", nil
}

func (single) failed(string) {}

// errNoNode is why the connections of a Connector cannot be used.
var errNoNode = errors.New("driver: the Connector is not a node")

// relation says how a server's group and generation compare with a handle's.
type relation int

const (
	relationSame  relation = iota
	relationNewer          // the group has begun anew
	relationOlder          // the server belongs to a state that is gone
	relationOther          // another group
)

var errOlder = errors.New("driver: the server belongs to a generation of the group that is gone")

// compare compares a server with what a handle is bound to, nil if to nothing.
func compare(bound *binding, info wire.Info) relation {
	switch {
	case bound == nil || (bound.group == info.Group && bound.generation == info.Generation):
		return relationSame
	case bound.group != info.Group:
		return relationOther
	case bound.generation < info.Generation:
		return relationNewer
	default:
		return relationOlder
	}
}

// Bounds of how long a server that failed is tried only after all others.
const (
	firstPenalty = 100 * time.Millisecond
	lastPenalty  = 10 * time.Second
)

// penalty is what is remembered of a server that failed lately.
type penalty struct {
	failures int // in a row
	until    time.Time
	serial   uint64 // of all failures, which tells what failed before what
}

// servers is the source of a handle that was opened with a data source name. It
// stays with one server while that is well. A server is an address: one that a name
// stands for, or that was given as it is.
type servers struct {
	dsn     client.DSN
	options client.Options

	mu        sync.Mutex // guards all below
	known     []string   // the list as it was found last, which may have names in it
	resolved  map[string][]string
	current   string // the server the handle stays with, "" for none
	penalties map[string]penalty
	failures  uint64 // of all servers
}

func (s *servers) connect(ctx context.Context, bound *binding, only string) (wire.Conn, string, error) {
	r := race{servers: s, bound: bound, only: only != ""}
	if r.only {
		r.queue = []string{only}
	}
	conn, server, err := r.run(ctx)
	if err != nil {
		return nil, "", err
	}
	s.chosen(server)
	return conn, server, nil
}

// dial connects to one server. A server that refuses because the handle is
// bound to something else is asked once more, for what it is itself.
func (s *servers) dial(ctx context.Context, server string, bound *binding) (*client.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.dsn.DialTimeout)
	defer cancel()
	options := s.options
	if bound != nil {
		options.Group, options.Generation = bound.group, bound.generation
	}
	conn, err := client.Dial(ctx, server, options)
	var refused *client.RefusedError
	if errors.As(err, &refused) && refused.Status == wire.StatusGeneration {
		return client.Dial(ctx, server, s.options)
	}
	return conn, err
}

// candidates lists all servers known: first the one the handle stays with, then
// those that did not fail lately, by chance, so that handles spread over the
// group, then the others, the one that failed the longest ago first.
func (s *servers) candidates() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.addressesLocked()
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	now := time.Now()
	slices.SortStableFunc(list, func(a, b string) int {
		if a == s.current {
			return -1
		}
		if b == s.current {
			return 1
		}
		return cmp.Compare(s.penaltyLocked(a, now), s.penaltyLocked(b, now))
	})
	return list
}

// addressesLocked returns the addresses of all servers, each once.
func (s *servers) addressesLocked() []string {
	var list []string
	seen := make(map[string]bool)
	for _, server := range s.known {
		addrs := []string{server}
		if s.needsLookup(server) {
			addrs = s.resolved[server]
		}
		for _, addr := range addrs {
			if !seen[addr] {
				seen[addr] = true
				list = append(list, addr)
			}
		}
	}
	return list
}

// needsLookup reports whether a server stands for addresses that are looked up.
func (s *servers) needsLookup(server string) bool {
	return s.lookup() != nil && client.IsName(server)
}

// lookup is how names are resolved, nil for a dialer that does so itself.
func (s *servers) lookup() client.Lookup {
	if s.options.Lookup == nil && s.options.DialContext == nil {
		return client.SystemLookup
	}
	return s.options.Lookup
}

// stays reports whether there is a server that the handle stays with.
func (s *servers) stays() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current != ""
}

// list notes which servers there are.
func (s *servers) list(found []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = slices.Clone(found)
	for name := range s.resolved {
		if !slices.Contains(found, name) {
			delete(s.resolved, name)
		}
	}
}

// resolve notes what a name stands for.
func (s *servers) resolve(name string, addrs []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resolved == nil {
		s.resolved = make(map[string][]string)
	}
	s.resolved[name] = addrs
}

// penaltyLocked is the serial number of a server's last failure, as long as it
// counts, and 0 afterwards.
func (s *servers) penaltyLocked(server string, now time.Time) uint64 {
	if p := s.penalties[server]; p.until.After(now) {
		return p.serial
	}
	return 0
}

// chosen notes that the handle stays with a server, which is well.
func (s *servers) chosen(server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = server
}

// failed gives the server a penalty, twice as long as the last one if that did
// not end long ago.
func (s *servers) failed(server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == server {
		s.current = ""
	}
	now := time.Now()
	p := s.penalties[server]
	if now.After(p.until.Add(lastPenalty)) {
		p.failures = 0
	}
	d := min(firstPenalty<<min(p.failures, 10), lastPenalty)
	p.failures++
	s.failures++
	p.serial = s.failures
	p.until = now.Add(d/2 + rand.N(d))
	if len(s.penalties) >= 2*len(s.addressesLocked())+16 {
		// Members come and go; what is remembered of them must not pile up.
		clear(s.penalties)
	}
	s.penalties[server] = p
}
