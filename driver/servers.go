package driver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// source is where a pool gets its connections from.
type source interface {
	// connect returns a connection and the address of its server, "" if there
	// is no such thing. With only set it tries no other server. bound, if not
	// nil, is what the handle is bound to; the connection may be bound to
	// something else if there is nothing better.
	connect(ctx context.Context, bound *session.Binding, only string) (wire.Conn, string, error)
	// avoid has other servers tried before this one for a while.
	avoid(server string)
}

// single is the source of a handle that was opened with a Connector.
type single struct{ connector Connector }

func (s single) connect(ctx context.Context, bound *session.Binding, _ string) (wire.Conn, string, error) {
	made, err := s.connector.Connect(ctx)
	if err != nil {
		return nil, "", err
	}
	conn, ok := made.(wire.Conn)
	if !ok {
		_ = made.Close() // it is of no use
		return nil, "", fmt.Errorf("%w: it made a %T; pass a *server.Node to OpenDB", errNoNode, made)
	}
	if bound.Compare(bindingOf(conn.Info())) == session.Older {
		return nil, "", errors.Join(errOlder, conn.Close())
	}
	return conn, "", nil
}

func (single) avoid(string) {}

// errNoNode is why the connections of a Connector cannot be used.
var errNoNode = errors.New("driver: the Connector is not a node")

var errOlder = errors.New("driver: the server belongs to a generation of the group that is gone")

// bindingOf is what a server belongs to.
func bindingOf(info wire.Info) session.Binding {
	return session.Binding{Group: info.Group, Generation: info.Generation}
}

// servers is the source of a handle that was opened with a data source name. It
// stays with one server while that is well. A server is an address: one that a name
// stands for, or that was given as it is.
type servers struct {
	dsn     client.DSN
	options client.Options

	mu       sync.Mutex // guards all below
	known    []string   // the list as it was found last, which may have names in it
	resolved map[string][]string
	decides  session.Servers // which to try next
}

func (s *servers) connect(ctx context.Context, bound *session.Binding, only string) (wire.Conn, string, error) {
	r := race{servers: s, bound: bound}
	conn, server, err := r.run(ctx, only)
	if err != nil {
		return nil, "", err
	}
	s.chosen(server)
	return conn, server, nil
}

// dial connects to one server. A server that refuses because the handle is
// bound to something else is asked once more, for what it is itself.
func (s *servers) dial(ctx context.Context, server string, bound *session.Binding) (*client.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.dsn.DialTimeout)
	defer cancel()
	options := s.options
	if bound != nil {
		options.Group, options.Generation = bound.Group, bound.Generation
	}
	conn, err := client.Dial(ctx, server, options)
	var refused *client.RefusedError
	if errors.As(err, &refused) && refused.Status == wire.StatusGeneration {
		return client.Dial(ctx, server, s.options)
	}
	return conn, err
}

// candidates lists all servers known, those to be tried first before the others, and
// reports whether there is one that the handle stays with.
func (s *servers) candidates() (list []string, stays bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list = s.addressesLocked()
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	s.decides.Sort(list, time.Now())
	return list, s.decides.Stays()
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

// chosen notes that the handle stays with a server, which is well.
func (s *servers) chosen(server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decides.Chosen(server)
}

// avoid has other servers tried before one that failed or is leaving.
func (s *servers) avoid(server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decides.Failed(server, len(s.addressesLocked()), time.Now(), rand.Float64())
}
