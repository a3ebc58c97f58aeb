package bench

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/bench/workload"
	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
)

const (
	// auditInterval is how often the auditor looks when nobody nudges it.
	auditInterval = 5 * time.Millisecond

	// floorSlack is how much below the position that every node has delivered
	// a read may still report: a node's feed can be ahead of what its readers
	// see.
	floorSlack = 1 << 16
)

// auditor reads the logbooks of clients and the feeds of nodes, and takes what
// they say to the checks, the figures and the files. One goroutine owns it.
type auditor struct {
	clock     load.Clock
	logbooks  []*load.Logbook
	feeds     *cluster.Feeds
	checker   *check.Checker
	figures   *report.Figures
	files     *files
	invariant workload.Invariant // of the workload; nil: it has none
	expiries  *expiries          // nil if nothing expires
	outages   report.Outages
	forgotten func() // called if a client finds that the group lost its state

	nudge  chan struct{}
	lowest atomic.Uint64 // position that every live node has delivered
	total  atomic.Int64  // operations that count, so far

	records []load.Record // sorted by end; those of the last round that came too early
	pages   [][]load.Record
	events  map[*cluster.Feed][]cluster.Event
	start   int64  // of the oldest operation in flight, as of the last round
	floor   uint64 // likewise
	highest uint64 // position that a client was told
	end     uint64 // position at which the run ended
	err     error  // of the files
}

func newAuditor(c load.Clock, s *cluster.Feeds, checker *check.Checker, fig *report.Figures, out *files) *auditor {
	return &auditor{
		clock: c, feeds: s, checker: checker, figures: fig, files: out,
		nudge: make(chan struct{}, 1), events: make(map[*cluster.Feed][]cluster.Event),
	}
}

// addClient gives a client its logbook. All clients come before the first
// round.
func (a *auditor) addClient(clients int) *load.Logbook {
	l := load.NewLogbook(a.clock, &a.lowest, a.nudge, clients)
	a.logbooks = append(a.logbooks, l)
	a.pages = append(a.pages, nil)
	return l
}

// run makes rounds until the context ends.
func (a *auditor) run(ctx context.Context) {
	tick := time.NewTicker(auditInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-a.nudge:
		}
		a.round()
	}
}

// drain makes rounds until every live node has delivered all that clients were
// told, and at least up to a position: the end of the run. It gives up when the
// context ends, and the checks then tell what is missing.
func (a *auditor) drain(ctx context.Context, position uint64) {
	tick := time.NewTicker(auditInterval)
	defer tick.Stop()
	for {
		a.round()
		a.end = max(position, a.highest)
		if a.checker.Position() >= a.end && a.checker.Lowest() >= a.end && len(a.records) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			a.round()
			return
		case <-tick.C:
		}
	}
}

// round takes in all there is. Operations go to the checks in the order in
// which they ended: those that ended before the round began are all here,
// since a client notes its end and the time of it in one step; later ones wait
// for the next round.
func (a *auditor) round() {
	now := a.clock.Now()
	start, floor := int64(math.MaxInt64), uint64(math.MaxUint64)
	for i, l := range a.logbooks {
		p := l.Take(a.pages[i])
		a.records = append(a.records, p.Records...)
		clear(p.Records)
		a.pages[i] = p.Records
		if p.Start >= 0 {
			start, floor = min(start, p.Start), min(floor, p.Floor)
		}
	}
	a.takeEvents()
	slices.SortStableFunc(a.records, func(x, y load.Record) int { return cmp.Compare(x.Op.End, y.Op.End) })
	n, _ := slices.BinarySearchFunc(a.records, now, func(r load.Record, now int64) int { return cmp.Compare(r.Op.End, now) })
	for i := range a.records[:n] {
		a.complete(&a.records[i])
	}
	a.records = slices.Delete(a.records, 0, n)
	for _, e := range a.expiries.take() {
		a.invariant.(workload.Expiring).Expired(&e)
	}

	// What was in flight at the last round bounds what came in at this one.
	a.checker.Advance(a.start, a.floor)
	a.lowest.Store(a.checker.Lowest())
	a.start, a.floor = min(start, now), min(floor, a.checker.Lowest())
	a.floor -= min(a.floor, floorSlack)
	for i := range a.records {
		a.start = min(a.start, a.records[i].Op.Start)
	}
}

func (a *auditor) takeEvents() {
	for _, f := range a.feeds.All() {
		spare, known := a.events[f]
		if !known {
			a.checker.JoinStream(f.Name)
		}
		events := f.Take(spare)
		for i := range events {
			e := &events[i]
			switch e.Kind {
			case cluster.EventDelivery:
				a.checker.Deliver(f.Name, &e.Delivery)
				a.keep(a.files.deliver(f.Name, &e.Delivery))
			case cluster.EventRestart:
				a.checker.RestartStream(f.Name)
			case cluster.EventEnd:
				a.checker.EndStream(f.Name)
				f.Over = true
			case cluster.EventLost:
				a.checker.LoseStream(f.Name, e.Why)
				f.Over = true
			}
		}
		clear(events) // the payloads may go
		if f.Over {
			events = nil // and so may the rest: in a long run many streams end
		}
		a.events[f] = events
	}
}

func (a *auditor) complete(r *load.Record) {
	if errors.Is(r.Err, driver.ErrGeneration) {
		a.forgotten()
	}
	a.checker.Complete(&r.Op)
	if a.invariant != nil {
		a.invariant.Complete(&r.Op)
	}
	a.keep(a.files.complete(&r.Op))
	a.figures.Add(r)
	a.outages.Add(r)
	if r.Counts {
		a.total.Add(1)
	}
	if r.Op.Status != history.Unknown {
		a.highest = max(a.highest, r.Op.Position)
	}
}

func (a *auditor) keep(err error) {
	if a.err == nil {
		a.err = err
	}
}
