package bench

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync/atomic"
	"time"

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
	clock    clock
	logbooks []*logbook
	feeds    *feeds
	checker  *check.Checker
	figures  *figures
	files    *files
	outages  outages

	nudge  chan struct{}
	lowest atomic.Uint64 // position that every live node has delivered
	total  atomic.Int64  // operations that count, so far

	records []record // sorted by end; those of the last round that came too early
	pages   [][]record
	events  map[*feed][]event
	start   int64  // of the oldest operation in flight, as of the last round
	floor   uint64 // likewise
	highest uint64 // position that a client was told
	end     uint64 // position at which the run ended
	err     error  // of the files
}

func newAuditor(c clock, s *feeds, checker *check.Checker, fig *figures, out *files) *auditor {
	return &auditor{
		clock: c, feeds: s, checker: checker, figures: fig, files: out,
		nudge: make(chan struct{}, 1), events: make(map[*feed][]event),
	}
}

// addClient gives a client its logbook. All clients come before the first
// round.
func (a *auditor) addClient(clients int) *logbook {
	l := newLogbook(a.clock, &a.lowest, a.nudge, clients)
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
	now := a.clock.now()
	start, floor := int64(math.MaxInt64), uint64(math.MaxUint64)
	for i, l := range a.logbooks {
		p := l.take(a.pages[i])
		a.records = append(a.records, p.records...)
		clear(p.records)
		a.pages[i] = p.records
		if p.start >= 0 {
			start, floor = min(start, p.start), min(floor, p.floor)
		}
	}
	a.takeEvents()
	slices.SortStableFunc(a.records, func(x, y record) int { return cmp.Compare(x.op.End, y.op.End) })
	n, _ := slices.BinarySearchFunc(a.records, now, func(r record, now int64) int { return cmp.Compare(r.op.End, now) })
	for i := range a.records[:n] {
		a.complete(&a.records[i])
	}
	a.records = slices.Delete(a.records, 0, n)

	// What was in flight at the last round bounds what came in at this one.
	a.checker.Advance(a.start, a.floor)
	a.lowest.Store(a.checker.Lowest())
	a.start, a.floor = min(start, now), min(floor, a.checker.Lowest())
	a.floor -= min(a.floor, floorSlack)
	for i := range a.records {
		a.start = min(a.start, a.records[i].op.Start)
	}
}

func (a *auditor) takeEvents() {
	for _, f := range a.feeds.all() {
		spare, known := a.events[f]
		if !known {
			a.checker.JoinStream(f.name)
		}
		events := f.take(spare)
		for i := range events {
			e := &events[i]
			switch e.kind {
			case eventDelivery:
				a.checker.Deliver(f.name, &e.delivery)
				a.keep(a.files.deliver(f.name, &e.delivery))
			case eventRestart:
				a.checker.RestartStream(f.name)
			case eventEnd:
				a.checker.EndStream(f.name)
				f.over = true
			case eventLost:
				a.checker.LoseStream(f.name, e.why)
				f.over = true
			}
		}
		clear(events) // the payloads may go
		if f.over {
			events = nil // and so may the rest: in a long run many streams end
		}
		a.events[f] = events
	}
}

func (a *auditor) complete(r *record) {
	a.checker.Complete(&r.op)
	a.keep(a.files.complete(&r.op))
	a.figures.add(r)
	a.outages.add(r)
	if r.counts {
		a.total.Add(1)
	}
	if r.op.Status != history.Unknown {
		a.highest = max(a.highest, r.op.Position)
	}
}

func (a *auditor) keep(err error) {
	if a.err == nil {
		a.err = err
	}
}
