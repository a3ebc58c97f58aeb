package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
)

// watch takes in losses, and ends the clients that they concern.
type watch struct {
	env   program.Env
	clock load.Clock

	mu         sync.Mutex              // guards what follows
	stop       context.CancelCauseFunc // ends all clients, nil: there are none yet
	begin      int64                   // of the load, -1: not yet
	homes      map[string][]context.CancelCauseFunc
	lost       []report.Loss
	stateless  bool // the group lost its state
	generation uint64
}

// newWatch returns a watch that is not started.
func newWatch(env program.Env, c load.Clock) *watch {
	return &watch{env: env, clock: c, begin: -1, homes: make(map[string][]context.CancelCauseFunc)}
}

// start watches a system, if it can be, until the function returned is called.
func (w *watch) start(sys system) (stop func()) {
	s, ok := sys.(watched)
	if !ok {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var task sync.WaitGroup
	task.Go(func() { w.follow(ctx, s.Losses()) })
	return func() {
		cancel()
		task.Wait()
	}
}

// homeOf is the node that a client is bound to, empty if to none.
func homeOf(sys system, client int) string {
	if s, ok := sys.(watched); ok {
		return s.Home(client)
	}
	return ""
}

// clients gives each client a context that ends with its node. stop ends all.
func (w *watch) clients(ctx context.Context, stop context.CancelCauseFunc, clients []*load.Worker) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop = stop
	for _, c := range clients {
		own, cancel := context.WithCancelCause(ctx)
		c.Ctx = own
		w.homes[c.Home] = append(w.homes[c.Home], cancel)
		for i := range w.lost {
			if w.lost[i].Node == c.Home {
				cancel(fmt.Errorf("%s was lost", w.lost[i].Name()))
			}
		}
	}
	if w.stateless {
		stop(fault.ErrStateLost)
	}
}

// follow reads losses until the context ends.
func (w *watch) follow(ctx context.Context, from <-chan cluster.Loss) {
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-from:
			w.take(l)
		}
	}
}

// take takes in one loss.
func (w *watch) take(l cluster.Loss) {
	if l.Node == "" {
		w.forget(l.Generation)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	one := report.Loss{Node: l.Node, Why: l.Why.Error()}
	if w.begin >= 0 {
		one.Seconds = time.Duration(w.clock.Now() - w.begin).Seconds()
	}
	w.lost = append(w.lost, one)
	w.env.Notice("%s", one.Text())
	for _, cancel := range w.homes[l.Node] {
		cancel(fmt.Errorf("%s was lost", one.Name()))
	}
}

// forget ends the run, since what the group did is gone. It is told by the
// first client that notices, or by the group's status.
func (w *watch) forget(generation uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stateless {
		w.env.Notice("%v: ending the run", fault.ErrStateLost)
	}
	w.stateless = true
	w.generation = max(w.generation, generation)
	if w.stop != nil {
		w.stop(fault.ErrStateLost)
	}
}

// rest takes in the losses that nobody has read yet, when the watch is over, and
// returns all.
func (w *watch) rest(sys system) []report.Loss {
	if s, ok := sys.(watched); ok {
		for more := true; more; {
			select {
			case l := <-s.Losses():
				w.take(l)
			default:
				more = false
			}
		}
	}
	lost, _, _ := w.state()
	return lost
}

// begun notes when the load began.
func (w *watch) begun(now int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begin = now
}

// state returns what was lost so far.
func (w *watch) state() (lost []report.Loss, stateless bool, generation uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost, w.stateless, w.generation
}
