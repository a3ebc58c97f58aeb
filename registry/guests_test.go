package registry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/seed-8247e700/dsm/internal/connset"
	"github.com/seed-8247e700/dsm/registry/membership"

	"github.com/seed-8247e700/dsm/registry/keeper"
)

// Connections that nothing is asked on keep no node out, and no watch that is open
// has to go for them.
func TestGuestsThatAskNothing(t *testing.T) {
	f := start(t, "", Settings{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const limit = 3
	guests := guestListener{l, connset.New(limit)}
	server := f.newServer()
	served := make(chan error, 1)
	go func() { served <- server.Serve(guests) }()
	f.client = dial(t, l.Addr().String())
	n := f.node(t, "n1")
	directives := make(chan *membership.Directive, 16)
	watching := make(chan error, 1)
	ctx, unwatch := context.WithCancel(t.Context())
	defer unwatch()
	go func() {
		watching <- f.client.Watch(ctx, n.from,
			func(d *membership.Directive) { directives <- d })
	}()
	<-directives
	watch := func() *keeper.Watch {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.keeper.Watching(n.from.Incarnation)
	}
	first := watch()
	var idle []net.Conn
	for range 10 * limit {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, conn)
		defer conn.Close()
	}
	if _, err := f.client.Heartbeat(t.Context(), n.from, &n.report); err != nil {
		t.Errorf("a heartbeat: %v", err)
	}
	// Another client gets in as well, and the first of those that are idle had to go.
	response, err := http.Get("http://" + l.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("status %d, %v", response.StatusCode, err)
	}
	if _, err := io.Copy(io.Discard, idle[0]); err != nil {
		t.Logf("the first ended: %v", err)
	}
	if first == nil || watch() != first {
		t.Error("the watch had to begin anew")
	}
	unwatch()
	if err := <-watching; !errors.Is(err, context.Canceled) {
		t.Errorf("the watch ends with %v", err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("the server ends with %v", err)
	}
}
