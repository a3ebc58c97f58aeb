package crowd

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/sim/wires"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry/keeper"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// Config says what is simulated.
type Config struct {
	Nodes        int
	Port         wires.Rate    // of each node, in each direction
	Latency      time.Duration // of a message beside its bytes. Default 200 µs
	CommandBytes int           // of each write
	Load         time.Duration // how long members write before one of them crashes
	Bound        time.Duration // after which a change of the view counts as endless

	Settings membership.Settings // of the group

	// Trace receives what the registry tells of. Default: nobody.
	Trace func(line string)
}

// Report says what a crash under full load has come to. Times are from the crash on.
type Report struct {
	UnderWay  int           // bytes of messages that their senders had sent and not delivered, at the crash
	View      time.Duration // until all others were in a view without the member
	Write     time.Duration // until all others had delivered a write of each
	Attempts  int           // at views
	Failed    int           // of those
	Delivered uint64        // messages, at each member
	Events    uint64
}

// world is a simulated group.
type world struct {
	wires.Time
	cfg    Config
	keeper *keeper.Keeper
	nodes  []*node // by incarnation, from 1: [0] is nil
	order  []sent  // messages by how they were delivered first
	value  []byte  // of each write
	frame  []byte  // that was measured last
	report Report
	moved  bool  // since it was looked last, a member has delivered something of its own, or a view
	err    error // what ends the run
}

// sent names a message.
type sent struct{ view, incarnation, seq uint64 }

// Run lets members write as much as they can, has one of them crash, and returns what comes
// of it. If the view does not change within the bound, or members deliver different orders,
// an error is returned.
func Run(cfg Config) (Report, error) {
	cfg.Latency = cmp.Or(cfg.Latency, 200*time.Microsecond)
	w := &world{cfg: cfg, nodes: []*node{nil}, value: make([]byte, cfg.CommandBytes)}
	if err := w.found(); err != nil {
		return Report{}, err
	}
	w.runUntil(cfg.Load, func() bool { return false })
	if err := cmp.Or(w.err, w.checkLoaded()); err != nil {
		return Report{}, err
	}
	victim := w.nodes[len(w.nodes)/2]
	for _, n := range w.nodes[1:] {
		w.report.UnderWay += n.underWay
	}
	crash := w.Now
	victim.crash()
	if !w.runUntil(crash+cfg.Bound, w.changed) || w.err != nil {
		return w.report, cmp.Or(w.err, fmt.Errorf("crowd: no view without %v after %v", victim, cfg.Bound))
	}
	w.report.View = w.Now - crash
	for _, n := range w.nodes[1:] {
		n.written = false
	}
	if !w.runUntil(w.Now+cfg.Bound, w.written) || w.err != nil {
		return w.report, cmp.Or(w.err, fmt.Errorf("crowd: members have not all written %v after the view", cfg.Bound))
	}
	w.report.Write, w.report.Delivered = w.Now-crash, uint64(len(w.order))
	return w.report, nil
}

// found starts the registry and the nodes, of which all are members of the first view.
func (w *world) found() error {
	state := membership.NewState(1, 1, w.cfg.Settings)
	view := membership.View{ID: state.NextView, FeatureLevel: wire.LevelNewest}
	for i := range w.cfg.Nodes {
		addr := fmt.Sprintf("10.0.%d.%d:1", i/250, i%250)
		view.Members = append(view.Members, membership.Member{
			ID: fmt.Sprintf("n%d", i+1), Incarnation: state.NextIncarnation, PeerAddr: addr, ClientAddr: addr, FeatureLevel: wire.LevelNewest,
		})
		state.NextIncarnation++
	}
	state.NextView++
	state.Views = []membership.View{view}
	k, err := keeper.Open(state, 0, w, w)
	if err != nil {
		return err
	}
	w.keeper = k
	for _, m := range view.Members {
		n, err := newNode(w, &state, &m)
		if err != nil {
			return err
		}
		w.nodes = append(w.nodes, n)
	}
	w.tick()
	return w.err
}

// tick lets the registry see that time passes.
func (w *world) tick() {
	w.keeper.Tick(w.Now)
	w.After(w.cfg.Settings.Heartbeat/4, w.tick)
}

// runUntil runs until something is so, and reports whether it was by a time.
func (w *world) runUntil(end time.Duration, so func() bool) bool {
	for w.err == nil && w.Comes(end) {
		w.Step()
		w.report.Events++
		if w.moved && so() {
			return true
		}
		w.moved = false
	}
	w.Now = max(w.Now, end)
	return so()
}

// fail ends the run.
func (w *world) fail(err error) { w.err = errors.Join(w.err, err) }

func (w *world) trace(format string, args ...any) {
	if w.cfg.Trace != nil {
		w.cfg.Trace(fmt.Sprintf("%10.6f ", w.Now.Seconds()) + fmt.Sprintf(format, args...))
	}
}

// Save is part of keeper.Store. The registry never starts again here.
func (w *world) Save(membership.State) error { return nil }

// Degraded is part of keeper.Told.
func (w *world) Degraded(err error) { w.fail(err) }

// Recovered is part of keeper.Told.
func (w *world) Recovered() {}

// Event is part of keeper.Told.
func (w *world) Event(e *membership.Event) {
	w.trace("%s: %s %s", e.Kind, e.Node, e.Reason)
	switch e.Kind {
	case membership.EventAttempt:
		w.report.Attempts++
	case membership.EventAttemptFailed:
		w.report.Failed++
	case membership.EventDepart:
		if n := w.nodes[e.Node.Incarnation]; n.alive {
			w.fail(fmt.Errorf("crowd: %v has not crashed, and goes: %s", n, e.Reason))
		}
	}
}

func (w *world) committed() membership.View {
	status, _ := w.keeper.Status(w.Now)
	return status.View
}

// checkLoaded holds that all were at work before the crash.
func (w *world) checkLoaded() error {
	for _, n := range w.nodes[1:] {
		if !n.written {
			return fmt.Errorf("crowd: %v has written nothing before the crash: more load is needed", n)
		}
	}
	return nil
}

// changed reports whether all that run are in a view after the first, which was the last with
// the member that has crashed.
func (w *world) changed() bool {
	view := w.committed()
	for _, n := range w.nodes[1:] {
		if n.alive && view.Has(n.self.Incarnation) && (n.view != view.ID || n.view == 1) {
			return false
		}
	}
	return true
}

// written reports whether each member has delivered a write of its own since it was asked last.
func (w *world) written() bool {
	view := w.committed()
	for _, n := range w.nodes[1:] {
		if n.alive && view.Has(n.self.Incarnation) && !n.written {
			return false
		}
	}
	return true
}
