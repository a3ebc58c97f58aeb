package nbio

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// keep flushes so many bytes.
func keep(t *testing.T, w *Writer, n int) {
	t.Helper()
	if err := w.Append(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

// One that takes nothing for too long is closed; one that takes something in time
// is not, and has no deadline any more once it has caught up.
func TestWriterPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = time.Second
		near, far := net.Pipe()
		w := NewWriter(near, Limits{MaxBuffered: 1 << 20, Patience: patience})
		keep(t, w, 5*PortionBytes)
		for range 5 {
			time.Sleep(patience - 1) //nolint:forbidigo // in a bubble
			if _, err := io.CopyN(io.Discard, far, PortionBytes); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		time.Sleep(10 * patience) //nolint:forbidigo // in a bubble
		keep(t, w, 1)
		if _, err := io.CopyN(io.Discard, far, 1); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		keep(t, w, 2*PortionBytes)
		time.Sleep(patience + 1) //nolint:forbidigo // in a bubble
		synctest.Wait()
		if err := w.Flush(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if n := w.Buffered(); n != 0 {
			t.Errorf("%d bytes are held for a connection that was given up", n)
		}
		if _, err := io.Copy(io.Discard, far); err != nil {
			t.Errorf("the connection is not closed: %v", err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

// What several writers hold is counted together, whatever becomes of them.
func TestWritersShareACount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shared atomic.Int64
		var writers []*Writer
		var readers []net.Conn
		for range 3 {
			near, far := net.Pipe()
			w := NewWriter(near, Limits{MaxBuffered: 1 << 20, Shared: &shared})
			keep(t, w, 1000)
			writers, readers = append(writers, w), append(readers, far)
		}
		check := func(want int64) {
			t.Helper()
			synctest.Wait()
			if got := shared.Load(); got != want {
				t.Errorf("%d bytes are held, want %d", got, want)
			}
		}
		check(3000)
		writers[0].Drop()
		check(2000)
		if err := writers[0].Flush(); !errors.Is(err, ErrOverflow) {
			t.Errorf("dropped: %v", err)
		}
		if _, err := io.CopyN(io.Discard, readers[1], 1000); err != nil {
			t.Fatal(err)
		}
		check(1000)
		for _, w := range writers {
			if err := w.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		}
		check(0)
	})
}

// Who waits for a reader goes on when enough is read, and when all is over.
func TestAwaitBelow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		w := NewWriter(near, Limits{MaxBuffered: 1 << 20})
		keep(t, w, 4*PortionBytes)
		waited := make(chan error, 1)
		await := func() { waited <- w.AwaitBelow(3*PortionBytes - 1) }
		go await()
		synctest.Wait()
		if _, err := io.CopyN(io.Discard, far, PortionBytes); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		select {
		case err := <-waited:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		if _, err := io.CopyN(io.Discard, far, PortionBytes); err != nil {
			t.Fatal(err)
		}
		if err := <-waited; err != nil {
			t.Error(err)
		}
		keep(t, w, 2*PortionBytes)
		go await()
		synctest.Wait()
		w.Drop()
		if err := <-waited; !errors.Is(err, ErrOverflow) {
			t.Errorf("dropped: %v", err)
		}
		if err := w.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}
