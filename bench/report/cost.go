package report

import (
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/console"
)

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

// ClientsProcess is the name of this process among those that cost something.
const ClientsProcess = "clients"

// costTable shows what each process used for each operation.
func (r *Report) costTable() console.Table {
	g := console.Table{Columns: Columns(
		"process", "CPU", "CPU/op", "waits/op", "reads/op", "writes/op", "in/op", "out/op",
		"allocs/op", "alloc B/op", "GC p99", "GC max", "live heap",
	)}
	ops := All(r.Operations).PerSecond
	if ops == 0 {
		return g
	}
	for i := range r.Costs {
		c := &r.Costs[i]
		each := func(v float64) string { return fmt.Sprintf("%.2f", v/c.Seconds/ops) }
		g.Rows = append(g.Rows, []string{
			c.Process, fmt.Sprintf("%.2f", c.CPU.Seconds()/c.Seconds), fmt.Sprintf("%.2f us", c.CPU.Seconds()*1e6/c.Seconds/ops),
			each(float64(c.Waits)), each(float64(c.ReadCalls)), each(float64(c.WriteCalls)),
			fmt.Sprintf("%.0f B", float64(c.ReadBytes)/c.Seconds/ops), fmt.Sprintf("%.0f B", float64(c.WriteBytes)/c.Seconds/ops),
			each(float64(c.Allocs)), fmt.Sprintf("%.0f", float64(c.AllocBytes)/c.Seconds/ops),
			Duration(c.PauseP99), Duration(c.PauseMax), Mebibytes(c.HeapAfter),
		})
	}
	return g
}
