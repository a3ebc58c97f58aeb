package server

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Clients that do not read their deliveries are cut off, the one furthest behind
// first, and cost no joiner its transfer; nor do joiners cost clients anything.
func TestWhichFeedIsCut(t *testing.T) {
	r := &replica{cfg: &Config{MaxLagBytes: 100}}
	add := func(joiner uint64, bytes int) *feed {
		near, far := net.Pipe()
		t.Cleanup(func() { near.Close(); far.Close() })
		f := newFeed(near)
		f.joiner = joiner
		f.addFrame(func(dst []byte) []byte { return append(dst, make([]byte, bytes)...) })
		r.addFeed(f)
		return f
	}
	check := func(when string, want map[*feed]bool) {
		t.Helper()
		r.publishFeeds()
		left := 0
		for f, cut := range want {
			if ended, behind := f.standing(); ended != cut || cut && behind != 0 {
				t.Errorf("%s: joiner %d: ended %v with %d bytes, want %v", when, f.joiner, ended, behind, cut)
			}
			if !cut {
				left++
			}
		}
		if len(r.feeds) != left {
			t.Errorf("%s: %d feeds are left, want %d", when, len(r.feeds), left)
		}
	}
	one, joiner := add(0, 60), add(7, 90)
	check("within the bounds", map[*feed]bool{one: false, joiner: false})
	other := add(0, 80)
	check("too much for clients", map[*feed]bool{one: false, other: true, joiner: false})
	late := add(8, 20)
	check("too much for joiners", map[*feed]bool{one: false, joiner: true, late: false})
}

// A joiner gives a donor up whose group changes its state faster than it comes.
func TestOutrun(t *testing.T) {
	cfg := Config{MaxLagBytes: 1000}.withDefaults()
	r := &replica{cfg: &cfg}
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		defer far.Close()
		var b []byte
		for first := uint64(1); ; first++ {
			b = wire.AppendDelivery(b[:0], &wire.Delivery{View: 1, Sender: "n1", Incarnation: 1, Seq: first, First: first, Count: 1, Effects: []byte{1}, Payload: make([]byte, 300)})
			if _, err := far.Write(b); err != nil {
				return
			}
		}
	}()
	l, err := r.load(near, wire.NewFrameReader(near, 1<<20))
	if !errors.Is(err, errOutrun) || l.state != nil {
		t.Errorf("%+v, %v", l, err)
	}
}

// A donor rests as long as the state comes faster than it changes.
func TestDonorPause(t *testing.T) {
	for _, tc := range []struct {
		took            time.Duration
		sent, delivered int
		want            time.Duration
	}{
		{100 * time.Microsecond, 1000, 0, donorRest * 100 * time.Microsecond},
		{100 * time.Microsecond, 1000, 500, donorRest * 100 * time.Microsecond},
		{100 * time.Microsecond, 1000, 750, donorRest * 50 * time.Microsecond},
		{100 * time.Microsecond, 1000, 1000, 0},
		{100 * time.Microsecond, 1000, 2000, 0},
		{100 * time.Microsecond, 0, 0, 0},
		{time.Second, 1000, 0, mostDonorPause},
	} {
		if got := donorPause(tc.took, tc.sent, tc.delivered); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}
