package hostile

import (
	"fmt"
	"io"
	"time"

	"github.com/seed-8247e700/dsm/bench/attack"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/console"
)

// mostP99Ratio is how many times as long as in the quiet the slowest percent of
// operations may take under an attack.
const mostP99Ratio = 2

// leastWriteRatio is the part of the writes of the quiet that has to be acknowledged under
// an attack.
const leastWriteRatio = 0.5

// leastStrength is the part of what an attack was to do that it must have done: a
// group is not praised for what it was spared.
const leastStrength = 0.9

// quietPhase is the name of a phase without an attack.
const quietPhase = "quiet"

// Phase is what the clients that behave saw for some time.
type Phase struct {
	Name           string
	PerSecond      float64 // operations
	Writes         float64 // of them, a second
	P50, P99, P999 time.Duration
	Max            time.Duration
	Errors         int
	LastError      error
	Heap           uint64 // bytes live at the end, in the node with the most

	// What follows is set in an attack.
	Kind       attack.Kind
	Conns      int
	Attack     *attack.Figures // what it did meanwhile, nil in the quiet
	Ratio      float64         // of P99 to the mean of it before and after
	WriteRatio float64         // of Writes, likewise
	HeapLimit  uint64          // of Heap
	Failed     bool
}

// Report is what attacks did to clients.
type Report struct {
	Config   Config
	Phases   []Phase // quiet, an attack, quiet, and so on
	Failures []string
}

// Pass reports whether all attacks were borne as they have to be.
func (r *Report) Pass() bool { return len(r.Failures) == 0 }

func (r *Report) fail(format string, args ...any) {
	r.Failures = append(r.Failures, fmt.Sprintf(format, args...))
}

// judge compares the attacks with the quiet around them.
func (r *Report) judge() {
	for i := range r.Phases {
		p, before := &r.Phases[i], len(r.Failures)
		if p.Errors > 0 {
			r.fail("%s failed in the phase %s, the last: %v", report.Count(p.Errors, "operation"), p.Name, p.LastError)
		}
		if p.Attack != nil {
			r.judgeStrength(p)
			r.judgeCost(p, &r.Phases[i-1], &r.Phases[i+1])
		}
		p.Failed = len(r.Failures) > before
	}
}

// judgeCost compares an attack with the quiet before and after it.
func (r *Report) judgeCost(p, before, after *Phase) {
	p.Ratio = float64(p.P99) / float64(max((before.P99+after.P99)/2, 1))
	p.WriteRatio = p.Writes / max((before.Writes+after.Writes)/2, 1)
	p.HeapLimit = before.Heap + heapBudget(p.Kind)
	if p.PerSecond == 0 {
		r.fail("nothing was answered during the attack %s", p.Name)
		return
	}
	if p.Ratio > mostP99Ratio {
		r.fail("the p99 during the attack %s was %.2f times that of the quiet around it, more than %d", p.Name, p.Ratio, mostP99Ratio)
	}
	if p.WriteRatio < leastWriteRatio {
		r.fail("the writes during the attack %s were %.2f of those of the quiet around it, less than %.1f", p.Name, p.WriteRatio, leastWriteRatio)
	}
	if p.Heap > p.HeapLimit {
		r.fail("%s were live in a node during the attack %s, more than %s", report.Mebibytes(p.Heap), p.Name, report.Mebibytes(p.HeapLimit))
	}
}

// judgeStrength tells of an attack that was less than it was meant to be, and of one that got
// what it must not get.
func (r *Report) judgeStrength(p *Phase) {
	c, did := &r.Config, p.Attack
	switch p.Kind {
	case attack.Garbage:
		if meant := float64(c.Frames) * c.Phase.Seconds(); float64(did.Frames) < leastStrength*meant {
			r.fail("the attack %s sent %d frames of %.0f", p.Name, did.Frames, meant)
		}
	case attack.Idle, attack.Unfinished, attack.Subscribers, attack.LongKeys:
		if float64(did.Open) < leastStrength*float64(p.Conns) {
			r.fail("the attack %s had %d connections of %d", p.Name, did.Open, p.Conns)
		}
	case attack.Forged, attack.Registry:
		if meant := attack.StrangerRate * float64(p.Conns) * c.Phase.Seconds(); float64(did.Replies) < leastStrength*meant {
			r.fail("the attack %s had %d answers of %.0f", p.Name, did.Replies, meant)
		}
	}
	if meant := attack.Requests(p.Kind) * p.Conns; float64(did.Requests) < leastStrength*float64(meant) {
		r.fail("the attack %s sent %d requests of %d", p.Name, did.Requests, meant)
	}
	if did.Granted > 0 {
		r.fail("the attack %s was granted %d of its requests, which had to be refused", p.Name, did.Granted)
	}
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	c := &r.Config
	out := report.NewSink(w)
	out.Printf("%s, each a process; %s, closed loop of reads and writes; phases of %v; seed %d\n",
		report.Count(c.Nodes, "member"), report.Count(c.Clients, "client"), c.Phase, c.Seed)
	out.Printf("attacks from a process of their own; %d connections; %d frames a second, %d a connection\n", c.Conns, c.Frames, c.FramesPerConn)
	out.Printf("an attack may cost: the p99 %d times that of the quiet around it; writes, %.1f of theirs are left; the heap's limit\n", mostP99Ratio, leastWriteRatio)
	g := console.Table{Columns: report.Columns(
		"phase", "ops/s", "writes/s", "p50", "p99", "p99.9", "max", "errors", "heap", "limit", "p99 ratio", "write ratio", "verdict",
	)}
	g.Columns = append(g.Columns, console.Column{Name: "the attack", Prose: true})
	for i := range r.Phases {
		p := &r.Phases[i]
		limit, ratio, writes, verdict, did := "", "", "", "", ""
		if p.Attack != nil {
			limit, ratio, writes = report.Mebibytes(p.HeapLimit), fmt.Sprintf("%.2f", p.Ratio), fmt.Sprintf("%.2f", p.WriteRatio)
			did = describe(p.Attack)
			verdict = map[bool]string{false: "PASS", true: "FAIL"}[p.Failed]
		}
		g.Rows = append(g.Rows, []string{
			p.Name, report.Grouped(int64(p.PerSecond)), report.Grouped(int64(p.Writes)),
			report.Duration(p.P50), report.Duration(p.P99), report.Duration(p.P999), report.Duration(p.Max),
			fmt.Sprint(p.Errors), report.Mebibytes(p.Heap), limit, ratio, writes, verdict, did,
		})
	}
	out.Table(g)
	out.Verdict(r.Failures)
	return out.Err
}

// describe says what an attack did.
func describe(f *attack.Figures) string {
	text := fmt.Sprintf("%d open, %d opened, %d ended, %d refused", f.Open, f.Opened, f.Ended, f.Refused)
	if f.Frames > 0 {
		text += fmt.Sprintf(", %d frames", f.Frames)
	}
	if f.Requests > 0 {
		text += fmt.Sprintf(", %d requests, %d replies", f.Requests, f.Replies)
	}
	return text
}
