package server

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

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
		log := &f.deliveries
		if joiner != 0 {
			log = new(feedLog)
		}
		feed := newFeed(near, log)
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
		if n := len(f.feeds) + len(f.joiners); n != left {
			t.Errorf("%s: %d feeds are left, want %d", when, n, left)
		}
	}
	one, joiner := add(0, 60), add(7, 90)
	check("within the bounds", map[*feed]bool{one: false, joiner: false})
	other := add(0, 80)
	check("too much for clients", map[*feed]bool{one: false, other: true, joiner: false})
	late := add(8, 20)
	check("too much for joiners", map[*feed]bool{one: false, joiner: true, late: false})
}

// tenBytes appends what counts as ten bytes of a feed.
func tenBytes(dst []byte) []byte { return append(dst, make([]byte, 10)...) }

// What the writer has in its hands counts until it comes for more.
func TestFeedCountsWhatIsInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		f := newFeed(near, new(feedLog))
		f.addFrame(tenBytes)
		if err := f.awaitBelow(10); err != nil {
			t.Error(err)
		}
		below := make(chan error, 1)
		go func() { below <- f.awaitBelow(9) }()
		b, err := f.Take(nil, false)
		if len(b) != 10 || err != nil {
			t.Fatal(b, err)
		}
		synctest.Wait()
		if ended, behind := f.standing(); ended || behind != 10 || f.Waiting() != 0 || len(below) != 0 {
			t.Errorf("ended %v, %d bytes behind, %d wait, %d woken", ended, behind, f.Waiting(), len(below))
		}
		taken := make(chan error, 1)
		go func() {
			_, err := f.Take(b, true)
			taken <- err
		}()
		if err := <-below; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if len(taken) != 0 {
			t.Error("there is nothing to take")
		}
		f.addFrame(tenBytes)
		f.publish()
		if err := <-taken; err != nil {
			t.Error(err)
		}
		if b, err := f.Take(nil, false); b != nil || err != nil {
			t.Errorf("%d bytes more, %v", len(b), err)
		}
	})
}

// The end of a feed wakes whoever waits for it. What was added before still goes out,
// unless the reader was cut off, which has some time to learn of it.
func TestFeedEnds(t *testing.T) {
	first := errors.New("the first")
	for name, want := range map[string]error{"closed": first, "cut": member.ErrLagged} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer near.Close()
				defer far.Close()
				conn := &limitedConn{Conn: near}
				full, empty := newFeed(conn, new(feedLog)), newFeed(conn, new(feedLog))
				full.addFrame(tenBytes)
				below, taken := make(chan error, 1), make(chan error, 1)
				go func() { below <- full.awaitBelow(9) }()
				go func() {
					_, err := empty.Take(nil, true)
					taken <- err
				}()
				synctest.Wait()
				for _, f := range []*feed{full, empty} {
					if name == "cut" {
						f.cut()
					} else {
						f.close(first)
					}
				}
				for _, ended := range []chan error{below, taken} {
					if err := <-ended; !errors.Is(err, want) {
						t.Errorf("it ends with %v", err)
					}
				}
				full.close(errors.New("the second"))
				left := 0
				if name != "cut" {
					left = 10
				} else if got := time.Until(conn.write); got != lagGrace {
					t.Errorf("the reader has %v", got)
				}
				full.addFrame(tenBytes)
				if ended, behind := full.standing(); !ended || behind != left {
					t.Errorf("ended %v, %d bytes behind", ended, behind)
				}
				if b, err := full.Take(nil, false); len(b) != left || left == 0 && !errors.Is(err, want) {
					t.Errorf("%d bytes, %v", len(b), err)
				}
				if b, err := full.Take(nil, true); b != nil || !errors.Is(err, want) {
					t.Errorf("%d bytes, %v", len(b), err)
				}
			})
		})
	}
}
