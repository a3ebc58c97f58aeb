package registry

import (
	"context"
	"net"
	"net/http"
	"sync"

	"github.com/seed-8247e700/dsm/internal/connset"
	"github.com/seed-8247e700/dsm/internal/rlimit"
)

// maxConnections bounds the connections to the API, and ownFiles is how many
// descriptors the registry keeps for all else.
const (
	maxConnections = 4096
	ownFiles       = 64
)

// guestListener bounds the connections to the API. Beyond the bound those go that
// nothing was asked on, or nothing is asked any more: nodes have to get through,
// however many others connect and leave it at that.
type guestListener struct {
	net.Listener
	set *connset.Set
}

func newGuestListener(l net.Listener) guestListener {
	files := rlimit.Files()
	return guestListener{l, connset.New(min(maxConnections, max(files-ownFiles, files/2, 1)))}
}

// Accept waits for a connection that may stay.
func (l guestListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.set.Add(conn) {
			return &guest{Conn: conn, set: l.set}, nil
		}
		if err := conn.Close(); err != nil {
			return nil, err
		}
	}
}

// guest is a connection to the API.
type guest struct {
	net.Conn
	set *connset.Set

	mu       sync.Mutex // guards what follows, and the order of its changes
	requests int        // under way
}

// Close closes the connection.
func (g *guest) Close() error {
	g.set.Remove(g.Conn)
	return g.Conn.Close()
}

// begin notes that a request has begun.
func (g *guest) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.requests++; g.requests == 1 {
		g.set.Busy(g.Conn)
	}
}

// end notes that a request has ended.
func (g *guest) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.requests--; g.requests == 0 {
		g.set.Idle(g.Conn)
	}
}

// guestKey is that of a request's guest in its context.
type guestKey struct{}

func withGuest(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, guestKey{}, conn)
}

// attended notes on a connection that it has requests under way.
func attended(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if g, ok := req.Context().Value(guestKey{}).(*guest); ok {
			g.begin()
			defer g.end()
		}
		next.ServeHTTP(w, req)
	})
}
