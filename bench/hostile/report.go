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

// leastStrength is the part of what an attack was to do that it must have done: a
// group is not praised for what it was spared.
const leastStrength = 0.9

// quietPhase is the name of a phase without an attack.
const quietPhase = "quiet"

// Phase is what the clients that behave saw for some time.
type Phase struct {
	Name           string
	PerSecond      float64 // operations
	P50, P99, P999 time.Duration
	Max            time.Duration
	Errors         int
	LastError      error
	Attack         *attack.Figures // what the attack did meanwhile, nil in the quiet
	Ratio          float64         // of P99 to the mean of it before and after, in an attack
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
		p := &r.Phases[i]
		if p.Errors > 0 {
			r.fail("%s failed in the phase %s, the last: %v", report.Count(p.Errors, "operation"), p.Name, p.LastError)
		}
		if p.Attack == nil {
			continue
		}
		r.judgeStrength(p)
		quiet := (r.Phases[i-1].P99 + r.Phases[i+1].P99) / 2
		p.Ratio = float64(p.P99) / float64(max(quiet, 1))
		switch {
		case p.PerSecond == 0:
			r.fail("nothing was answered during the attack %s", p.Name)
		case p.Ratio > mostP99Ratio:
			r.fail("the p99 during the attack %s was %.2f times that of the quiet around it, more than %d", p.Name, p.Ratio, mostP99Ratio)
		}
	}
}

// judgeStrength tells of an attack that was less than it was meant to be.
func (r *Report) judgeStrength(p *Phase) {
	c := &r.Config
	switch attack.Kind(p.Name) {
	case attack.Garbage:
		if meant := float64(c.Frames) * c.Phase.Seconds(); float64(p.Attack.Frames) < leastStrength*meant {
			r.fail("the attack %s sent %d frames of %.0f", p.Name, p.Attack.Frames, meant)
		}
	case attack.Idle:
		if float64(p.Attack.Open) < leastStrength*float64(c.Conns) {
			r.fail("the attack %s had %d connections of %d", p.Name, p.Attack.Open, c.Conns)
		}
	}
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	c := &r.Config
	out := report.NewSink(w)
	out.Printf("%s, each a process; %s, closed loop of reads and writes; phases of %v; seed %d\n",
		report.Count(c.Nodes, "member"), report.Count(c.Clients, "client"), c.Phase, c.Seed)
	out.Printf("attacks from a process of their own; %d connections; %d frames a second, %d a connection\n", c.Conns, c.Frames, c.FramesPerConn)
	g := console.Table{Columns: report.Columns("phase", "ops/s", "p50", "p99", "p99.9", "max", "errors", "p99 ratio")}
	g.Columns = append(g.Columns, console.Column{Name: "the attack", Prose: true})
	for i := range r.Phases {
		p := &r.Phases[i]
		ratio, did := "", ""
		if p.Attack != nil {
			ratio = fmt.Sprintf("%.2f", p.Ratio)
			did = fmt.Sprintf("%d open, %d opened, %d ended, %d refused, %d frames",
				p.Attack.Open, p.Attack.Opened, p.Attack.Ended, p.Attack.Refused, p.Attack.Frames)
		}
		g.Rows = append(g.Rows, []string{
			p.Name, report.Grouped(int64(p.PerSecond)), report.Duration(p.P50), report.Duration(p.P99), report.Duration(p.P999),
			report.Duration(p.Max), fmt.Sprint(p.Errors), ratio, did,
		})
	}
	out.Table(g)
	out.Verdict(r.Failures)
	return out.Err
}
