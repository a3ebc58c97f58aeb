package registry

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
)

// headStart is how long one address of a registry is waited for before the next is
// tried beside it.
const headStart = 250 * time.Millisecond

// maxProbeBytes bounds the answer to a probe, a view.
const maxProbeBytes = 1 << 20

// dialer connects to a registry that may be found at several addresses, or at a
// name that has several.
type dialer struct {
	addrs  []string // host:port of each
	dial   func(ctx context.Context, addr string) (net.Conn, error)
	lookup client.Lookup // nil: dial gets names

	mu   sync.Mutex // guards good
	good string     // the address where a registry answered last
}

// several reports whether there is, or may be, a choice.
func (d *dialer) several() bool {
	return len(d.addrs) > 1 || d.lookup != nil && client.IsName(d.addrs[0])
}

// connect returns a connection to the first address at which a registry answers,
// beginning with that where one answered last.
func (d *dialer) connect(ctx context.Context) (net.Conn, error) {
	if !d.several() {
		return d.open(ctx, d.addrs[0])
	}
	list := d.addrs
	d.mu.Lock()
	if d.good != "" {
		list = append([]string{d.good}, slices.DeleteFunc(slices.Clone(list), func(a string) bool { return a == d.good })...)
	}
	d.mu.Unlock()
	return client.FirstOf(ctx, d.lookup, list, 1, headStart, func(ctx context.Context, addr string) (net.Conn, error) {
		conn, err := d.open(ctx, addr)
		if err != nil {
			return nil, err
		}
		if err := probe(ctx, conn); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", addr, err), conn.Close())
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.good = addr
		return conn, nil
	})
}

func (d *dialer) open(ctx context.Context, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return d.dial(ctx, addr)
}

// probe asks a fresh connection for the view, and returns once a registry has
// answered: what accepts connections may hang, or be something else.
func probe(ctx context.Context, conn net.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err := ask(conn)
	if !stop() {
		return ctx.Err()
	}
	return err
}

func ask(conn net.Conn) error {
	if _, err := io.WriteString(conn, "GET /v1/view HTTP/1.1\r\nHost: "+client.RegistryHost+"\r\n\r\n"); err != nil {
		return err
	}
	from := bufio.NewReader(conn)
	response, err := http.ReadResponse(from, nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxProbeBytes))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	var view client.View
	if json.Unmarshal(body, &view) != nil || view.Group == 0 || response.Close || from.Buffered() > 0 {
		return fmt.Errorf("the answer %q does not come from a registry", response.Status)
	}
	return nil
}
