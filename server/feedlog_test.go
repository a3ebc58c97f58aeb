package server

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// modelFeed is a feed, and the bytes that it has yet to return.
type modelFeed struct {
	*feed
	want   bytes.Buffer
	inHand int
	closed bool
}

func (f *modelFeed) take(t *testing.T) {
	b, err := f.Take(nil, false)
	if !bytes.Equal(b, f.want.Next(len(b))) {
		t.Fatal("other bytes came out than went in")
	}
	if left := f.want.Len(); b == nil && (left > 0 || f.closed != (err != nil)) {
		t.Fatalf("%d bytes are left, closed %v: %v", left, f.closed, err)
	}
	f.inHand = len(b)
}

// TestFeedLog compares feeds of one log, each with frames of its own, with buffers. The log keeps what the
// furthest has yet to read.
func TestFeedLog(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	random := rand.New(rand.NewPCG(1, 2))
	var memory atomic.Int64
	l := &feedLog{memory: &memory}
	var feeds []*modelFeed
	added := func(b []byte) {
		for _, f := range feeds {
			if !f.closed {
				f.want.Write(b)
			}
		}
	}
	for seq := range uint64(20_000) {
		if len(feeds) < 5 {
			feeds = append(feeds, &modelFeed{feed: newFeed(near, l)})
		}
		i := random.IntN(len(feeds))
		f := feeds[i]
		switch random.IntN(10) {
		case 0, 1, 2:
			size := random.IntN(200)
			if random.IntN(10) == 0 {
				size = random.IntN(2 * feedChunkBytes)
			}
			d := &wire.Delivery{Sender: "n1", Seq: seq, Count: 1, Payload: bytes.Repeat([]byte{byte(seq)}, size), Effects: []byte{1}}
			l.add(d)
			added(wire.AppendDelivery(nil, d))
		case 3:
			frame := bytes.Repeat([]byte{byte(seq)}, 1+random.IntN(100))
			f.addFrame(func(dst []byte) []byte { return append(dst, frame...) })
			if !f.closed {
				f.want.Write(frame)
			}
		case 4:
			if random.IntN(20) == 0 {
				f.close(io.EOF)
				f.closed = true
			}
		case 5:
			if random.IntN(50) == 0 {
				f.cut()
				if _, err := f.Take(nil, false); !errors.Is(err, member.ErrLagged) {
					t.Fatal(err)
				}
				feeds = slices.Delete(feeds, i, i+1)
			}
		default:
			if f.take(t); f.closed && f.inHand == 0 {
				feeds = slices.Delete(feeds, i, i+1)
			}
		}
		most := 0
		for _, f := range feeds {
			if _, behind := f.standing(); behind != f.want.Len()+f.inHand || f.Waiting() != f.want.Len() {
				t.Fatalf("%d bytes behind, %d wait, want %d and %d in hand", behind, f.Waiting(), f.want.Len(), f.inHand)
			} else if !f.closed {
				most = max(most, behind)
			}
		}
		if held := l.held(); held < most || int64(held) != memory.Load() {
			t.Fatalf("%d bytes are held, and %d counted; one is %d behind", held, memory.Load(), most)
		}
	}
	for _, f := range feeds {
		for f.take(t); f.inHand > 0; {
			f.take(t)
		}
		f.close(io.EOF)
	}
	if l.first != l.last || l.last.feeds != 0 || l.frames != 0 || l.held() != 0 || memory.Load() != 0 {
		t.Errorf("%d bytes are held for nobody, %d feeds, %d bytes of frames", l.held(), l.last.feeds, l.frames)
	}
}

// Feeds that have read all are woken, once for what a turn adds. One that is in a write is not, and gets it when
// it comes for more.
func TestFeedLogWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(feedLog)
		d := &wire.Delivery{Sender: "n1", Count: 1, Payload: []byte{1}, Effects: []byte{1}}
		size := len(wire.AppendDelivery(nil, d))
		taken := make(chan int, 10)
		take := func(f *feed) {
			b, err := f.Take(nil, true)
			if err != nil {
				t.Error(err)
			}
			taken <- len(b)
		}
		sleeper, writes := newFeed(nil, l), newFeed(nil, l)
		go take(sleeper)
		synctest.Wait()
		if l.publish(); len(l.asleep) != 1 || len(taken) != 0 {
			t.Errorf("with nothing new %d are woken, %d are asleep", len(taken), len(l.asleep))
		}
		l.add(d)
		take(writes)
		if n := <-taken; n != size {
			t.Errorf("%d bytes in a write", n)
		}
		l.add(d)
		synctest.Wait()
		if len(taken) != 0 {
			t.Error("it is woken within the turn")
		}
		l.publish()
		if n := <-taken; n != 2*size {
			t.Errorf("%d bytes for the one that is woken", n)
		}
		if len(l.asleep) != 0 {
			t.Errorf("%d are to be woken again", len(l.asleep))
		}
		take(writes)
		if n := <-taken; n != size {
			t.Errorf("%d bytes after the write", n)
		}
	})
}

