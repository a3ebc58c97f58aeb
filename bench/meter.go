package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// metered is a system whose processes tell what they have used.
type metered interface {
	// usages asks every node, in the order of their names, after a collection of
	// their garbage if that is wanted.
	usages(collected bool) ([]usage, error)
	// processNames are the nodes, in that order.
	processNames() []string
}

// Cost is what a process used in the time that counts.
type Cost struct {
	Process    string        `json:"process"` // a node, or "clients": that of dsmbench, with all checks
	Seconds    float64       `json:"seconds"`
	CPU        time.Duration `json:"cpu_ns"`
	Waits      int64         `json:"waits"` // of threads: voluntary context switches
	ReadCalls  int64         `json:"read_calls"`
	WriteCalls int64         `json:"write_calls"`
	ReadBytes  int64         `json:"read_bytes"`
	WriteBytes int64         `json:"written_bytes"`
	Allocs     uint64        `json:"allocs"`
	AllocBytes uint64        `json:"alloc_bytes"`
	Cycles     uint64        `json:"gc_cycles"`
	PauseP99   time.Duration `json:"gc_pause_p99_ns"` // to a bucket of the runtime's histogram
	PauseMax   time.Duration `json:"gc_pause_max_ns"`

	HeapBefore uint64 `json:"live_heap_before_bytes"` // without variables, after a collection
	HeapAfter  uint64 `json:"live_heap_after_bytes"`  // at the run's end, after another
}

// clientsProcess is the name of this process among those that cost something.
const clientsProcess = "clients"

// meter weighs what a run costs each process: in the time that counts, and in memory.
type meter struct {
	system metered
	before []usage // at rest, this process last, and so below
	begin  []usage
	end    []usage
	after  []usage
	err    error
}

// sample asks everybody.
func (m *meter) sample(collected bool) []usage {
	list, err := m.system.usages(collected)
	if err != nil {
		m.err = errors.Join(m.err, err)
		return nil
	}
	own := ownUsage
	if collected {
		own = collectedUsage
	}
	u, err := own()
	m.err = errors.Join(m.err, err)
	return append(list, u)
}

// watch takes samples at the beginning and at the end of the time that counts.
func (m *meter) watch(ctx context.Context, c clock, s *schedule) {
	if pause(ctx, time.Duration(s.count-c.now())) {
		m.begin = m.sample(false)
	}
	if pause(ctx, time.Duration(s.end-c.now())) {
		m.end = m.sample(false)
	}
}

// costs is what was found, nothing if the run was interrupted.
func (m *meter) costs() ([]Cost, error) {
	names := append(m.system.processNames(), clientsProcess)
	if m.err != nil {
		return nil, fmt.Errorf("bench: what the run cost is not known: %w", m.err)
	}
	var list []Cost
	for i, name := range names {
		if i >= len(m.before) || i >= len(m.begin) || i >= len(m.end) || i >= len(m.after) {
			return nil, nil
		}
		u := m.end[i].since(m.begin[i])
		list = append(list, Cost{
			Process: name, Seconds: u.At.Seconds(), CPU: u.CPU, Waits: u.Waits,
			ReadCalls: u.ReadCalls, WriteCalls: u.WriteCalls, ReadBytes: u.ReadBytes, WriteBytes: u.WriteBytes,
			Allocs: u.Allocs, AllocBytes: u.AllocBytes, Cycles: u.Cycles,
			PauseP99: pauseQuantile(u.Pauses, 0.99), PauseMax: pauseQuantile(u.Pauses, 1),
			HeapBefore: m.before[i].LiveHeap, HeapAfter: m.after[i].LiveHeap,
		})
	}
	return list, nil
}

// costTable shows what each process used for each operation.
func (r *Report) costTable() grid {
	g := grid{
		header: []string{
			"process", "CPU", "CPU/op", "waits/op", "reads/op", "writes/op", "in/op", "out/op",
			"allocs/op", "alloc B/op", "GC p99", "GC max", "live heap",
		},
		align: alignRight(13, 1),
	}
	ops := all(r.Operations).PerSecond
	if ops == 0 {
		return g
	}
	for i := range r.Costs {
		c := &r.Costs[i]
		each := func(v float64) string { return fmt.Sprintf("%.2f", v/c.Seconds/ops) }
		g.rows = append(g.rows, []string{
			c.Process, fmt.Sprintf("%.2f", c.CPU.Seconds()/c.Seconds), fmt.Sprintf("%.2f us", c.CPU.Seconds()*1e6/c.Seconds/ops),
			each(float64(c.Waits)), each(float64(c.ReadCalls)), each(float64(c.WriteCalls)),
			fmt.Sprintf("%.0f B", float64(c.ReadBytes)/c.Seconds/ops), fmt.Sprintf("%.0f B", float64(c.WriteBytes)/c.Seconds/ops),
			each(float64(c.Allocs)), fmt.Sprintf("%.0f", float64(c.AllocBytes)/c.Seconds/ops),
			shortDuration(c.PauseP99), shortDuration(c.PauseMax), mebibytes(c.HeapAfter),
		})
	}
	return g
}
