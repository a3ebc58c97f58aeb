package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"time"

	"github.com/seed-8247e700/dsm/internal/evloop"
	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/isis"
)

// maxIDBytes bounds a node's id, so that two of them fit into a handshake.
const maxIDBytes = 1024

// Peer is a node to be linked with, and where it listens.
type Peer = link.Peer

// Handler takes what the links bring.
type Handler interface {
	// Receive takes messages of one peer, in order, as many as one read of the
	// connection brought. Calls for one peer come one after the other, those for
	// different peers at the same time, or, with Config.Loop, one after the other
	// too. It runs on the goroutine that reads the connection, so the peer is not
	// heard while it lasts; with a loop no peer is. It may call any method of
	// Network but Close.
	//
	// The slice msgs, its elements and their Acks are reused after the call.
	// Payloads, States and Cuts, with all they refer to, belong to the callee.
	Receive(from isis.MemberID, msgs []isis.Message)
}

// Config describes a Network. Zero values mean the defaults.
type Config struct {
	Self       isis.MemberID // required
	Group      uint64        // only nodes of the same group
	Generation uint64        // and generation are linked with
	Handler    Handler       // required
	Logger     *slog.Logger  // default: discards

	// Dial connects to a peer. Default: TCP.
	Dial func(ctx context.Context, addr string) (net.Conn, error)

	// Locate returns the address to dial for a peer, within the context: of a peer
	// whose Addr stands for several addresses, that at which it answers. Default:
	// the Addr itself.
	Locate func(ctx context.Context, peer Peer) (addr string, err error)

	// Loop, if set, reads the connections. Those that it cannot adopt have a
	// goroutine each, as all have by default.
	Loop *evloop.Loop

	// MaxRecordBytes bounds one message, encoded. A larger one that is sent
	// makes its link dead; one that is received breaks its connection. Default
	// 64 MiB, and at most 4 GiB - 1.
	MaxRecordBytes int

	// MaxKeptBytes bounds what is kept for one peer until the peer confirms it.
	// A link that would exceed it is dead. Default twice MaxRecordBytes.
	MaxKeptBytes int

	// ConfirmBytes is how much a link takes before it confirms that by itself,
	// when nothing goes out that could carry the confirmation. Default 256 KiB.
	ConfirmBytes int

	// PingInterval is the longest a connection stays silent. Default 100 ms.
	PingInterval time.Duration

	// SilenceLimit is how long nothing may be heard on a connection before it
	// is taken for broken. Default 10 times PingInterval.
	SilenceLimit time.Duration

	// HandshakeTimeout bounds locating, dialling and the handshake. Default 2 s.
	HandshakeTimeout time.Duration

	// RedialMin and RedialMax are the first and the longest pause before a
	// broken connection is dialled again. Pauses double between them, and each
	// is shortened at random by up to a half. Defaults 10 ms and 500 ms.
	RedialMin, RedialMax time.Duration
}

// withDefaults returns c with every zero value replaced.
func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Dial == nil {
		var d net.Dialer
		c.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			return d.DialContext(ctx, "tcp", addr)
		}
	}
	if c.Locate == nil {
		c.Locate = func(_ context.Context, peer Peer) (string, error) { return peer.Addr, nil }
	}
	c.MaxRecordBytes = cmp.Or(c.MaxRecordBytes, 64<<20)
	c.MaxKeptBytes = cmp.Or(c.MaxKeptBytes, 2*c.MaxRecordBytes)
	c.ConfirmBytes = cmp.Or(c.ConfirmBytes, 256<<10)
	c.PingInterval = cmp.Or(c.PingInterval, 100*time.Millisecond)
	c.SilenceLimit = cmp.Or(c.SilenceLimit, 10*c.PingInterval)
	c.HandshakeTimeout = cmp.Or(c.HandshakeTimeout, 2*time.Second)
	c.RedialMin = cmp.Or(c.RedialMin, link.LeastRedial)
	c.RedialMax = cmp.Or(c.RedialMax, max(link.MostRedial, c.RedialMin))
	return c
}

// link returns what the links need to know of it.
func (c *Config) link() link.Config {
	return link.Config{
		Self: c.Self, Group: c.Group, Generation: c.Generation,
		Limits:       link.Limits{MaxRecordBytes: c.MaxRecordBytes, MaxKeptBytes: c.MaxKeptBytes},
		ConfirmBytes: c.ConfirmBytes, SilenceLimit: c.SilenceLimit, RedialMin: c.RedialMin, RedialMax: c.RedialMax,
		Random: rand.Float64,
	}
}

// validate checks a Config whose defaults are filled in.
func (c *Config) validate() error {
	switch {
	case c.Self.ID == "" || len(c.Self.ID) > maxIDBytes || c.Self.Incarnation == 0:
		return fmt.Errorf("transport: Self must have an id of 1 to %d bytes and an incarnation", maxIDBytes)
	case c.Handler == nil:
		return errors.New("transport: Handler is missing")
	case c.MaxRecordBytes < 1 || c.MaxRecordBytes > math.MaxUint32:
		return fmt.Errorf("transport: MaxRecordBytes %d is not between 1 and %d", c.MaxRecordBytes, uint32(math.MaxUint32))
	case c.MaxKeptBytes < c.MaxRecordBytes+2*link.MarkBytes:
		return fmt.Errorf("transport: MaxKeptBytes %d leaves no room for a message of %d bytes", c.MaxKeptBytes, c.MaxRecordBytes)
	case c.ConfirmBytes < 1 || c.PingInterval < 0 || c.HandshakeTimeout < 0:
		return errors.New("transport: limits must not be negative")
	case c.SilenceLimit <= c.PingInterval:
		return fmt.Errorf("transport: SilenceLimit %v must be above PingInterval %v", c.SilenceLimit, c.PingInterval)
	case c.RedialMin < 0 || c.RedialMax < c.RedialMin:
		return fmt.Errorf("transport: RedialMin %v and RedialMax %v are no range", c.RedialMin, c.RedialMax)
	}
	return nil
}
