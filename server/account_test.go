package server

import (
	"errors"
	"testing"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/nbio"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Whatever is kept for clients counts together, and the one for which most is kept is cut off,
// whatever that is.
func TestAccount(t *testing.T) {
	const limit = 1 << 20
	ways := map[string]func(p *pipedClient, bytes int){
		"reads":  func(p *pipedClient, bytes int) { p.readsWait(p.reads + bytes) },
		"frames": func(p *pipedClient, bytes int) { p.frameBegun(p.begun + bytes) },
		"replies": func(p *pipedClient, bytes int) {
			p.reply(&wire.Reply{Data: make([]byte, bytes)})
			p.flushReplies()
		},
		"deliveries": func(p *pipedClient, bytes int) {
			if p.stream == nil {
				p.startStream(newFeed(p.near, &p.f.deliveries))
			}
			p.f.deliveries.add(&wire.Delivery{Sender: "n1", Count: 1, Payload: make([]byte, bytes), Effects: []byte{1}})
		},
	}
	for name, keep := range ways {
		for other, keepLess := range ways {
			if name == "deliveries" && other == name {
				continue // both would have the same log
			}
			t.Run(name+" and "+other, func(t *testing.T) {
				h := newLone(t, Config{MaxUnreadBytes: limit})
				most, less := newPiped(t, h.front), newPiped(t, h.front)
				for _, p := range []*pipedClient{most, less} {
					h.front.clients.add(p.clientConn)
				}
				keepLess(less, limit/4)
				keep(most, limit/2)
				h.front.cutMost()
				if n := h.front.memory.Load(); n < limit*3/4 || n > limit || most.isCut() || less.isCut() {
					t.Fatalf("%d bytes count; cut off: %v, %v", n, most.isCut(), less.isCut())
				}
				keepLess(less, limit/8)
				keep(most, limit/4)
				h.front.cutMost()
				if !most.isCut() || less.isCut() {
					t.Fatalf("cut off: %v, which has more, and %v", most.isCut(), less.isCut())
				}
				if n := h.front.memory.Load(); n < limit/4 || n > limit*3/4 {
					t.Errorf("%d bytes are left", n)
				}
				before := h.front.memory.Load()
				most.readsWait(0) // as they are forgotten
				most.frameBegun(0)
				if n := h.front.memory.Load(); n != before {
					t.Errorf("what was given up counts twice: %d, %d before", n, before)
				}
				if stream := most.stream; stream != nil {
					if _, err := stream.Take(nil, false); !errors.Is(err, member.ErrLagged) {
						t.Errorf("the subscriber is not told: %v", err)
					}
				}
			})
		}
	}
}

// isCut reports whether the connection was given up.
func (p *pipedClient) isCut() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Is(p.err, nbio.ErrOverflow)
}

// Reads that wait, and deliveries, are looked at when they come. A subscriber that is cut off is one
// no more after the next turn.
func TestAccountIsLookedAt(t *testing.T) {
	const limit = 1 << 20
	h := newLone(t, Config{MaxUnreadBytes: limit})
	reads, stream := newPiped(t, h.front), newPiped(t, h.front)
	for _, p := range []*pipedClient{reads, stream} {
		h.front.clients.add(p.clientConn)
	}
	if reads.readsWait(limit); reads.isCut() {
		t.Error("it is cut off for what it may")
	}
	if reads.readsWait(limit + 1); !reads.isCut() {
		t.Error("its reads take more than is allowed")
	}
	f := newFeed(stream.near, &h.front.deliveries)
	stream.startStream(f)
	h.do(func(m *member.Member) {
		h.front.addFeed(m, f)
		h.front.feed(&wire.Delivery{Sender: "n1", Count: 1, Payload: make([]byte, limit), Effects: []byte{1}})
	})
	if !stream.isCut() {
		t.Error("deliveries for it take more than is allowed")
	}
	h.do(func(*member.Member) {})
	h.do(func(*member.Member) {
		if n := len(h.front.feeds); n > 0 {
			t.Errorf("%d subscribers are left", n)
		}
	})
}

// A client that subscribes behind replies that it does not read is cut off once, with them.
func TestAccountOfRepliesBeforeTheStream(t *testing.T) {
	const limit = 1 << 20
	h := newLone(t, Config{MaxUnreadBytes: limit})
	most, less := newPiped(t, h.front), newPiped(t, h.front)
	for _, p := range []*pipedClient{most, less} {
		h.front.clients.add(p.clientConn)
	}
	most.reply(&wire.Reply{Data: make([]byte, limit/2)})
	most.flushReplies()
	most.startStream(newFeed(most.near, &h.front.deliveries))
	less.readsWait(limit * 3 / 5) // which looks
	if !less.isCut() || most.isCut() {
		t.Fatal("the one that has more is not the one that is cut off")
	}
	other := newPiped(t, h.front)
	h.front.clients.add(other.clientConn)
	other.readsWait(limit/2 - 100)
	most.frameBegun(limit / 2)
	h.front.cutMost()
	if !most.isCut() || other.isCut() || most.kept() > 0 {
		t.Errorf("cut off: %v, of which %d bytes are kept, and %v", most.isCut(), most.kept(), other.isCut())
	}
}

// A client that has gone counts for nothing.
func TestAccountOfTheGone(t *testing.T) {
	h := newLone(t, Config{})
	p := newPiped(t, h.front)
	p.readsWait(100)
	p.frameBegun(200)
	if n := p.kept(); n != 300 || h.front.memory.Load() != 300 {
		t.Errorf("%d bytes are kept, %d count", n, h.front.memory.Load())
	}
	p.keepNothing()
	p.readsWait(50)
	if n := h.front.memory.Load(); n != 0 || p.kept() != 0 {
		t.Errorf("%d bytes count", n)
	}
}
