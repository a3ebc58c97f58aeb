package server

import (
	"net"
	"testing"

	"github.com/seed-8247e700/dsm/internal/member"
)

// Clients that do not read their deliveries are cut off, the one furthest behind
// first, and cost no joiner its transfer; nor do joiners cost clients anything.
func TestWhichFeedIsCut(t *testing.T) {
	m := member.New(member.Config{})
	f := &front{cfg: &Config{MaxLagBytes: 100}}
	add := func(joiner uint64, bytes int) *feed {
		near, far := net.Pipe()
		t.Cleanup(func() { near.Close(); far.Close() })
		feed := newFeed(near)
		feed.joiner = joiner
		feed.addFrame(func(dst []byte) []byte { return append(dst, make([]byte, bytes)...) })
		f.addFeed(m, feed)
		return feed
	}
	check := func(when string, want map[*feed]bool) {
		t.Helper()
		f.publishFeeds(m)
		left := 0
		for feed, cut := range want {
			if ended, behind := feed.standing(); ended != cut || cut && behind != 0 {
				t.Errorf("%s: joiner %d: ended %v with %d bytes, want %v", when, feed.joiner, ended, behind, cut)
			}
			if !cut {
				left++
			}
		}
		if len(f.feeds) != left {
			t.Errorf("%s: %d feeds are left, want %d", when, len(f.feeds), left)
		}
	}
	one, joiner := add(0, 60), add(7, 90)
	check("within the bounds", map[*feed]bool{one: false, joiner: false})
	other := add(0, 80)
	check("too much for clients", map[*feed]bool{one: false, other: true, joiner: false})
	late := add(8, 20)
	check("too much for joiners", map[*feed]bool{one: false, joiner: true, late: false})
}
