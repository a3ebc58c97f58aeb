package systems

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/seed-8247e700/dsm/bench/peers/point"
)

const (
	// raftBatch is how many entries go to a follower in one message. The default,
	// 64, is less than what 256 writers have in flight.
	raftBatch = 512

	// raftApply bounds how long a write waits to be taken in.
	raftApply = 10 * time.Second

	// raftPool is how many connections a transport keeps to each peer.
	raftPool = 3
)

// raftGroup is three replicas in this process.
type raftGroup struct {
	nodes      []*raft.Raft
	transports []*raft.NetworkTransport
	leader     *raft.Raft
	memory     *raftMemory // the leader's
}

func startRaft(ctx context.Context, _ Env) (point.System, error) {
	s := &raftGroup{}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *raftGroup) start(ctx context.Context) error {
	var servers []raft.Server
	for i := range members {
		t, err := raft.NewTCPTransportWithLogger("127.0.0.1:0", nil, raftPool, raftApply, hclog.NewNullLogger())
		if err != nil {
			return err
		}
		s.transports = append(s.transports, t)
		servers = append(servers, raft.Server{ID: raft.ServerID(fmt.Sprintf("n%d", i)), Address: t.LocalAddr()})
	}
	led := make(chan int, members)
	memories := make([]*raftMemory, members)
	for i, t := range s.transports {
		config := raft.DefaultConfig()
		config.LocalID, config.Logger = servers[i].ID, hclog.NewNullLogger()
		config.MaxAppendEntries, config.BatchApplyCh = raftBatch, true
		store := raft.NewInmemStore()
		if err := raft.BootstrapCluster(config, store, store, raft.NewDiscardSnapshotStore(), t, raft.Configuration{Servers: servers}); err != nil {
			return err
		}
		memories[i] = &raftMemory{values: map[string][]byte{}}
		node, err := raft.NewRaft(config, memories[i], store, store, raft.NewDiscardSnapshotStore(), t)
		if err != nil {
			return err
		}
		s.nodes = append(s.nodes, node)
		go func() {
			if <-node.LeaderCh() {
				led <- i
			}
		}()
	}
	select {
	case i := <-led:
		s.leader, s.memory = s.nodes[i], memories[i]
		return s.leader.Barrier(raftApply).Error()
	case <-ctx.Done():
		return fmt.Errorf("systems: raft has no leader: %w", ctx.Err())
	}
}

// Client uses the leader.
func (s *raftGroup) Client(context.Context, int) (point.Client, error) {
	return raftClient{s.leader, s.memory}, nil
}

// Close ends the replicas.
func (s *raftGroup) Close() error {
	var errs []error
	for _, n := range s.nodes {
		errs = append(errs, n.Shutdown().Error())
	}
	for _, t := range s.transports {
		errs = append(errs, t.Close())
	}
	return errors.Join(errs...)
}

type raftClient struct {
	leader *raft.Raft
	memory *raftMemory
}

// Write applies an entry: the length of the key in two bytes, the key, the value.
func (c raftClient) Write(_ context.Context, key string, value []byte) error {
	entry := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(key)+len(value)), uint16(len(key)))
	entry = append(append(entry, key...), value...)
	return c.leader.Apply(entry, raftApply).Error()
}

// Read looks into the leader's memory.
func (c raftClient) Read(_ context.Context, key string) (int, error) {
	c.memory.mu.RLock()
	v, ok := c.memory.values[key]
	c.memory.mu.RUnlock()
	if !ok {
		return 0, fmt.Errorf("systems: raft has no %q", key)
	}
	return len(v), nil
}

// raftMemory is the state machine: a map behind a lock, as in the library's own
// examples, with a lock that readers share.
type raftMemory struct {
	mu     sync.RWMutex // guards values
	values map[string][]byte
}

// Apply sets a value.
func (m *raftMemory) Apply(l *raft.Log) any {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.setLocked(l)
	return nil
}

// ApplyBatch sets what was committed together, under one lock.
func (m *raftMemory) ApplyBatch(logs []*raft.Log) []any {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range logs {
		if l.Type == raft.LogCommand {
			m.setLocked(l)
		}
	}
	return make([]any, len(logs))
}

func (m *raftMemory) setLocked(l *raft.Log) {
	n := binary.BigEndian.Uint16(l.Data)
	m.values[string(l.Data[2:2+n])] = l.Data[2+n:]
}

// errNoSnapshots: the memory of a run lasts for a minute.
var errNoSnapshots = errors.New("systems: no snapshots are made of raft's state")

// Snapshot is not asked for within the two minutes after which raft begins to.
func (m *raftMemory) Snapshot() (raft.FSMSnapshot, error) { return nil, errNoSnapshots }

// Restore is not asked for.
func (m *raftMemory) Restore(io.ReadCloser) error { return errNoSnapshots }
