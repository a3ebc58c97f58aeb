package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
)

// maxViewBytes bounds a registry's answer.
const maxViewBytes = 1 << 20

// ErrNoServers says that the registry knows no member of the group now.
var ErrNoServers = errors.New("client: the registry knows no members: start a server, or wait until one has joined")

// View is the group as its registry publishes it, in the JSON
// of protocol buffers.
type View struct {
	Group      uint64 `json:"group,string"`
	Generation uint64 `json:"generation,string"`
	View       struct {
		ID      uint64   `json:"id,string"`
		Members []Member `json:"members"`
	} `json:"view"`
}

// Member is a member of a View.
type Member struct {
	ID          string `json:"id"`
	Incarnation uint64 `json:"incarnation,string"`
	PeerAddr    string `json:"peerAddr"`
	ClientAddr  string `json:"clientAddr"`
}

// Discover asks the registry for the current view, by a plain GET at all of its
// addresses at once. A view with members wins; one without counts if there is no
// other.
func Discover(ctx context.Context, addrs []string, o Options) (View, error) {
	o = o.withDefaults()
	var mu sync.Mutex // guards empty
	var empty *View
	view, err := FirstOf(ctx, o.Lookup, addrs, AtOnce, Stagger, func(ctx context.Context, addr string) (View, error) {
		view, err := discover(ctx, addr, o)
		if err != nil && ctx.Err() == nil && !isDialError(err) {
			if wrong := notRegistry(ctx, addr, err, o); wrong != nil {
				return View{}, wrong
			}
		}
		if err != nil {
			return View{}, fmt.Errorf("client: asking the registry at %s for the view: %w", addr, err)
		}
		if len(view.View.Members) == 0 {
			mu.Lock()
			defer mu.Unlock()
			empty = &view
			return View{}, ErrNoServers
		}
		return view, nil
	})
	if err != nil && empty != nil {
		return *empty, nil
	}
	return view, err
}

// RegistryHost is the Host of requests to a registry, by whatever address they get there: a
// registry refuses requests for names that it does not know.
const RegistryHost = "registry"

func discover(ctx context.Context, addr string, o Options) (View, error) {
	// A view is asked for rarely, so no connection is kept, and no proxy is
	// asked for what stands beside us. Left to itself the transport would go on
	// dialling, for a connection that nobody wants, when the context has ended.
	dial := func(_ context.Context, network, addr string) (net.Conn, error) {
		return o.DialContext(ctx, network, addr)
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/v1/view", nil)
	if err != nil {
		return View{}, err
	}
	request.Host = RegistryHost
	response, err := client.Do(request)
	if err != nil {
		return View{}, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxViewBytes+1))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return View{}, err
	}
	switch {
	case response.StatusCode >= http.StatusInternalServerError: // it, or what stands before it, has troubles
		return View{}, fmt.Errorf("it answers %s", response.Status)
	case response.StatusCode != http.StatusOK:
		return View{}, &answerError{"it answers " + response.Status}
	}
	if len(body) > maxViewBytes {
		return View{}, &answerError{fmt.Sprintf("it answers with more than %d bytes", maxViewBytes)}
	}
	return viewOf(body)
}

// isDialError reports whether no connection was made.
func isDialError(err error) bool {
	var failed *net.OpError
	var unknown *net.DNSError
	return errors.As(err, &failed) && failed.Op == "dial" || errors.As(err, &unknown)
}

// Find returns the addresses of the servers that the name stands for: those
// that it lists, or the members that its registry names.
func (d DSN) Find(ctx context.Context, o Options) ([]string, error) {
	if len(d.Registries) == 0 {
		return d.Servers, nil
	}
	view, err := Discover(ctx, d.Registries, o)
	if err != nil {
		return nil, err
	}
	var servers []string
	for _, m := range view.View.Members {
		if m.ClientAddr != "" {
			servers = append(servers, m.ClientAddr)
		}
	}
	if len(servers) == 0 {
		return nil, ErrNoServers
	}
	return servers, nil
}
