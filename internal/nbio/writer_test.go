package nbio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"testing/synctest"
)

// send writes the numbers from first to end-1, in random portions.
func send(t *testing.T, w *Writer, first, end uint64) {
	rnd := rand.New(rand.NewPCG(first, end))
	for i := first; i < end; i++ {
		if err := w.Keep(binary.LittleEndian.AppendUint64(w.Buffer(), i)); err != nil {
			t.Error(err)
		}
		if rnd.IntN(10) == 0 {
			if err := w.Flush(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := w.Flush(); err != nil {
		t.Error(err)
	}
}

// expect reads the numbers from first to end-1.
func expect(t *testing.T, r io.Reader, first, end uint64) {
	t.Helper()
	var b [8]byte
	for i := first; i < end; i++ {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			t.Fatal(err)
		}
		if got := binary.LittleEndian.Uint64(b[:]); got != i {
			t.Fatalf("read %d, want %d", got, i)
		}
	}
}

func TestWriterKeepsTheOrder(t *testing.T) {
	const end = 100_000
	for name, pair := range map[string]func() (net.Conn, net.Conn){
		"tcp":  func() (net.Conn, net.Conn) { return tcpPair(t) },
		"pipe": net.Pipe,
	} {
		t.Run(name, func(t *testing.T) {
			near, far := pair()
			w := NewWriter(near, Limits{MaxBuffered: end * 8})
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				send(t, w, 0, end)
			}()
			expect(t, far, 0, end)
			<-sent
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if n := w.Buffered(); n != 0 {
				t.Fatalf("%d bytes left after all were read", n)
			}
		})
	}
}

func TestWriterNeverWaitsForAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe() // nobody reads
		w := NewWriter(near, Limits{MaxBuffered: 100})
		for range 10 {
			if err := w.Append(make([]byte, 10)); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Append([]byte{1}); !errors.Is(err, ErrOverflow) {
			t.Fatalf("byte 101 of 100: %v", err)
		}
		if n := w.Buffered(); n != 100 {
			t.Fatalf("%d bytes buffered, want 100", n)
		}
		// Once it reads, there is room again.
		if _, err := io.CopyN(io.Discard, far, 100); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := w.Append(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		// The bubble fails if a goroutine is left.
	})
}

func TestWriterReportsTheFirstError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		w := NewWriter(near, Limits{MaxBuffered: 100})
		if err := far.Close(); err != nil {
			t.Fatal(err)
		}
		for want := error(nil); ; want = io.ErrClosedPipe {
			if err := w.Append([]byte("lost")); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); !errors.Is(err, want) {
				t.Fatalf("got %v, want %v", err, want)
			}
			if want != nil {
				break
			}
			synctest.Wait() // the first Flush left the write to the goroutine
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWriterAfterClose(t *testing.T) {
	near, _ := net.Pipe()
	w := NewWriter(near, Limits{MaxBuffered: 100})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Append([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("got %v", err)
	}
}

func TestWriterPartialTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipe, far := net.Pipe()
		l := &limited{Conn: pipe}
		w := NewWriter(l, Limits{MaxBuffered: 100})
		if err := w.Append([]byte("abcdef")); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		rest := make([]byte, 3)
		if _, err := io.ReadFull(far, rest); err != nil {
			t.Fatal(err)
		}
		if got := l.took.String() + string(rest); got != "abcdef" {
			t.Fatalf("got %q", got)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// While the goroutine writes, nothing may overtake it, even if the socket would
// take it.
func TestWriterDoesNotOvertakeItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipe, far := net.Pipe()
		l := &limited{Conn: pipe}
		w := NewWriter(l, Limits{MaxBuffered: 100})
		for _, s := range []string{"abcdef", "ghi"} {
			if err := w.Append([]byte(s)); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // the goroutine waits for a reader
		}
		rest := make([]byte, 6)
		if _, err := io.ReadFull(far, rest); err != nil {
			t.Fatal(err)
		}
		if got := l.took.String() + string(rest); got != "abcdefghi" {
			t.Fatalf("got %q", got)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWriterAllocatesNothing(t *testing.T) {
	near, far := tcpPair(t)
	w := NewWriter(near, Limits{MaxBuffered: 1 << 20})
	in, out := bytes.Repeat([]byte("x"), 100), make([]byte, 300)
	if allocs := testing.AllocsPerRun(100, func() {
		for range 3 {
			if err := w.Append(in); err != nil {
				t.Error(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Error(err)
		}
		if _, err := io.ReadFull(far, out); err != nil {
			t.Error(err)
		}
	}); canTry && allocs != 0 {
		t.Fatalf("%v allocations per turn", allocs)
	}
}
