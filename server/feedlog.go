package server

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// feedLog holds deliveries, encoded once, for all feeds that read it. A feed is a place in it. Adding to the log
// and waking its readers costs the turn the same, however many feeds there are that do not read. The zero value
// is ready for use.
type feedLog struct {
	mu        sync.Mutex // guards what follows, and the feeds that read the log
	first     *feedChunk // the oldest that a feed has yet to read
	last      *feedChunk // deliveries are added to it
	frames    int        // bytes of other frames, which wait in the feeds
	published uint64     // the end of the log when it last had its readers woken
	asleep    []*feed    // had read all when they fell asleep; the longest ago first
	waking    bool       // a timer wakes many readers
	ended     bool       // a feed has ended since the last publish

	memory  *atomic.Int64 // counts what the log holds, beside other things; nil: nobody does
	counted int           // in memory

	woken []*feed // of the turn
}

// feedChunk is a part of a log. What all have read is garbage, since the chunks are a list from the oldest on.
type feedChunk struct {
	at    uint64 // bytes of the log before it
	bytes []byte // those that are there do not change
	feeds int    // that have their places in it, and go on
	next  *feedChunk
}

// Sizes within a log.
const (
	feedChunkBytes = 64 << 10

	// deliveryBytes is more than a delivery takes beside its sender, payload and effects.
	deliveryBytes = 128
)

// To wake a reader and to write to it takes some microseconds, for each of them. So if more than fewReaders wait for
// more, as many are woken every wakePause, first those that wait the longest: 255 readers each in 13 ms. What comes
// meanwhile goes out with one write.
const (
	fewReaders = 16
	wakePause  = 800 * time.Microsecond
)

func (c *feedChunk) end() uint64 { return c.at + uint64(len(c.bytes)) }

// add appends a delivery.
func (l *feedLog) add(d *wire.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.roomLocked(deliveryBytes + len(d.Sender) + len(d.Payload) + len(d.Effects))
	c.bytes = wire.AppendDelivery(c.bytes, d)
	l.countLocked()
}

// countLocked counts what the log holds now.
func (l *feedLog) countLocked() {
	if l.memory != nil {
		held := l.heldLocked()
		l.memory.Add(int64(held - l.counted))
		l.counted = held
	}
}

// roomLocked returns the last chunk, with room for so many bytes more. A large delivery has a chunk of its own, so
// that no more than a quarter of a chunk stays empty.
func (l *feedLog) roomLocked(bytes int) *feedChunk {
	c := l.lastLocked()
	if cap(c.bytes)-len(c.bytes) >= bytes {
		return c
	}
	if len(c.bytes) > 0 {
		c.next = &feedChunk{at: c.end()}
		c, l.last = c.next, c.next
		l.trimLocked()
	}
	size := feedChunkBytes
	if bytes > size/4 {
		size = bytes
	}
	c.bytes = make([]byte, 0, size)
	return c
}

// lastLocked returns the last chunk, which is the first one of a log that has just begun.
func (l *feedLog) lastLocked() *feedChunk {
	if l.last == nil {
		l.last = new(feedChunk)
		l.first = l.last
	}
	return l.last
}

// trimLocked forgets the chunks that no feed has yet to read.
func (l *feedLog) trimLocked() {
	for l.first != l.last && l.first.feeds == 0 {
		l.first = l.first.next
	}
	if c := l.last; l.first == c && c.feeds == 0 && len(c.bytes) > 0 {
		l.last = &feedChunk{at: c.end()}
		l.first = l.last
	}
	l.countLocked()
}

// publish wakes the feeds that had read all before something was added, and reports whether a feed has closed
// since the last time. Those that are behind, or in a write, see what is new when they come for more.
func (l *feedLog) publish() (ended bool) {
	l.mu.Lock()
	if end := l.lastLocked().end(); end != l.published {
		l.published = end
		l.wakeLocked()
	}
	ended, l.ended = l.ended, false
	l.mu.Unlock()
	for _, f := range l.woken {
		f.more.Signal()
	}
	clear(l.woken)
	l.woken = l.woken[:0]
	return ended
}

// wakeLocked has the feeds woken that are asleep: a few within the turn, and many by a timer.
func (l *feedLog) wakeLocked() {
	switch {
	case len(l.asleep) <= fewReaders:
		l.asleep, l.woken = l.woken[:0], l.asleep
		for _, f := range l.woken {
			f.asleep = false
		}
	case !l.waking:
		l.waking = true
		time.AfterFunc(wakePause, l.wakeSome)
	}
}

// wakeSome wakes a few of those that are behind, or have ended, and goes on after a pause if more are.
func (l *feedLog) wakeSome() {
	l.mu.Lock()
	defer l.mu.Unlock()
	isDue := func(f *feed) bool { return f.endedLocked() || f.behindLocked() > 0 }
	woken := 0
	l.asleep = slices.DeleteFunc(l.asleep, func(f *feed) bool {
		if woken == fewReaders || !isDue(f) { // a frame of its own may have woken it before
			return false
		}
		woken++
		f.asleep = false
		f.more.Signal()
		return true
	})
	if l.waking = slices.ContainsFunc(l.asleep, isDue); l.waking {
		time.AfterFunc(wakePause, l.wakeSome)
	}
}

// held returns the bytes that the log keeps for its feeds: those from the chunk on that the furthest has yet to
// read, once, and the other frames that wait in the feeds.
func (l *feedLog) held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.heldLocked()
}

func (l *feedLog) heldLocked() int {
	last := l.lastLocked()
	return int(last.end()-l.first.at) + l.frames
}
