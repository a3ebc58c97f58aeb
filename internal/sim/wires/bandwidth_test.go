package wires_test

import (
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/sim/wires"
)

// quick returns a network of three sites in which only bandwidth takes time.
func quick(now *wires.Time, buffer int) *wires.Network {
	return wires.NewNetwork(wires.Config{Time: now, Delays: source(), Tears: source(), Sites: 3, Buffer: buffer})
}

// drain lets happen all that is to happen.
func drain(now *wires.Time) {
	for now.Comes(time.Hour) {
		now.Step()
	}
}

// came returns when the last byte has come to an end, and notes how many bytes have.
func came(now *wires.Time, c *wires.Conn, to int) (last *time.Duration, bytes *int) {
	last, bytes = new(time.Duration), new(int)
	c.Ends[to].OnData = func(b []byte) { *last, *bytes = now.Now, *bytes+len(b) }
	return last, bytes
}

// What is sent waits at a port behind what was sent there before, to whomever, and at the port
// that it goes to. What goes the other way does not.
func TestPortsAreShared(t *testing.T) {
	var now wires.Time
	n := quick(&now, 0)
	n.LimitPort(0, 1000)
	first, second := n.Connect(0, nil, 1, nil), n.Connect(0, nil, 2, nil)
	large, largeBytes := came(&now, first, 1)
	small, _ := came(&now, second, 1)
	back, _ := came(&now, second, 0)
	first.Write(1, make([]byte, 5000))
	second.Write(1, make([]byte, 10))
	second.Write(0, make([]byte, 100))
	word := n.Pass(0, 1, 90)
	drain(&now)
	if *large != 5*time.Second || *largeBytes != 5000 || *small != 5010*time.Millisecond || *back != 100*time.Millisecond || word != 5100*time.Millisecond {
		t.Errorf("5000 bytes come after %v (%d of them), 10 behind them after %v, 90 after %v, 100 the other way after %v", *large, *largeBytes, *small, word, *back)
	}
}

// A way of its own is slow for two sites and in one direction. Of several bounds the least
// counts, until it is lifted.
func TestWaysAreApart(t *testing.T) {
	var now wires.Time
	n := quick(&now, 0)
	lift := n.LimitWay(0, 1, 100)
	n.LimitWay(0, 1, 1000)
	n.LimitPort(1, 10000)
	for _, c := range []struct {
		from, to int
		want     time.Duration
	}{{0, 1, 10 * time.Second}, {2, 1, 200 * time.Millisecond}, {1, 0, 100 * time.Millisecond}, {0, 2, 0}} {
		if took := n.Pass(c.from, c.to, 1000); took != c.want {
			t.Errorf("1000 bytes from %d to %d take %v, want %v", c.from, c.to, took, c.want)
		}
	}
	lift()
	now.Now = time.Minute
	if took := n.Pass(0, 1, 1000); took != time.Second {
		t.Errorf("once the least bound is lifted they take %v", took)
	}
}

// A connection whose buffer is full takes no more, and says when it does again. So what is
// written with it arrives in order and at the rate, and others wait for a buffer at most.
func TestBackPressure(t *testing.T) {
	var now wires.Time
	n := quick(&now, 2000)
	n.LimitPort(0, 1000)
	c, other := n.Connect(0, nil, 1, nil), n.Connect(0, nil, 2, nil)
	last, got := came(&now, c, 1)
	behind, _ := came(&now, other, 1)
	left := 5000
	write := func() { left -= c.TryWrite(1, make([]byte, left)) }
	c.Ends[0].OnRoom = write
	if write(); left != 3000 || c.TryWrite(1, make([]byte, 1)) != 0 {
		t.Fatalf("of 5000 bytes %d are left", left)
	}
	other.TryWrite(1, make([]byte, 10))
	drain(&now)
	if left != 0 || *got != 5000 || *last != 5010*time.Millisecond || *behind != 2010*time.Millisecond {
		t.Errorf("%d bytes are left, %d have come after %v; those of another connection after %v", left, *got, *last, *behind)
	}
}
