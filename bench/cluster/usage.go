package cluster

import (
	"math"
	"runtime"
	"runtime/metrics"
	"time"
)

// Usage is what a process has used since it began, as it tells by itself. Where the
// system does not tell, what it should have told is 0.
type Usage struct {
	At time.Duration `json:"at_ns"` // by the process's own clock

	processUsage

	Allocs     uint64    `json:"allocs"`      // objects on the heap
	AllocBytes uint64    `json:"alloc_bytes"` // and their size
	Cycles     uint64    `json:"gc_cycles"`
	LiveHeap   uint64    `json:"live_heap_bytes"` // as of the last collection
	Pauses     []gcPause `json:"gc_pauses"`
}

// processUsage is the part of a usage that the system tells.
type processUsage struct {
	CPU        time.Duration `json:"cpu_ns"`        // of all threads, in and out of the kernel
	Waits      int64         `json:"waits"`         // how often a thread went to sleep: voluntary context switches
	ReadCalls  int64         `json:"read_calls"`    // system calls that read, from anything
	WriteCalls int64         `json:"write_calls"`   // likewise
	ReadBytes  int64         `json:"read_bytes"`    // that they read
	WriteBytes int64         `json:"written_bytes"` // likewise
	Resident   uint64        `json:"resident_bytes"`
}

// gcPause counts the garbage collector's pauses of at most some length, above that of
// the entry before.
type gcPause struct {
	UpTo  time.Duration `json:"up_to_ns"`
	Count uint64        `json:"count"`
}

var processBegin = time.Now()

// OwnUsage is the usage of this process.
func OwnUsage() (Usage, error) {
	u := Usage{At: time.Since(processBegin)}
	var err error
	if u.processUsage, err = readProcessUsage(); err != nil {
		return u, err
	}
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:objects"},
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/sched/pauses/total/gc:seconds"},
	}
	metrics.Read(samples)
	for i, to := range []*uint64{&u.Allocs, &u.AllocBytes, &u.Cycles, &u.LiveHeap} {
		if samples[i].Value.Kind() == metrics.KindUint64 { // or the runtime does not tell
			*to = samples[i].Value.Uint64()
		}
	}
	if last := samples[len(samples)-1].Value; last.Kind() == metrics.KindFloat64Histogram {
		u.Pauses = pausesOf(last.Float64Histogram())
	}
	return u, nil
}

// pausesOf has the buckets of a histogram that are not empty.
func pausesOf(h *metrics.Float64Histogram) (list []gcPause) {
	for i, n := range h.Counts {
		if n == 0 {
			continue
		}
		up := h.Buckets[i+1]
		if math.IsInf(up, 1) {
			up = h.Buckets[i] // all that is known
		}
		list = append(list, gcPause{UpTo: time.Duration(up * float64(time.Second)), Count: n})
	}
	return list
}

// CollectedUsage is the usage of this process right after a collection.
func CollectedUsage() (Usage, error) {
	runtime.GC()
	return OwnUsage()
}

// Since is what was used after an earlier usage of the same process. What is a state
// and no count stays.
func (u Usage) Since(before Usage) Usage {
	d := u
	d.At -= before.At
	d.CPU -= before.CPU
	d.Waits -= before.Waits
	d.ReadCalls -= before.ReadCalls
	d.WriteCalls -= before.WriteCalls
	d.ReadBytes -= before.ReadBytes
	d.WriteBytes -= before.WriteBytes
	d.Allocs -= before.Allocs
	d.AllocBytes -= before.AllocBytes
	d.Cycles -= before.Cycles
	d.Pauses = nil
	earlier := make(map[time.Duration]uint64, len(before.Pauses))
	for _, p := range before.Pauses {
		earlier[p.UpTo] += p.Count
	}
	for _, p := range u.Pauses {
		if p.Count -= earlier[p.UpTo]; p.Count > 0 {
			d.Pauses = append(d.Pauses, p)
		}
	}
	return d
}

// PauseQuantile is a length that a share q of the garbage collector's pauses does not
// exceed, 0 without any.
func (u Usage) PauseQuantile(q float64) time.Duration {
	total, seen := uint64(0), uint64(0)
	for _, p := range u.Pauses {
		total += p.Count
	}
	for _, p := range u.Pauses {
		if seen += p.Count; float64(seen) >= q*float64(total) {
			return p.UpTo
		}
	}
	return 0
}
