package evloop

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// newLoop returns a loop that ends with the test.
func newLoop(t testing.TB, begin, end func()) *Loop {
	t.Helper()
	l, err := New(begin, end)
	if errors.Is(err, ErrUnsupported) {
		t.Skip("there are no loops on this system")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// pair returns an adopted connection and its other end.
func pair(t testing.TB, l *Loop) (*Conn, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	far, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Adopt(near)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close()
		_ = far.Close()
	})
	return c, far
}

// serveAll reads c to its end, in portions of up to size bytes, and returns what came
// and why it ended.
func serveAll(c *Conn, size int) ([]byte, error) {
	var all []byte
	var err error
	b := make([]byte, size)
	c.Serve(func() bool {
		var n int
		if n, err = c.Read(b); errors.Is(err, ErrWouldBlock) {
			err = nil
		}
		all = append(all, b[:n]...)
		return err == nil
	})
	return all, err
}

func TestReadsAll(t *testing.T) {
	l := newLoop(t, nil, nil)
	var all sync.WaitGroup
	for i := range 20 {
		c, far := pair(t, l)
		want := make([]byte, rand.IntN(1<<20))
		for j := range want {
			want[j] = byte(i + j)
		}
		all.Go(func() {
			got, err := serveAll(c, 1+rand.IntN(10_000))
			if !errors.Is(err, io.EOF) || !bytes.Equal(got, want) {
				t.Errorf("%d bytes of %d, %v", len(got), len(want), err)
			}
		})
		all.Go(func() {
			if _, err := far.Write(want); err != nil {
				t.Error(err)
			}
			if err := far.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestServeAgainAfterWaiting(t *testing.T) {
	l := newLoop(t, nil, nil)
	c, far := pair(t, l)
	go func() {
		_, _ = far.Write([]byte("abc"))
		_ = far.Close()
	}()
	var got []byte
	var err error
	for err == nil {
		c.Serve(func() bool {
			var b [1]byte
			var n int
			n, err = c.Read(b[:])
			if errors.Is(err, ErrWouldBlock) {
				err = nil
				return true
			}
			got = append(got, b[:n]...)
			return false // each byte is worked on outside of the loop
		})
	}
	if string(got) != "abc" || !errors.Is(err, io.EOF) {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestRounds(t *testing.T) {
	var inside, handled atomic.Bool
	var rounds atomic.Int32
	l := newLoop(t, func() { inside.Store(true) }, func() {
		inside.Store(false)
		if handled.Load() {
			rounds.Add(1)
		}
	})
	c, far := pair(t, l)
	if _, err := far.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	var outside bool
	c.Serve(func() bool {
		outside = outside || !inside.Load()
		n, err := c.Read(make([]byte, 1))
		handled.Store(true)
		return n == 0 && errors.Is(err, ErrWouldBlock)
	})
	if outside {
		t.Fatal("the handler was called outside of a round")
	}
	l.Close()
	if rounds.Load() == 0 {
		t.Fatal("no round ended")
	}
}

// Whoever closes the connection, in whatever state it is, Serve returns.
func TestCloseEndsServe(t *testing.T) {
	for name, end := range map[string]func(*Conn, net.Conn, *Loop){
		"near": func(c *Conn, _ net.Conn, _ *Loop) { _ = c.Close() },
		"loop": func(_ *Conn, _ net.Conn, l *Loop) { l.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t, nil, nil)
			c, far := pair(t, l)
			called := make(chan struct{}, 1)
			served := make(chan error, 1)
			serve := func() {
				var err error
				c.Serve(func() bool {
					select {
					case called <- struct{}{}:
					default:
					}
					_, err = c.Read(make([]byte, 1))
					return errors.Is(err, ErrWouldBlock)
				})
				served <- err
			}
			go serve()
			<-called
			end(c, far, l)
			if err := <-served; !errors.Is(err, net.ErrClosed) {
				t.Fatal(err)
			}
			go serve() // of a connection that is closed
			if err := <-served; !errors.Is(err, net.ErrClosed) {
				t.Fatal(err)
			}
		})
	}
}

func TestCloseWhileServeBegins(t *testing.T) {
	for range 200 {
		l := newLoop(t, nil, nil)
		var all sync.WaitGroup
		for range 4 {
			c, _ := pair(t, l)
			all.Go(func() {
				if _, err := serveAll(c, 10); !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
			})
			all.Go(func() { _ = c.Close() })
		}
		all.Go(l.Close)
		all.Wait()
	}
}

func TestReadDeadline(t *testing.T) {
	for name, set := range map[string]time.Time{
		"passed already": time.Unix(1, 0),
		"to come":        time.Now().Add(10 * time.Millisecond),
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t, nil, nil)
			c, _ := pair(t, l)
			if err := c.SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			if err := c.SetReadDeadline(set); err != nil {
				t.Fatal(err)
			}
			if _, err := serveAll(c, 10); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			if err := c.SetReadDeadline(time.Time{}); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, ErrWouldBlock) {
				t.Fatalf("the deadline was lifted: %v", err)
			}
		})
	}
}

