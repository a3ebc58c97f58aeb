package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
)

// meter weighs what a run costs each process: in the time that counts, and in memory.
type meter struct {
	system metered
	before []cluster.Usage // at rest, this process last, and so below
	begin  []cluster.Usage
	end    []cluster.Usage
	after  []cluster.Usage
	err    error
}

// sample asks everybody.
func (m *meter) sample(collected bool) []cluster.Usage {
	list, err := m.system.Usages(collected)
	if err != nil {
		m.err = errors.Join(m.err, err)
		return nil
	}
	own := cluster.OwnUsage
	if collected {
		own = cluster.CollectedUsage
	}
	u, err := own()
	m.err = errors.Join(m.err, err)
	return append(list, u)
}

// watch takes samples at the beginning and at the end of the time that counts.
func (m *meter) watch(ctx context.Context, c load.Clock, s *load.Schedule) {
	if program.Pause(ctx, time.Duration(s.Count-c.Now())) {
		m.begin = m.sample(false)
	}
	if program.Pause(ctx, time.Duration(s.End-c.Now())) {
		m.end = m.sample(false)
	}
}

// costs is what was found, nothing if the run was interrupted.
func (m *meter) costs() ([]report.Cost, error) {
	names := append(m.system.ProcessNames(), report.ClientsProcess)
	if m.err != nil {
		return nil, fmt.Errorf("bench: what the run cost is not known: %w", m.err)
	}
	var list []report.Cost
	for i, name := range names {
		if i >= len(m.before) || i >= len(m.begin) || i >= len(m.end) || i >= len(m.after) {
			return nil, nil
		}
		u := m.end[i].Since(m.begin[i])
		list = append(list, report.Cost{
			Process: name, Seconds: u.At.Seconds(), CPU: u.CPU, Waits: u.Waits,
			ReadCalls: u.ReadCalls, WriteCalls: u.WriteCalls, ReadBytes: u.ReadBytes, WriteBytes: u.WriteBytes,
			Allocs: u.Allocs, AllocBytes: u.AllocBytes, Cycles: u.Cycles,
			PauseP99: u.PauseQuantile(0.99), PauseMax: u.PauseQuantile(1),
			HeapBefore: m.before[i].LiveHeap, HeapAfter: m.after[i].LiveHeap,
		})
	}
	return list, nil
}