// Of many feeds that have read all a few are woken at a time, in the order in which they fell asleep, and each in
// the end. One that has ended meanwhile holds up no other.
func TestFeedLogWakesManyInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		l := new(feedLog)
		d := &wire.Delivery{Sender: "n1", Count: 1, Payload: []byte{1}, Effects: []byte{1}}
		size := len(wire.AppendDelivery(nil, d))
		const many = 3*fewReaders + 1
		taken := make(chan int, many)
		var feeds []*feed
		for i := range many {
			f := newFeed(near, l)
			feeds = append(feeds, f)
			go func() {
				if b, _ := f.Take(nil, true); len(b) > 0 {
					taken <- i
				}
			}()
			synctest.Wait()
		}
		woken := func(from, to int) {
			t.Helper()
			synctest.Wait()
			var got []int
			for len(taken) > 0 {
				got = append(got, <-taken)
			}
			slices.Sort(got)
			for i, n := range got {
				if n != from+i {
					t.Fatalf("feeds %v are woken, want %d to %d", got, from, to-1)
				}
			}
			if len(got) != to-from {
				t.Fatalf("%d feeds are woken, want %d", len(got), to-from)
			}
		}
		defer func() {
			for _, f := range feeds {
				f.close(io.EOF)
			}
		}()
		feeds[fewReaders].cut()
		l.add(d)
		l.publish()
		woken(0, 0)
		time.Sleep(wakePause) //nolint:forbidigo // of the bubble
		woken(0, fewReaders)
		l.add(d)
		l.publish()           // one timer is enough
		time.Sleep(wakePause) //nolint:forbidigo // of the bubble
		woken(fewReaders+1, 2*fewReaders)
		time.Sleep(wakePause) //nolint:forbidigo // of the bubble
		woken(2*fewReaders, 3*fewReaders)
		time.Sleep(wakePause) //nolint:forbidigo // of the bubble
		woken(3*fewReaders, many)
		if l.waking || len(l.asleep) > 0 {
			t.Errorf("%d are asleep, a timer runs: %v", len(l.asleep), l.waking)
		}
		if _, behind := feeds[0].standing(); behind != 2*size {
			t.Errorf("the first is %d bytes behind", behind)
		}
	})
}

// A feed that a frame of its own has woken, and that sleeps again, holds up no other.
func TestFeedLogWakesBehindOneThatSleepsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		l := new(feedLog)
		const many = 2*fewReaders + 1
		var taken atomic.Int64
		var feeds []*feed
		for i := range many {
			f := newFeed(near, l)
			feeds = append(feeds, f)
			go func() {
				for {
					b, err := f.Take(nil, true)
					if err != nil {
						return
					}
					if i > 0 && len(b) > 0 {
						taken.Add(1)
					}
				}
			}()
			synctest.Wait()
		}
		defer func() {
			for _, f := range feeds {
				f.close(io.EOF)
			}
		}()
		l.add(&wire.Delivery{Sender: "n1", Count: 1, Payload: []byte{1}, Effects: []byte{1}})
		l.publish()
		feeds[0].addFrame(func(dst []byte) []byte { return append(dst, 1) })
		feeds[0].publish() // it reads both, and sleeps at its old place
		synctest.Wait()
		time.Sleep(many * wakePause) //nolint:forbidigo // of the bubble
		synctest.Wait()
		if n := taken.Load(); n != many-1 {
			t.Errorf("%d of the %d others have read", n, many-1)
		}
	})
}

// A closed feed costs the log nothing, and is reported once.
func TestFeedLogReportsWhichEnd(t *testing.T) {
	l := new(feedLog)
	f := newFeed(nil, l)
	l.add(&wire.Delivery{Payload: make([]byte, feedChunkBytes)})
	l.add(&wire.Delivery{Payload: make([]byte, feedChunkBytes)})
	f.addFrame(tenBytes)
	if held := l.held(); held < 2*feedChunkBytes+10 || l.publish() {
		t.Errorf("%d bytes are held for the one that reads", held)
	}
	f.close(io.EOF)
	if held := l.held(); held >= 2*feedChunkBytes {
		t.Errorf("%d bytes are held for nobody", held)
	}
	if !l.publish() || l.publish() {
		t.Error("its end is not reported once")
	}
}

// A connection that is refused a second subscription keeps no place in the log.
func TestSecondSubscription(t *testing.T) {
	h := newLone(t, Config{})
	p := newPiped(t, h.front)
	h.do(func(m *member.Member) {
		p.startStream(newFeed(p.near, &h.front.deliveries))
		before := h.front.deliveries.last.feeds
		if p.subscribe(m, 5); h.front.deliveries.last.feeds != before || len(h.front.feeds) != 0 {
			t.Errorf("%d places, %d before", h.front.deliveries.last.feeds, before)
		}
	})
}
