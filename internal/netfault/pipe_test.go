package netfault

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// newPipe is a pipe that nobody else uses.
func newPipe(bytesPerSecond int64) *pipe {
	return &pipe{bytesPerSecond: bytesPerSecond, healed: make(chan struct{})}
}

// carryAll passes n bytes in pieces, as a relay does.
func carryAll(t *testing.T, pipes []*pipe, n int) {
	t.Helper()
	for n > 0 {
		m := piece(pipes, n)
		if !carry(t.Context(), pipes, m) {
			t.Error("the context has ended")
			return
		}
		n -= m
	}
}

// What passes pipes takes the time of the slowest, but for what a pipe at rest has saved
// up. Streams share a pipe in equal parts.
func TestPipeRate(t *testing.T) {
	const rate = 1 << 20
	for _, test := range []struct {
		name    string
		rates   []int64
		streams int // of 1 MiB each
		want    time.Duration
	}{
		{"none", nil, 1, 0},
		{"one", []int64{rate}, 1, time.Second - bucketTime},
		{"shared by three", []int64{rate}, 3, 3*time.Second - bucketTime},
		{"the slowest of two", []int64{3 * rate, rate}, 2, 2*time.Second - bucketTime},
		{"slow", []int64{1 << 10}, 1, 1024*time.Second - bucketTime},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var pipes []*pipe
				for _, r := range test.rates {
					pipes = append(pipes, newPipe(r))
				}
				time.Sleep(time.Hour) //nolint:forbidigo // virtual time: at rest for long, a pipe saves up no more than its bucket
				began := time.Now()
				var streams sync.WaitGroup
				for range test.streams {
					streams.Go(func() {
						carryAll(t, pipes, rate)
						if took := time.Since(began); took < test.want-time.Duration(test.streams)*bucketTime {
							t.Errorf("a stream ended after %v: they are to have turns", took)
						}
					})
				}
				streams.Wait()
				// Pieces are whole bytes.
				if took := time.Since(began); took < test.want-time.Millisecond || took > test.want+time.Millisecond {
					t.Errorf("it took %v, want %v", took, test.want)
				}
			})
		})
	}
}

// A timer that is late by less than the bucket costs nothing of the rate.
func TestPipeMakesUp(t *testing.T) {
	began := time.Now()
	p, now := newPipe(1<<20), began
	p.free = began
	for range 64 {
		now = p.take(now, 16<<10).Add(bucketTime / 2)
	}
	if took := p.free.Sub(began); took != time.Second {
		t.Errorf("1 MiB took %v, want 1s", took)
	}
}

// Whoever waits for a pipe goes on when it heals, and ends with its context.
func TestPipeHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := Way{"a", "b"}
		p := &Proxy{pipes: make(map[Way][]*pipe)}
		healFirst := p.Slow(1<<20, w, Way{"a", "c"})
		time.AfterFunc(time.Second, p.Slow(1, w))
		healLast := p.Slow(1<<20, w)
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		if !carry(ctx, p.pipesOf(w), 1000) || time.Since(began) != time.Second {
			t.Errorf("it went on after %v, want 1s", time.Since(began))
		}
		if n := len(p.pipesOf(w)); n != 2 {
			t.Errorf("%d pipes are left, want 2", n)
		}
		healLast()
		healFirst()
		if n := len(p.pipesOf(w)) + len(p.pipesOf(Way{"a", "c"})); n != 0 {
			t.Errorf("%d pipes are left, want none", n)
		}
		time.AfterFunc(time.Second, cancel)
		if carry(ctx, []*pipe{newPipe(1)}, 1000) || time.Since(began) != 2*time.Second {
			t.Errorf("it ended after %v, want 2s", time.Since(began))
		}
		if carry(ctx, nil, 1) {
			t.Error("its context has ended, and it goes on")
		}
	})
}

// A slow way holds back what it cannot carry yet, and its sender too; the way back, and
// others, are as fast as ever. When it heals all comes, whole.
func TestSlow(t *testing.T) {
	const much = 32 << 20 // more than buffers take
	p := newPair(t)
	heal := p.proxy.Slow(1<<10, Way{"a", "b"}, Way{"a", "c"})
	healLess := p.proxy.Slow(1<<30, Way{"a", "b"})
	data := bytes.Repeat([]byte("slow"), much/4)
	if err := p.dialled.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	sent, err := p.dialled.Write(data)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d bytes were sent, %v, want a write that blocks", sent, err)
	}
	if err := p.dialled.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	go func() {
		if _, err := p.taken.Write(data); err != nil {
			t.Errorf("the way back: %v", err)
		}
	}()
	if _, err := io.ReadFull(p.dialled, make([]byte, much)); err != nil {
		t.Fatalf("the way back: %v", err)
	}
	healLess()
	heal()
	got := make([]byte, sent)
	if _, err := io.ReadFull(p.taken, got); err != nil || !bytes.Equal(got, data[:sent]) {
		t.Fatalf("%v: not what was sent", err)
	}
	expectNothing(t, p.taken)
}

// Bytes take at least the time that their way needs for them.
func TestSlowTakesTime(t *testing.T) {
	const rate, much = 1 << 20, 256 << 10
	p := newPair(t)
	heal := p.proxy.Slow(rate, Way{"a", "b"})
	began := time.Now()
	send(t, p.dialled, string(make([]byte, much)))
	if err := p.dialled.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, p.taken)
	if least := much*time.Second/rate - bucketTime; n != much || err != nil || time.Since(began) < least {
		t.Errorf("%d bytes in %v, %v, want %d in at least %v", n, time.Since(began), err, much, least)
	}
	heal()
}

// A slow way that is cut holds all, and a reset ends whoever waits for it.
func TestSlowAndCut(t *testing.T) {
	p := newPair(t)
	heal := p.proxy.Slow(64<<10, Way{"a", "b"})
	p.proxy.Cut("a", "b")
	send(t, p.dialled, "held")
	expectNothing(t, p.taken)
	p.proxy.Heal("a", "b")
	expect(t, p.taken, "held")
	healMore := p.proxy.Slow(1, Way{"a", "b"})
	send(t, p.dialled, "for a minute")
	if n := p.proxy.Reset("a", "b"); n != 1 {
		t.Errorf("%d connections reset, want 1", n)
	}
	if _, err := io.Copy(io.Discard, p.taken); err == nil {
		t.Error("the connection ended in order, want a reset")
	}
	heal()
	healMore()
}
