package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// loss is what must not happen to a group during a run: a part of it ended, or
// all of its state.
type loss struct {
	node       string // that ended, empty if it was the state
	why        error
	generation uint64 // that came after the state, 0 if it is not known
}

// watched is a system that tells of losses.
type watched interface {
	// Losses is where they are told. It has room for all that can come.
	Losses() <-chan loss
	// Home is the node that a client's handle is bound to, empty if to none.
	Home(client int) string
}

// losses is the half of a watched system that tells. One is told of once.
type losses chan loss

// newLosses has room for each node, the registry and the state.
func newLosses() losses { return make(losses, maxNodes+2) }

// Losses is where the run reads.
func (l losses) Losses() <-chan loss { return l }

// nodeEnded tells that a node, or the registry, ended. It may be called late, when
// nobody reads any more.
func (l losses) nodeEnded(node string, why error) {
	if why == nil {
		why = errors.New("it ended by itself")
	}
	l <- loss{node: node, why: why}
}

// Loss is the end of a node of the run's own group, which nobody asked for.
type Loss struct {
	Node    string  `json:"node"`
	Seconds float64 `json:"seconds"` // after the load began
	Why     string  `json:"why"`
}

// errGeneration ends a run whose group lost its state.
var errGeneration = errors.New("the group lost its state")

// watch takes in losses, and ends the clients that they concern.
type watch struct {
	env   Env
	clock clock

	mu         sync.Mutex              // guards what follows
	stop       context.CancelCauseFunc // ends all clients, nil: there are none yet
	begin      int64                   // of the load, -1: not yet
	homes      map[string][]context.CancelCauseFunc
	lost       []Loss
	stateless  bool // the group lost its state
	generation uint64
}

// newWatch returns a watch that is not started.
func newWatch(env Env, c clock) *watch {
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
func (w *watch) clients(ctx context.Context, stop context.CancelCauseFunc, clients []*worker) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop = stop
	for _, c := range clients {
		own, cancel := context.WithCancelCause(ctx)
		c.ctx = own
		w.homes[c.home] = append(w.homes[c.home], cancel)
		for i := range w.lost {
			if w.lost[i].Node == c.home {
				cancel(fmt.Errorf("%s was lost", w.lost[i].name()))
			}
		}
	}
	if w.stateless {
		stop(errGeneration)
	}
}

// follow reads losses until the context ends.
func (w *watch) follow(ctx context.Context, from <-chan loss) {
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
func (w *watch) take(l loss) {
	if l.node == "" {
		w.forget(l.generation)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	one := Loss{Node: l.node, Why: l.why.Error()}
	if w.begin >= 0 {
		one.Seconds = time.Duration(w.clock.now() - w.begin).Seconds()
	}
	w.lost = append(w.lost, one)
	w.env.notice("%s", one.text())
	for _, cancel := range w.homes[l.node] {
		cancel(fmt.Errorf("%s was lost", one.name()))
	}
}

// forget ends the run, since what the group did is gone. It is told by the
// first client that notices, or by the group's status.
func (w *watch) forget(generation uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stateless {
		w.env.notice("%v: ending the run", errGeneration)
	}
	w.stateless = true
	w.generation = max(w.generation, generation)
	if w.stop != nil {
		w.stop(errGeneration)
	}
}

// rest takes in the losses that nobody has read yet, when the watch is over, and
// returns all.
func (w *watch) rest(sys system) []Loss {
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
func (w *watch) state() (lost []Loss, stateless bool, generation uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost, w.stateless, w.generation
}

func (l *Loss) name() string {
	if l.Node == registryName {
		return "the registry"
	}
	return "node " + l.Node
}

func (l *Loss) text() string {
	return fmt.Sprintf("%s was lost, %s after the load began: %s",
		l.name(), shortDuration(time.Duration(l.Seconds*float64(time.Second))), l.Why)
}
