package netfault

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Checked(m).Run()) }

// patience bounds what must happen.
const patience = 30 * time.Second

// pair is a connection from "a" to "b" through a proxy.
type pair struct {
	t       *testing.T
	proxy   *Proxy
	b       net.Listener
	dialled net.Conn
	taken   net.Conn
}

func newProxy(t *testing.T) (*Proxy, net.Listener) {
	t.Helper()
	p, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	l, err := p.ListenAs("b")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.Close(), p.Close(), l.Close()); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return p, l
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{t: t}
	p.proxy, p.b = newProxy(t)
	p.dialled, p.taken = p.dial(), p.take()
	return p
}

func (p *pair) bounded() context.Context {
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	p.t.Cleanup(cancel)
	return ctx
}

func (p *pair) dial() net.Conn {
	p.t.Helper()
	conn, err := p.proxy.Dialer("a")(p.bounded(), p.b.Addr().String())
	if err != nil {
		p.t.Fatal(err)
	}
	return p.bound(conn)
}

func (p *pair) take() net.Conn {
	p.t.Helper()
	conn, err := p.b.Accept()
	if err != nil {
		p.t.Fatal(err)
	}
	return p.bound(conn)
}

// bound makes what is done with a connection end.
func (p *pair) bound(conn net.Conn) net.Conn {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() }) // most tests have closed or broken it
	return conn
}

func send(t *testing.T, to net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(to, text); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, from net.Conn, text string) {
	t.Helper()
	b := make([]byte, len(text))
	if _, err := io.ReadFull(from, b); err != nil || string(b) != text {
		t.Fatalf("got %q, %v, want %q", b, err, text)
	}
}

// expectNothing looks at a connection for a moment. It fails only if something
// came that must not, however slow the machine.
func expectNothing(t *testing.T, from net.Conn) {
	t.Helper()
	if err := from.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := from.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d bytes came, %v", n, err)
	}
	if err := from.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
}

func TestForwards(t *testing.T) {
	p := newPair(t)
	send(t, p.dialled, "there")
	expect(t, p.taken, "there")
	send(t, p.taken, "back")
	expect(t, p.dialled, "back")
	// A closed half leaves the other open.
	if err := p.dialled.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := p.taken.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("%d bytes, %v, want the end", n, err)
	}
	send(t, p.taken, "late")
	expect(t, p.dialled, "late")
}

// A cut holds one direction only, and loses nothing.
func TestCut(t *testing.T) {
	for _, test := range []struct {
		name     string
		from, to string
	}{{"there", "a", "b"}, {"back", "b", "a"}} {
		t.Run(test.name, func(t *testing.T) {
			p := newPair(t)
			sender, receiver := p.dialled, p.taken
			if test.from == "b" {
				sender, receiver = receiver, sender
			}
			p.proxy.Cut(test.from, test.to)
			p.proxy.Cut(test.from, test.to)
			send(t, sender, "held")
			send(t, receiver, "passes")
			expect(t, sender, "passes")
			expectNothing(t, receiver)
			p.proxy.Heal(test.from, test.to)
			expectNothing(t, receiver)
			p.proxy.Heal(test.from, test.to)
			expect(t, receiver, "held")
		})
	}
}

// An end that closes is not noticed while its way is cut.
func TestCloseIsHeld(t *testing.T) {
	p := newPair(t)
	p.proxy.Cut("b", "a")
	send(t, p.taken, "last words")
	if err := p.taken.Close(); err != nil {
		t.Fatal(err)
	}
	expectNothing(t, p.dialled)
	p.proxy.Heal("b", "a")
	expect(t, p.dialled, "last words")
	if n, err := p.dialled.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("%d bytes, %v, want the end", n, err)
	}
}

// A dial hangs while either way is cut.
func TestDialDuringCut(t *testing.T) {
	for _, w := range []Way{{"a", "b"}, {"b", "a"}} {
		t.Run(w.From, func(t *testing.T) {
			p := &pair{t: t}
			p.proxy, p.b = newProxy(t)
			p.proxy.Cut(w.From, w.To)
			short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if _, err := p.proxy.Dialer("a")(short, p.b.Addr().String()); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("a dial during the cut: %v", err)
			}
			dialled := make(chan error, 1)
			go func() {
				conn, err := p.proxy.Dialer("a")(p.bounded(), p.b.Addr().String())
				if err == nil {
					err = conn.Close()
				}
				dialled <- err
			}()
			p.proxy.Heal(w.From, w.To)
			if err := <-dialled; err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Ends that have nothing to do with a cut or a reset are left alone.
func TestOthers(t *testing.T) {
	p := newPair(t)
	p.proxy.Cut("a", "c")
	p.proxy.Cut("c", "b")
	if n := p.proxy.Reset("a", "c"); n != 0 {
		t.Errorf("%d connections reset, there are none", n)
	}
	send(t, p.dialled, "there")
	expect(t, p.taken, "there")
}

// A reset breaks connections, and those that come later are whole.
func TestReset(t *testing.T) {
	p := newPair(t)
	p.proxy.Cut("a", "b")
	send(t, p.dialled, "lost")
	if n := p.proxy.Reset("b", "a"); n != 1 {
		t.Errorf("%d connections reset, want 1", n)
	}
	for _, conn := range []net.Conn{p.dialled, p.taken} {
		if n, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%d bytes, %v, want a broken connection", n, err)
		}
	}
	p.proxy.Heal("a", "b")
	again := p.dial()
	send(t, again, "anew")
	expect(t, p.take(), "anew")
}

func TestRefused(t *testing.T) {
	p, l := newProxy(t)
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := p.Dialer("a")(ctx, addr); !errors.Is(err, ErrRefused) {
		t.Fatalf("got %v, want a refusal", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Dialer("a")(ctx, addr); err == nil {
		t.Fatal("a closed proxy took a connection")
	}
}

// A new address of an end is cut like its old one, and one without a name is an
// end of its own.
func TestNames(t *testing.T) {
	p := newPair(t)
	p.proxy.Cut("a", "b")
	moved, err := p.proxy.ListenAs("b")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = moved.Close() }()
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.proxy.Dialer("a")(short, moved.Addr().String()); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a dial to the new address: %v", err)
	}
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	conn, err := p.proxy.Dialer("a")(p.bounded(), other.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

// What is not from a dialler is not forwarded.
func TestGarbage(t *testing.T) {
	p, _ := newProxy(t)
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	send(t, conn, "garbage\n")
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != "" || !errors.Is(err, io.EOF) {
		t.Errorf("got %q, %v", line, err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

// Much goes through whole, however often the ways are cut meanwhile.
func TestMuch(t *testing.T) {
	p := newPair(t)
	const lines = 20_000
	go func() {
		w := bufio.NewWriter(p.dialled)
		for i := range lines {
			if _, err := fmt.Fprintln(w, i); err != nil {
				return // the reader tells
			}
		}
		_ = w.Flush() // likewise
	}()
	in := bufio.NewReader(p.taken)
	for i := range lines {
		if i%1000 == 0 {
			p.proxy.Cut("a", "b")
			p.proxy.Heal("a", "b")
		}
		line, err := in.ReadString('\n')
		if err != nil || line != fmt.Sprintln(i) {
			t.Fatalf("line %d is %q, %v", i, line, err)
		}
	}
}
