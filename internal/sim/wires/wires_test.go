package wires_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/sim/wires"
)

func source() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// TestClocks holds what each clock shows after a sleep, a step and a jump.
func TestClocks(t *testing.T) {
	var now wires.Time
	c := wires.NewClocks(&now, source(), 0.5, time.Second, true)
	begin, count := c.Virtual().Now(), c.Virtual().Count()
	expect := func(what string, steady, wall time.Duration) {
		t.Helper()
		at := c.Virtual().Now()
		if got := (clock.Moment{Steady: at.Steady - begin.Steady, Wall: at.Wall - begin.Wall}); got != (clock.Moment{Steady: steady, Wall: wall}) {
			t.Errorf("%s: steady and wall have gone on by %v, want %v and %v", what, got, steady, wall)
		}
	}
	now.Now = 2 * time.Second
	expect("at half the rate", time.Second, time.Second)
	if passed := c.Virtual().Count() - count; passed < uint64(clock.LowestPerSecond) {
		t.Errorf("the counter has counted %d in a second of its process", passed)
	}
	c.Sleep()
	now.Now += 4 * time.Second
	c.Set(0, 0.5)
	count = c.Virtual().Count()
	c.Wake(false)
	expect("after a sleep", time.Second, 3*time.Second)
	if c.Virtual().Count()-count < 2*uint64(clock.LowestPerSecond) {
		t.Error("the counter stood still in the sleep")
	}
	c.SetWall(-time.Hour)
	c.Set(time.Minute, 1)
	now.Now += time.Second
	expect("set back, and after a jump", time.Minute+2*time.Second, time.Minute+4*time.Second-time.Hour)
	c.Sleep()
	count = c.Virtual().Count()
	c.Wake(true)
	if passed := c.Virtual().Count() - count; passed < 1<<62 {
		t.Errorf("the counter began again, and %d is not taken for long", passed)
	}
}

// TestCutsAndBreaks holds that what is sent into a cut arrives once it ends, in order, and
// that a connection that breaks carries a beginning of what was sent.
func TestCutsAndBreaks(t *testing.T) {
	var now wires.Time
	n := wires.NewNetwork(wires.Config{Time: &now, Delays: source(), Tears: source(), Sites: 2, Latency: time.Millisecond, Jitter: time.Millisecond})
	c := n.Connect(0, nil, 1, nil)
	got, closed := "", 0
	c.Ends[1].OnData = func(b []byte) { got += string(b) }
	c.Ends[1].OnClose = func() { closed++ }
	n.Block(0, 1)
	c.Write(1, []byte("one "))
	c.Write(1, []byte("two"))
	for now.Comes(time.Second) {
		now.Step()
	}
	if got != "" || !n.CutAnywhere() {
		t.Fatalf("%q has come through a cut", got)
	}
	n.Unblock(0, 1)
	for now.Comes(time.Hour) {
		now.Step()
	}
	if got != "one two" {
		t.Fatalf("after the cut %q has come", got)
	}
	const more = " and more"
	c.Write(1, []byte(more))
	c.Reset()
	for now.Comes(time.Hour) {
		now.Step()
	}
	if rest := got[len("one two"):]; len(rest) > len(more) || rest != more[:len(rest)] || closed != 1 {
		t.Errorf("a broken connection has brought %q, and has closed %d times", rest, closed)
	}
}
