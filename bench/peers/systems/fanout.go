package systems

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/peers/point"
)

// lengthBytes is how a value is announced to a peer, which answers it with one byte.
const lengthBytes = 4

// maxFanned bounds a value.
const maxFanned = 16 << 20

// fanOut sends each value to two processes that throw it away: the least that
// replicating it twice can take over TCP in Go.
type fanOut struct {
	processes []*cluster.Process
	peers     []*fanPeer
}

// fanPeer is a connection to a process that takes values.
type fanPeer struct {
	mu      sync.Mutex // guards writing, and the order of waiting
	conn    net.Conn
	waiting chan chan error
}

// maxWaiting is more than there are clients.
const maxWaiting = 1 << 14

func startFanOut(ctx context.Context, _ Env) (point.System, error) {
	s := &fanOut{}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *fanOut) start(ctx context.Context) error {
	for range members - 1 {
		p, addr, err := startChild(ctx, sinkChild)
		if err != nil {
			return err
		}
		s.processes = append(s.processes, p)
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		peer := &fanPeer{conn: conn, waiting: make(chan chan error, maxWaiting)}
		s.peers = append(s.peers, peer)
		go peer.receive()
	}
	return nil
}

// receive hands acknowledgements to those who wait, in order.
func (p *fanPeer) receive() {
	buf := make([]byte, 4096)
	for {
		n, err := p.conn.Read(buf)
		for range n {
			(<-p.waiting) <- nil
		}
		if err != nil {
			// A write that waits now, or begins, gets this.
			_ = p.conn.Close()
			p.mu.Lock()
			defer p.mu.Unlock()
			for len(p.waiting) > 0 {
				(<-p.waiting) <- err
			}
			return
		}
	}
}

// send writes a value, announced by its length, in one call.
func (p *fanPeer) send(frame []byte, acknowledged chan error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.conn.Write(frame); err != nil {
		return err
	}
	p.waiting <- acknowledged
	return nil
}

// Client shares the connections.
func (s *fanOut) Client(context.Context, int) (point.Client, error) {
	return &fanClient{peers: s.peers, acknowledged: make(chan error, members-1)}, nil
}

// Close ends connections and peers.
func (s *fanOut) Close() error {
	for _, p := range s.peers {
		_ = p.conn.Close() // the other end goes too
	}
	var errs []error
	for _, p := range s.processes {
		errs = append(errs, p.Stop())
	}
	return errors.Join(errs...)
}

type fanClient struct {
	peers        []*fanPeer
	acknowledged chan error
	frame        []byte
}

// Write returns when both peers have the value.
func (c *fanClient) Write(_ context.Context, _ string, value []byte) error {
	c.frame = binary.BigEndian.AppendUint32(c.frame[:0], uint32(len(value)))
	c.frame = append(c.frame, value...)
	for _, p := range c.peers {
		if err := p.send(c.frame, c.acknowledged); err != nil {
			return err
		}
	}
	var errs []error
	for range c.peers {
		errs = append(errs, <-c.acknowledged)
	}
	return errors.Join(errs...)
}

// Read is not asked for.
func (c *fanClient) Read(context.Context, string) (int, error) {
	return 0, fmt.Errorf("systems: %w: a fan-out holds no values", errors.ErrUnsupported)
}

// answerSink takes values and acknowledges each.
func answerSink(conn net.Conn) error {
	buf := make([]byte, maxFanned)
	for {
		if _, err := io.ReadFull(conn, buf[:lengthBytes]); err != nil {
			return err
		}
		n := binary.BigEndian.Uint32(buf)
		if n > maxFanned {
			return fmt.Errorf("systems: a value of %d bytes", n)
		}
		if _, err := io.ReadFull(conn, buf[:n]); err != nil {
			return err
		}
		if _, err := conn.Write(buf[:1]); err != nil {
			return err
		}
	}
}
