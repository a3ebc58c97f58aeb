package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/seed-8247e700/dsm/internal/client"
)

// network is hosts without a network, by host:port.
type network struct {
	hosts map[string]func(net.Conn)

	mu      sync.Mutex // guards what follows
	names   map[string][]string
	dialled []string
}

// last returns the address that was dialled last.
func (n *network) last() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dialled[len(n.dialled)-1]
}

// forget has no look-up end from now on.
func (n *network) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names = nil
}

func (n *network) dial(_ context.Context, addr string) (net.Conn, error) {
	n.mu.Lock()
	n.dialled = append(n.dialled, addr)
	n.mu.Unlock()
	serve := n.hosts[addr]
	if serve == nil {
		return nil, errors.New("connection refused")
	}
	here, there := net.Pipe()
	go func() {
		serve(there)
		_ = there.Close()
	}()
	return here, nil
}

func (n *network) lookup(ctx context.Context, host string) ([]string, error) {
	n.mu.Lock()
	addrs := n.names[host]
	n.mu.Unlock()
	if addrs == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return addrs, nil
}

// silent accepts, and says nothing.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// says answers a request with a text.
func says(text string) func(net.Conn) {
	return func(conn net.Conn) {
		var head []byte
		for b := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); {
			if _, err := conn.Read(b); err != nil {
				return
			}
			head = append(head, b[0])
		}
		_, _ = io.WriteString(conn, text)
	}
}

// tells answers requests as a registry does.
func tells(conn net.Conn) {
	answer := says("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n" + `{"group":"1","generation":"1"}`)
	for range 2 {
		answer(conn)
	}
	silent(conn)
}

// Every address of a name is tried, and every address given, whatever the others
// do; the one that answered is the first the next time, also without a look-up.
func TestDialEveryAddress(t *testing.T) {
	const good = "10.0.0.9:6001"
	hosts := map[string]func(net.Conn){
		"10.0.0.1:6001": silent,
		"10.0.0.2:6001": says("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
		"10.0.0.3:6001": func(net.Conn) {},
		good:            tells,
	}
	names := map[string][]string{
		"two":   {"10.0.0.1", "10.0.0.9"},
		"all":   {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.9"},
		"wrong": {"10.0.0.3"},
	}
	for _, addrs := range []string{"two:6001", "all:6001", "10.0.0.1:6001," + good, "hangs:6001,two:6001", "wrong:6001,all:6001", " " + good + "\n"} {
		t.Run(addrs, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{hosts: hosts, names: names}
				c, err := newClient(addrs, n.lookup, n.dial)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				conn, err := c.dialer.connect(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if last := n.last(); last != good {
					t.Errorf("dialled %q last", last)
				}
				n.forget()
				if again, err := c.dialer.connect(t.Context()); err != nil || n.last() != good {
					t.Errorf("the second time: %v, dialled %q last", err, n.last())
				} else {
					defer again.Close()
				}
			})
		})
	}
}

// A call gets through to the address that answers.
func TestCallAtName(t *testing.T) {
	f := start(t, "", Settings{})
	c, err := newClient("two:6001", func(context.Context, string) ([]string, error) { return []string{"10.0.0.1", "10.0.0.2"}, nil },
		func(ctx context.Context, addr string) (net.Conn, error) {
			if addr == "10.0.0.1:6001" {
				return (&network{hosts: map[string]func(net.Conn){addr: silent}}).dial(ctx, addr)
			}
			var d net.Dialer
			return d.DialContext(ctx, "tcp", f.Addr())
		})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Status(t.Context()); err != nil {
		t.Error(err)
	}
}

// What is wrong with an address is told without what may be a secret in it.
func TestDialShowsNoSecret(t *testing.T) {
	for _, addr := range []string{"user:hunter2@h:1", "h:1,user:hunter2@h:2", "http://user:hunter2@h:1/", "h:hunter2"} {
		if _, err := Dial(addr); !errors.Is(err, ErrInvalid) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
	if _, err := Dial(client.TrimAddress(" h:1\n")); err != nil {
		t.Error(err)
	}
}
