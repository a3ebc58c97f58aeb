package join

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/bench/report"
)

// What a join may cost.
const (
	// mostBelowHalf is for how long on end the write rate may be below half of
	// what it was.
	mostBelowHalf = time.Second
	// mostHeapRatio is how much a member's live heap may grow.
	mostHeapRatio = 1.5
)

// Report is what a join cost.
type Report struct {
	Config Config

	Joined      bool
	JoinSeconds float64 // from the start of the node's process until it serves
	Transfers   int     // of the state; more than 1 when one broke off

	BaselineRate float64       // acknowledged writes a second before the join
	JoinRate     float64       // from the join's beginning to the run's end
	AfterRate    float64       // once the node was a member, which may cost more than one less
	LowestRate   float64       // of a window from the join's beginning
	LowestAt     time.Duration // when that window ended, from the join's beginning
	BelowHalf    time.Duration // the longest time on end that windows were below half of BaselineRate
	Silence      time.Duration // the longest time on end without any acknowledgement, to a bucket
	PerSecond    []float64     // the rate of each second from the join's beginning

	Heaps    []HeapGrowth
	Failures []string // none: the join has passed
}

// HeapGrowth is the live heap of a member.
type HeapGrowth struct {
	Node   string
	Before uint64 // bytes, after a forced collection, before the load
	Most   uint64 // bytes that any collection found during the load
}

// Ratio is Most to Before.
func (h HeapGrowth) Ratio() float64 { return float64(h.Most) / float64(max(h.Before, 1)) }

// Pass reports whether the join was as it has to be.
func (r *Report) Pass() bool { return len(r.Failures) == 0 }

func (r *Report) fail(format string, args ...any) {
	r.Failures = append(r.Failures, fmt.Sprintf(format, args...))
}

// rates compares the writes from the join's beginning, at starts, with those before
// it. At joined the node was a member.
func (r *Report) rates(counts []int, warmup, starts, joined time.Duration) {
	from := min(int(starts/bucketTime), len(counts))
	r.BaselineRate = rateOf(counts[min(int(warmup/bucketTime), from):from])
	during := counts[from:]
	r.JoinRate = rateOf(during)
	r.AfterRate = rateOf(counts[min(int(joined/bucketTime), len(counts)):])
	windows := windowRates(counts, from)
	if len(windows) > 0 {
		r.LowestRate = slices.Min(windows)
		r.LowestAt = time.Duration(slices.Index(windows, r.LowestRate)+1) * bucketTime
	}
	r.BelowHalf = longestBelow(windows, r.BaselineRate/2)
	silent := make([]float64, len(during))
	for i, n := range during {
		silent[i] = float64(n)
	}
	r.Silence = longestBelow(silent, 1)
	for second := range slices.Chunk(during, int(time.Second/bucketTime)) {
		if len(second)*int(bucketTime) == int(time.Second) { // the last may be a part
			r.PerSecond = append(r.PerSecond, rateOf(second))
		}
	}
}

func (r *Report) heap(h *heapWatch) {
	r.Heaps = append(r.Heaps, HeapGrowth{Node: h.node, Before: h.before, Most: h.most.Load()})
}

// judge holds the figures against what they may be.
func (r *Report) judge() {
	if r.BelowHalf > mostBelowHalf {
		r.fail("the write rate was below half for %v, longer than %v", r.BelowHalf, mostBelowHalf)
	}
	for _, h := range r.Heaps {
		if h.Ratio() > mostHeapRatio {
			r.fail("the live heap of %s grew to %.2f times, more than %.1f", h.Node, h.Ratio(), mostHeapRatio)
		}
	}
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	c := &r.Config
	p := report.NewSink(w)
	p.Printf("%s of %d bytes, %s in all; %s, each a process; %s, closed loop of writes; seed %d\n",
		report.Count(c.keys(), "variable"), c.ValueBytes, report.Mebibytes(uint64(c.keys()*c.ValueBytes)), report.Count(c.Nodes, "member"), report.Count(c.Clients, "client"), c.Seed)
	p.Printf("acknowledged writes are counted in buckets of %v; a rate is that of %d buckets on end, taken anew at each bucket\n",
		bucketTime, windowBuckets)
	p.Printf("live heap is what a garbage collection found in use; the junior member, the first donor, is made to collect every %v\n", collectInterval)
	p.Printf("\n")
	p.Printf("join                    %.1f s, %s of the state\n", r.JoinSeconds, report.Count(r.Transfers, "transfer"))
	p.Printf("write rate before       %.0f/s over %v\n", r.BaselineRate, c.Baseline)
	p.Printf("write rate from then on %.0f/s (%.2f of before), lowest window %.0f/s (%.2f) after %v\n",
		r.JoinRate, r.share(r.JoinRate), r.LowestRate, r.share(r.LowestRate), r.LowestAt)
	p.Printf("write rate after it     %.0f/s (%.2f of before), with %s\n", r.AfterRate, r.share(r.AfterRate), report.Count(c.Nodes+1, "member"))
	p.Printf("each second             ")
	for _, rate := range r.PerSecond {
		p.Printf("%.2f ", r.share(rate))
	}
	p.Printf("\n")
	p.Printf("longest below half      %v (at most %v)\n", r.BelowHalf, mostBelowHalf)
	p.Printf("longest without any     %v\n", r.Silence)
	for _, h := range r.Heaps {
		p.Printf("live heap of %-10s %s before, %s at most: %.2f times (at most %.1f)\n",
			h.Node, report.Mebibytes(h.Before), report.Mebibytes(h.Most), h.Ratio(), mostHeapRatio)
	}
	p.Verdict(r.Failures)
	return p.Err
}

// share is a rate as a part of that before the join.
func (r *Report) share(rate float64) float64 { return rate / max(r.BaselineRate, 1) }
