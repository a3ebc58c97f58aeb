package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
)

// askTimeout bounds the question for one node's status.
const askTimeout = 2 * time.Second

// member is a member of the group's view.
type member struct {
	ID          string `json:"id"`
	Incarnation uint64 `json:"incarnation,string"`
	ClientAddr  string `json:"client_addr"`
}

// exact is the name of this run of the node.
func (m member) exact() string { return fmt.Sprintf("%s#%d", m.ID, m.Incarnation) }

// membership knows how to learn who is in the group.
type membership struct {
	mu    sync.Mutex // guards addrs
	addrs []string   // of nodes, those last known first
}

// members asks the nodes known, one after the other, until one that serves
// tells its view.
func (m *membership) members(ctx context.Context) ([]member, error) {
	m.mu.Lock()
	addrs := m.addrs
	m.mu.Unlock()
	var errs []error
	for _, addr := range addrs {
		list, err := membersAt(ctx, addr)
		if err == nil {
			m.remember(list)
			return list, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("no node tells who is in the group: %w", errors.Join(errs...))
}

// remember puts the members' addresses before those known earlier, of which
// some are kept in case all members change.
func (m *membership) remember(list []member) {
	const keep = 64
	m.mu.Lock()
	defer m.mu.Unlock()
	known := make(map[string]bool)
	var addrs []string
	add := func(addr string) {
		if addr != "" && !known[addr] && len(addrs) < len(list)+keep {
			known[addr] = true
			addrs = append(addrs, addr)
		}
	}
	for _, one := range list {
		add(one.ClientAddr)
	}
	for _, addr := range m.addrs {
		add(addr)
	}
	m.addrs = addrs
}

func membersAt(ctx context.Context, addr string) (list []member, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := client.Dial(ctx, addr, client.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	data, err := conn.Status(ctx)
	if err != nil {
		return nil, err
	}
	var status struct {
		Phase   string   `json:"phase"`
		Rank    int      `json:"rank"`
		Members []member `json:"members"`
	}
	if err := json.Unmarshal(data, &status); err != nil {
		return nil, fmt.Errorf("status of the node at %s: %w", addr, err)
	}
	if status.Rank < 0 || status.Phase == "excluded" || status.Phase == "stopped" || len(status.Members) == 0 {
		return nil, fmt.Errorf("the node at %s is not in the group now (%s)", addr, status.Phase)
	}
	return status.Members, nil
}
