package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/server"
)

// askTimeout bounds the question for one node's status.
const askTimeout = 2 * time.Second

// exact is the name of this run of a node.
func exact(m *server.MemberStatus) string { return fmt.Sprintf("%s#%d", m.ID, m.Incarnation) }

// membership knows how to learn who is in the group.
type membership struct {
	losses LossFeed // where a new generation is told, nil: nowhere

	mu         sync.Mutex    // guards what follows
	addrs      []string      // of nodes, those last known first
	generation uint64        // of the group, 0: not known yet
	told       bool          // that it is another
	detection  time.Duration // of the group, 0: not known
}

// hangs is how long a node may take to tell its view before another is asked too.
const hangs = 100 * time.Millisecond

// members asks the nodes known, one after the other, until one that serves tells
// its view. One that does not, or hangs, is asked after all others from then on.
func (m *membership) members(ctx context.Context) ([]server.MemberStatus, error) {
	m.mu.Lock()
	addrs := m.addrs
	m.mu.Unlock()
	type answer struct {
		addr   string
		status server.Status
	}
	first, err := client.First(ctx, addrs, 1, hangs, func(ctx context.Context, addr string) (answer, error) {
		status, err := servingAt(ctx, addr)
		if err == nil {
			err = m.same(status.Generation)
		}
		if err != nil {
			m.putLast(addr)
		}
		return answer{addr, status}, err
	})
	if err != nil {
		return nil, fmt.Errorf("no node answers with the members of the group: %w", err)
	}
	m.remember(first.addr, &first.status)
	return first.status.Members, nil
}

// same tells of a generation that is not the group's first known one: the nodes
// that have it know nothing of what the group did.
func (m *membership) same(generation uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.generation == 0 {
		m.generation = generation
	}
	if m.generation == generation {
		return nil
	}
	if m.losses != nil && !m.told {
		m.told = true
		m.losses <- Loss{Generation: generation}
	}
	return fmt.Errorf("%w: generation %d", fault.ErrStateLost, generation)
}

// putLast has an address asked after all others.
func (m *membership) putLast(addr string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	addrs := slices.DeleteFunc(slices.Clone(m.addrs), func(a string) bool { return a == addr })
	m.addrs = append(addrs, addr)
}

// remember puts the members' addresses, the one first that answered, before those
// known earlier, of which some are kept in case all members change.
func (m *membership) remember(answered string, status *server.Status) {
	const keep = 64
	list := status.Members
	m.mu.Lock()
	defer m.mu.Unlock()
	m.detection = time.Duration(status.DetectionMs) * time.Millisecond
	known := make(map[string]bool)
	var addrs []string
	add := func(addr string) {
		if addr != "" && !known[addr] && len(addrs) < len(list)+keep {
			known[addr] = true
			addrs = append(addrs, addr)
		}
	}
	add(answered)
	for _, one := range list {
		add(one.ClientAddr)
	}
	for _, addr := range m.addrs {
		add(addr)
	}
	m.addrs = addrs
}

// detectionTime is that of the group, as far as its nodes have told it.
func (m *membership) detectionTime() (d time.Duration, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.detection, m.detection > 0
}

// servingAt asks a node that serves.
func servingAt(ctx context.Context, addr string) (status server.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if status, err = StatusAt(ctx, addr); err != nil {
		return status, err
	}
	// One without a lease may tell a view that is gone.
	if !status.Serves || len(status.Members) == 0 {
		return status, fmt.Errorf("the node at %s does not serve now (%s)", addr, status.Phase)
	}
	return status, nil
}

// StatusAt asks the node at an address for its status.
func StatusAt(ctx context.Context, addr string) (status server.Status, err error) {
	conn, err := client.Dial(ctx, addr, client.Options{})
	if err != nil {
		return status, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return StatusOf(ctx, conn)
}

// StatusOf asks the node at the other end for its status.
func StatusOf(ctx context.Context, conn *client.Conn) (status server.Status, err error) {
	data, err := conn.Status(ctx)
	if err != nil {
		return status, err
	}
	if err := json.Unmarshal(data, &status); err != nil {
		return status, fmt.Errorf("status of a node: %w", err)
	}
	return status, nil
}