// fill writes until the connection takes nothing more.
func fill(t *testing.T, c *Conn) (bytes int) {
	t.Helper()
	b := make([]byte, 1<<20)
	for {
		n, err := c.TryWrite(b)
		if err != nil {
			t.Fatal(err)
		}
		bytes += n
		if n == 0 {
			return bytes
		}
	}
}

func TestWriteWaitsForRoom(t *testing.T) {
	l := newLoop(t, nil, nil)
	c, far := pair(t, l)
	filled := fill(t, c)
	want := bytes.Repeat([]byte("0123456789"), 100_000)
	wrote := make(chan error, 1)
	go func() {
		n, err := c.Write(want)
		if err == nil && n != len(want) {
			err = io.ErrShortWrite
		}
		wrote <- err
	}()
	if _, err := io.CopyN(io.Discard, far, int64(filled)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(far, got); err != nil {
		t.Fatal(err)
	}
	if err := <-wrote; err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%v, or other bytes", err)
	}
}

func TestWriteEnds(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(*Conn, net.Conn) error
		want error
	}{
		"by a deadline": {func(c *Conn, _ net.Conn) error { return c.SetWriteDeadline(time.Now().Add(time.Millisecond)) }, os.ErrDeadlineExceeded},
		"by one passed": {func(c *Conn, _ net.Conn) error { return c.SetWriteDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
		"by Close":      {func(c *Conn, _ net.Conn) error { return c.Close() }, net.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t, nil, nil)
			c, far := pair(t, l)
			fill(t, c)
			wrote := make(chan error, 1)
			go func() {
				_, err := c.Write(make([]byte, 100))
				wrote <- err
			}()
			if err := test.end(c, far); err != nil {
				t.Fatal(err)
			}
			if err := <-wrote; !errors.Is(err, test.want) {
				t.Fatal(err)
			}
		})
	}
}

// A handler whose connection the other side has reset is called, and not for ever.
func TestReset(t *testing.T) {
	l := newLoop(t, nil, nil)
	c, far := pair(t, l)
	if err := far.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := serveAll(c, 10); err == nil || errors.Is(err, io.EOF) {
		t.Fatalf("got %v", err)
	}
	// It is not watched any more: another connection goes on undisturbed.
	other, otherFar := pair(t, l)
	if err := otherFar.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := serveAll(other, 10); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
}

func TestAdoptRefuses(t *testing.T) {
	l := newLoop(t, nil, nil)
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	if _, err := l.Adopt(near); !errors.Is(err, ErrUnsupported) {
		t.Fatalf("a pipe: %v", err)
	}
	l.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := l.Adopt(conn); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("by a closed loop: %v", err)
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	for name, looped := range map[string]bool{"loop": true, "goroutine": false} {
		b.Run(name, func(b *testing.B) {
			l := newLoop(b, nil, nil)
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer listener.Close()
			far, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer far.Close()
			near, err := listener.Accept()
			if err != nil {
				b.Fatal(err)
			}
			buf := make([]byte, 64)
			if looped {
				c, err := l.Adopt(near)
				if err != nil {
					b.Fatal(err)
				}
				defer func() { _ = c.Close() }()
				go c.Serve(func() bool {
					n, err := c.Read(buf)
					if err == nil {
						_, err = c.TryWrite(buf[:n])
					}
					return err == nil || errors.Is(err, ErrWouldBlock)
				})
			} else {
				defer near.Close()
				go func() {
					for {
						n, err := near.Read(buf)
						if err != nil {
							return
						}
						if _, err := near.Write(buf[:n]); err != nil {
							return
						}
					}
				}()
			}
			echo := make([]byte, 64)
			for b.Loop() {
				if _, err := far.Write(echo); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(far, echo); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A loop wakes up whichever way it waits: before it is busy, while it is, and after
// it has been.
func TestBusyAndIdleByTurns(t *testing.T) {
	l := newLoop(t, nil, nil)
	c, far := pair(t, l)
	var served sync.WaitGroup
	served.Go(func() {
		b := make([]byte, 64)
		c.Serve(func() bool {
			n, err := c.Read(b)
			if err == nil {
				_, err = c.TryWrite(b[:n])
			}
			return err == nil || errors.Is(err, ErrWouldBlock)
		})
	})
	b := make([]byte, 64)
	for range 3 {
		for range 20 {
			if _, err := far.Write(b); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(far, b); err != nil {
				t.Fatal(err)
			}
		}
		if err := far.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := far.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("nothing was to come: %v", err)
		}
		if err := far.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	served.Wait()
}
