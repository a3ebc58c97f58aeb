package netfault

import (
	"context"
	"errors"
	"net"
	"sync"
)

// maxRelays bounds the connections that go through a Proxy at a time; a dial
// beyond it waits.
const maxRelays = 4096

// Proxy forwards connections between named ends. Its methods may be called by
// many goroutines at once.
type Proxy struct {
	listener net.Listener
	ctx      context.Context // ends with the proxy
	cancel   context.CancelFunc
	tasks    sync.WaitGroup
	slots    chan struct{}

	mu     sync.Mutex // guards what follows
	names  map[string]string
	cuts   map[Way]*cut
	pipes  map[Way][]*pipe // that a way goes through
	relays map[*relay]struct{}
	closed bool
}

// Way is one direction between two ends.
type Way struct{ From, To string }

// cut is a way that is closed.
type cut struct {
	times  int
	healed chan struct{} // closed then
}

// Listen starts a proxy on a port of the kernel's choice that only this machine
// reaches.
func Listen() (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		listener: listener, slots: make(chan struct{}, maxRelays),
		names: make(map[string]string), cuts: make(map[Way]*cut), pipes: make(map[Way][]*pipe), relays: make(map[*relay]struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.tasks.Go(p.accept)
	return p, nil
}

// Addr is where the proxy listens, for Through.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Close breaks all connections and waits for the proxy's goroutines.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.cancel()
	for r := range p.relays {
		r.abort()
	}
	p.mu.Unlock()
	err := p.listener.Close()
	p.tasks.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil // it was closed before
	}
	return err
}

// Name says whose address addr is. An end may have several, such as one after
// another.
func (p *Proxy) Name(addr, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names[addr] = name
}

// ListenAs opens a port of the kernel's choice, whose address has the name
// before anybody can dial it.
func (p *Proxy) ListenAs(name string) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		p.Name(l.Addr().String(), name)
	}
	return l, err
}

// Cut holds what one end sends to another until Heal is called as often.
func (p *Proxy) Cut(from, to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := Way{from, to}
	if p.cuts[w] == nil {
		p.cuts[w] = &cut{healed: make(chan struct{})}
	}
	p.cuts[w].times++
}

// Heal takes back one call of Cut. It panics if there was none.
func (p *Proxy) Heal(from, to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := Way{from, to}
	c := p.cuts[w]
	if c == nil {
		panic("netfault: the way from " + from + " to " + to + " is not cut")
	}
	if c.times--; c.times == 0 {
		close(c.healed)
		delete(p.cuts, w)
	}
}

// Reset breaks all connections between two ends, whichever of them dialled, and
// returns how many there were. Neither end learns how much of what it sent
// arrived.
func (p *Proxy) Reset(a, b string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for r := range p.relays {
		if r.out == (Way{a, b}) || r.out == (Way{b, a}) {
			r.abort()
			n++
		}
	}
	return n
}

// nameOf is the name of an address.
func (p *Proxy) nameOf(addr string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if name, ok := p.names[addr]; ok {
		return name
	}
	return addr
}

// closedWay returns what is closed when the cut of a way heals, nil if there is no
// cut.
func (p *Proxy) closedWay(w Way) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.cuts[w]; c != nil {
		return c.healed
	}
	return nil
}

// pass waits until a way is open, and reports false if the context ended first.
func (p *Proxy) pass(ctx context.Context, w Way) bool {
	for {
		healed := p.closedWay(w)
		if healed == nil {
			return ctx.Err() == nil
		}
		select {
		case <-healed:
		case <-ctx.Done():
			return false
		}
	}
}
