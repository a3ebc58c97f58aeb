package driver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/underrace"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Under random faults, every acknowledged write took effect once, one whose
// error says so did not, and no session ever sees anything older than what it
// has seen before.
func TestRandomFaults(t *testing.T) {
	seeds := underrace.Rounds(60)
	if testing.Short() {
		seeds = 10
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomFaults(t, seed) })
		})
	}
}

// faultyRun is one run of TestRandomFaults.
type faultyRun struct {
	c  *fakeCluster
	db *DB

	mu       sync.Mutex // guards all below
	random   *rand.Rand
	outcomes map[[2]uint64]error // of writes, by session and seq
	acked    int
	failed   int
}

func randomFaults(t *testing.T, seed uint64) {
	r := &faultyRun{
		c:        newFakeCluster(3),
		random:   rand.New(rand.NewPCG(seed, 1)),
		outcomes: make(map[[2]uint64]error),
	}
	r.db = r.c.open(t, "ping_interval=500ms&timeout=5m&max_in_flight=5")
	for _, n := range r.c.nodes {
		n.faults = r.fault
		n.delay = func(*wire.Request) time.Duration { return time.Duration(r.intN(3)) * time.Millisecond }
	}
	ctx, cancel := context.WithCancel(t.Context())
	var events, workers sync.WaitGroup
	events.Go(func() { r.disturb(ctx) })
	for range 6 {
		workers.Go(func() { r.work(t) })
	}
	workers.Wait()
	cancel()
	events.Wait()
	for _, n := range r.c.nodes {
		n.set(func(n *fakeNode) { n.faults = nil })
	}
	if err := r.db.Close(); err != nil {
		t.Error(err)
	}
	for _, n := range r.c.nodes {
		n.stopped.Wait()
	}
	r.check(t)
}

func (r *faultyRun) intN(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.random.IntN(n)
}

// fault makes a tenth of all requests go wrong.
func (r *faultyRun) fault(req *wire.Request) fault {
	if req.Kind == wire.RequestPing || r.intN(10) > 0 {
		return faultNone
	}
	return fault(1 + r.intN(int(faultGarbage)))
}

// disturb breaks nodes, makes them leave and come back, and sometimes has all
// sessions expire.
func (r *faultyRun) disturb(ctx context.Context) {
	for client.Sleep(ctx, time.Duration(1+r.intN(50))*time.Millisecond) == nil {
		n := r.c.nodes[string(rune('a'+r.intN(3)))+":1"]
		event, lag := r.intN(20), uint64(r.intN(40))
		switch {
		case event < 8:
			n.set(func(n *fakeNode) { n.lag = lag })
		case event < 12:
			n.set(func(n *fakeNode) { n.breakLocked() })
		case event < 15:
			n.stop()
		case event < 19:
			for _, n := range r.c.nodes {
				n.set(func(n *fakeNode) { n.down = false })
			}
		default:
			r.c.group.expireAll()
		}
	}
	for _, n := range r.c.nodes {
		n.set(func(n *fakeNode) { n.down = false })
	}
}

// work is one session that counts and reads.
func (r *faultyRun) work(t *testing.T) {
	conn, err := r.db.Conn(t.Context())
	if err != nil {
		t.Error(err)
		return
	}
	var seen uint64
	for range 60 {
		var trace OpTrace
		ctx, cancel := WithTrace(t.Context(), &trace), context.CancelFunc(func() {})
		if r.intN(5) == 0 {
			ctx, cancel = context.WithTimeout(ctx, time.Duration(r.intN(20))*time.Millisecond)
		}
		key := fmt.Sprint("k", r.intN(4))
		if r.intN(2) == 0 {
			_, err := conn.Add(ctx, key, 1)
			r.wrote(t, trace, err)
		} else {
			v, err := conn.Get(ctx, key)
			r.read(t, key, v, trace, err)
		}
		cancel()
		if trace.Position != 0 {
			if trace.Position < seen {
				t.Errorf("a session at %d went back to %d", seen, trace.Position)
			}
			seen = trace.Position
		}
	}
}

func (r *faultyRun) wrote(t *testing.T, trace OpTrace, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.acked++
	} else {
		r.failed++
		if !errors.Is(err, ErrOutcomeUnknown) && !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrSessionExpired) {
			t.Errorf("a write failed with %v", err)
		}
	}
	if trace.Seq == 0 {
		return
	}
	id := [2]uint64{trace.Session, trace.Seq}
	if _, ok := r.outcomes[id]; ok {
		t.Errorf("two writes are %v", id)
	}
	r.outcomes[id] = err
}

func (r *faultyRun) read(t *testing.T, key string, v Value, trace OpTrace, err error) {
	if err != nil && !errors.Is(err, ErrNotFound) {
		wantErr(t, err, ErrUnavailable)
		return
	}
	r.c.group.mu.Lock()
	defer r.c.group.mu.Unlock()
	if want := r.c.group.at(key, trace.Position); string(want.value) != string(v.Data) || want.position != v.Version {
		t.Errorf("read %q of version %d at %d, it held %q of version %d", v.Data, v.Version, trace.Position, want.value, want.position)
	}
}

// check compares what the sessions were told with what happened.
func (r *faultyRun) check(t *testing.T) {
	g := r.c.group
	total := 0
	for id, n := range g.executed {
		if n != 1 {
			t.Errorf("write %v was executed %d times", id, n)
		}
		total++
	}
	for id, err := range r.outcomes {
		n := g.executed[id]
		switch {
		case err == nil && n != 1:
			t.Errorf("write %v was acknowledged, and executed %d times", id, n)
		case err != nil && !errors.Is(err, ErrOutcomeUnknown) && n != 0:
			t.Errorf("write %v was executed, but its caller was told %v", id, err)
		}
	}
	sum := 0
	for key := range g.history {
		n, err := strconv.Atoi(string(g.at(key, g.position).value))
		if err != nil {
			t.Error(err)
		}
		sum += n
	}
	if sum != total {
		t.Errorf("the counters have %d, %d writes were executed", sum, total)
	}
	if r.acked < 50 {
		t.Errorf("%d writes were acknowledged, %d failed: this run shows little", r.acked, r.failed)
	}
}
