package nbio

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
)

func TestDrain(t *testing.T) {
	for name, reads := range map[string]bool{"all is read": true, "the connection is closed": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				w := NewWriter(near, Limits{MaxBuffered: 100})
				if err := w.Drain(); err != nil {
					t.Fatalf("with nothing to write: %v", err)
				}
				if err := w.Append(make([]byte, 100)); err != nil {
					t.Fatal(err)
				}
				if err := w.Flush(); err != nil {
					t.Fatal(err)
				}
				drained := make(chan error, 1)
				go func() { drained <- w.Drain() }()
				synctest.Wait()
				select {
				case err := <-drained:
					t.Fatalf("returned before anything was read: %v", err)
				default:
				}
				if !reads {
					if err := w.Close(); err != nil {
						t.Fatal(err)
					}
					if err := <-drained; !errors.Is(err, net.ErrClosed) {
						t.Fatalf("got %v", err)
					}
					return
				}
				if _, err := io.CopyN(io.Discard, far, 100); err != nil {
					t.Fatal(err)
				}
				if err := <-drained; err != nil {
					t.Fatal(err)
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}
