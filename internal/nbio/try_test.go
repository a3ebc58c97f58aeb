package nbio

import (
	"bytes"
	"io"
	"net"
	"testing"
)

// tcpPair returns the two ends of a connection over loopback.
func tcpPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	near, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Closing what a test has closed before is an error of no interest.
		_, _, _ = near.Close(), far.Close(), l.Close()
	})
	return near, far
}

// fill writes until a connection takes nothing more, and returns how much that was.
func fill(t *testing.T, conn net.Conn) (total int) {
	t.Helper()
	try := NewTryer(conn)
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	for n := -1; n != 0; {
		var err error
		if n, err = try.TryWrite(chunk); err != nil {
			t.Fatal(err)
		}
		if total += n; total > 1<<30 {
			t.Fatal("the socket takes more than it can hold")
		}
	}
	return total
}

func TestTryWriteFillsTheSocketAndReturns(t *testing.T) {
	near, far := tcpPair(t)
	total := fill(t, near)
	if total == 0 && canTry {
		t.Fatal("nothing was taken")
	}
	if _, err := io.CopyN(io.Discard, far, int64(total)); err != nil {
		t.Fatal(err)
	}
}

func TestTryWriteOnClosed(t *testing.T) {
	near, _ := tcpPair(t)
	try := NewTryer(near)
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := try.TryWrite([]byte("x")); err == nil && canTry {
		t.Fatal("a closed connection took a byte")
	}
}

func TestTryWriteWithoutDescriptor(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	if n, err := NewTryer(near).TryWrite([]byte("x")); n != 0 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
}

// limited takes at most three bytes at once.
type limited struct {
	net.Conn
	took bytes.Buffer
}

func (l *limited) TryWrite(b []byte) (int, error) {
	return l.took.Write(b[:min(len(b), 3)])
}

func TestTryWritePrefersTheConnectionsOwn(t *testing.T) {
	l := &limited{}
	if n, err := NewTryer(l).TryWrite([]byte("abcdef")); n != 3 || err != nil || l.took.String() != "abc" {
		t.Fatalf("got %d, %v, %q", n, err, l.took.String())
	}
}

func TestTryWriteAllocatesNothing(t *testing.T) {
	near, far := tcpPair(t)
	try := NewTryer(near)
	in, out := []byte("12345678"), make([]byte, 8)
	if allocs := testing.AllocsPerRun(100, func() {
		if _, err := try.TryWrite(in); err != nil {
			t.Error(err)
		}
		if _, err := io.ReadFull(far, out); err != nil {
			t.Error(err)
		}
	}); canTry && allocs != 0 {
		t.Fatalf("%v allocations per write", allocs)
	}
}
