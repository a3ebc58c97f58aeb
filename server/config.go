package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strings"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/hostport"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// Delivery is a message as it was delivered: Count commands of one sender, at the
// consecutive positions of the group's order from First. Payload has the commands in the
// encoding of the nodes' protocol; Effect reports for each command whether it took effect.
// All nodes of a group have the same message at the same position.
type Delivery = wire.Delivery

// Config sets up a node. ID and Registry are required; other fields have useful zero
// values.
type Config struct {
	// ID is the name of the node, which never changes: 1 to 64 letters, digits, dots,
	// dashes and underscores. No two nodes of a group may have the same.
	ID string

	// Registry is the registry's address, host:port, or several addresses separated by
	// commas.
	Registry string

	// Listen is the address for both nodes and clients. Default "127.0.0.1:0", a free
	// port.
	Listen string

	// Listener replaces Listen: the node serves the connections that it accepts, and
	// closes it, also when Start fails. Use it if the address must be known before the
	// node starts, or if another process passes the listener on. Default: the node listens
	// at Listen.
	Listener net.Listener

	// Dial connects the node to its registry and to other nodes. It returns when its
	// context ends. Use it for tunnels and proxies; it gets names unresolved. Other nodes
	// and clients still dial the address that the node advertises. Default: TCP, to every
	// address of a name.
	Dial func(ctx context.Context, addr string) (net.Conn, error)

	// Advertise is the address, host:port, that nodes and clients dial. An address that
	// cannot be dialled, such as "0.0.0.0:7000", is an error. If a name does not resolve
	// here yet, the node logs a warning. Default: the listener's address. If that is on
	// all interfaces, such as ":7000", the default is the local address of the route to
	// the registry, with the listener's port.
	Advertise string

	// DataDir is the identity directory. It holds the last incarnation of the node, and a
	// lock which proves, when the node restarts, that its earlier incarnation has ended: on
	// the same machine, and once nobody has heard that for two heartbeat intervals. A copy
	// of it proves nothing. It holds no variables. While an incarnation cannot be recorded there, as on a full
	// disk, the node waits outside of any view and logs the reason. Default "": no
	// identity is kept. A node that died can then return only after the group has noticed
	// its silence.
	DataDir string

	// Logger receives the log of the node. The protocol loop calls it, so its handler must
	// not block. Default: slog.Default().
	Logger *slog.Logger

	// OnDeliver is called for every message in the order of delivery. The protocol loop
	// calls it, so it must not block, and must not call the Node's Status, Leave or Close,
	// which wait for the loop. The Delivery is reused after the call; its Payload and
	// Effects may be kept, and must not be changed.
	OnDeliver func(*Delivery)

	// OnSnapshot is called, like OnDeliver, when the node has loaded the group's state at
	// a position. The next delivery follows that position. A node that loads the state
	// again skips positions.
	OnSnapshot func(position uint64)

	// OnBegin is called, like OnDeliver, when the node is in the first view of a
	// generation, whose state is empty at a position. The next delivery follows that
	// position. It is at or above all positions of the group's earlier generations.
	OnBegin func(position uint64)

	// MaxValueBytes limits the size of a value. It must be the same on all nodes of a
	// group: a node with another value cannot join, and Start fails with ErrConfig.
	// Default 1 MiB, at most 16 MiB.
	MaxValueBytes int

	// MaxConns limits client connections. At the limit, a new connection replaces the
	// oldest one that has not sent a request; if there is none, the new one is refused.
	// Default 16384, or the limit of open files less 512, if that is lower.
	MaxConns int

	// MaxInFlight limits the requests in flight on a client connection. Default 16384.
	MaxInFlight int

	// MaxAdmittedBytes limits the clients' commands that are accepted and not delivered
	// yet. At the limit, the node stops reading from its clients. Default 64 MiB.
	MaxAdmittedBytes int

	// MaxLagBytes limits the bytes that wait for all subscribers of the node's deliveries
	// together. A delivery that waits for several counts once. The same limit applies again
	// to all joiners together, for each of which a delivery counts. Beyond it, the node cuts
	// off the reader that is furthest behind. Default 256 MiB.
	MaxLagBytes int

	// WatchHistory limits the bytes of the latest changes that the node keeps, so that
	// watches and scans can start at a position of the past. Nodes may have different
	// limits. Default 4 MiB, some 20,000 small changes; at least 1 MiB. More costs write throughput: at
	// 64 MiB about a tenth.
	WatchHistory int

	// MaxUnreadBytes limits the memory that the node keeps for all clients together: replies
	// and events that they have not read, requests that they have begun to send and not
	// finished, reads that wait, and deliveries for subscribers. Beyond it, the node cuts off
	// the client for which it keeps most. Default 512 MiB.
	MaxUnreadBytes int

	// LeaveTimeout bounds how long Close waits for a clean leave, before it gives up what
	// clients have submitted and is not done. Default 5 s.
	LeaveTimeout time.Duration

	// Window is the number of own messages that may be under way, and
	// MaxBatchBytes bounds one message. Defaults as of isis.Config: 2 and 1 MiB.
	Window        int
	MaxBatchBytes int

	// EventLoop makes event loops with threads of their own read the connections, on
	// Linux, instead of one goroutine for each. Use it for processes that are only a node:
	// it saves a fifth of the time of a lone write. Beside goroutines that have other
	// work, it costs more than it saves. Default false.
	EventLoop bool

	// ReadOnly is for debugging. Embedded reads and OnDeliver get copies in memory that
	// cannot be written to. A program that writes to them would otherwise damage the
	// replica; with ReadOnly it crashes, with the stack of the code that writes. If the
	// system cannot protect memory, the node logs an ERROR with the stack of the read once
	// the program has released the copy. Each copy takes two pages of memory and a system
	// call. DSM_DEBUG=readonly in the environment sets ReadOnly too. Default false:
	// nothing is copied.
	ReadOnly bool

	framePatience time.Duration // see there; tests have less
	level         uint32        // the feature level it speaks: the newest; tests have others
	lookup        client.Lookup // resolves names; nil: Dial gets names

	// For tests: another clock, and what stands before the registry.
	clock  clock.Clock
	before func(registryClient) registryClient
}

// GarbageRoom is how many bytes of garbage a process that is only a node should have room
// for, however small its heap is: see internal/gcroom.
const GarbageRoom = 32 << 20

// Errors of Start, Leave and Err.
var (
	// ErrConfig means that the Config must be changed. If Start returns it, no node runs.
	// If Err returns it, the node was excluded, returned, and found a group with limits
	// other than its own; it has stopped.
	ErrConfig = errors.New("server: configuration")

	// ErrIdentityInUse means that another process uses the identity directory. Nothing was
	// started.
	ErrIdentityInUse = errors.New("server: identity directory in use")

	// ErrClosed means that the node was closed, or has left.
	ErrClosed = fmt.Errorf("server: %w", wire.ErrNodeClosed)

	// ErrLastMember means that the node is the only member: if it left, the group's
	// variables would be lost. It continues to serve.
	ErrLastMember = errors.New("server: last member of the group")
)

func (c Config) withDefaults() Config {
	c.Registry = client.TrimAddress(c.Registry)
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:0")
	c.MaxValueBytes = cmp.Or(c.MaxValueBytes, store.DefaultMaxValueBytes)
	c.MaxConns = cmp.Or(c.MaxConns, 16384)
	c.MaxInFlight = cmp.Or(c.MaxInFlight, 16384)
	c.MaxAdmittedBytes = cmp.Or(c.MaxAdmittedBytes, 64<<20)
	c.MaxLagBytes = cmp.Or(c.MaxLagBytes, 256<<20)
	c.WatchHistory = cmp.Or(c.WatchHistory, 4<<20)
	c.MaxUnreadBytes = cmp.Or(c.MaxUnreadBytes, 512<<20)
	c.LeaveTimeout = cmp.Or(c.LeaveTimeout, 5*time.Second)
	c.Window = cmp.Or(c.Window, isis.DefaultWindow)
	c.MaxBatchBytes = cmp.Or(c.MaxBatchBytes, isis.DefaultMaxBatchBytes)
	c.framePatience = cmp.Or(c.framePatience, framePatience)
	c.level = cmp.Or(c.level, wire.LevelNewest)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.Dial == nil {
		c.lookup = client.SystemLookup
		var d net.Dialer
		c.Dial = func(ctx context.Context, addr string) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) }
	}
	return c
}

// dialRegistry returns a client of the registry.
func (c *Config) dialRegistry() (registryClient, error) {
	var dialled *registry.Client
	var err error
	if c.lookup != nil {
		dialled, err = registry.Dial(c.Registry)
	} else {
		dialled, err = registry.DialThrough(c.Registry, c.Dial)
	}
	if err != nil || c.before == nil {
		return dialled, err
	}
	return c.before(dialled), nil
}

func (c *Config) validate() error {
	if c.ID == "" || len(c.ID) > 64 || strings.Trim(c.ID, idCharacters) != "" {
		return fmt.Errorf("%w: ID %q must be 1 to 64 letters, digits, dots, dashes and underscores", ErrConfig, c.ID)
	}
	if err := c.validateAddresses(); err != nil {
		return err
	}
	bounds := []struct {
		name            string
		v, least, limit int
	}{
		{"MaxValueBytes", c.MaxValueBytes, leastMaxValueBytes, 16 << 20},
		{"MaxConns", c.MaxConns, 1, 1 << 20},
		{"MaxInFlight", c.MaxInFlight, 1, 1 << 20},
		{"MaxAdmittedBytes", c.MaxAdmittedBytes, 1, math.MaxInt / 4},
		{"MaxLagBytes", c.MaxLagBytes, 1, math.MaxInt / 4},
		{"WatchHistory", c.WatchHistory, 1 << 20, math.MaxInt / 4},
		{"MaxUnreadBytes", c.MaxUnreadBytes, 1, math.MaxInt / 4},
		{"Window", c.Window, 1, 64},
		{"MaxBatchBytes", c.MaxBatchBytes, 1, 16 << 20},
	}
	for _, b := range bounds {
		if b.v < b.least || b.v > b.limit {
			return fmt.Errorf("%w: %s %d must be from %d to %d", ErrConfig, b.name, b.v, b.least, b.limit)
		}
	}
	if c.LeaveTimeout < 0 {
		return fmt.Errorf("%w: LeaveTimeout %v must not be negative", ErrConfig, c.LeaveTimeout)
	}
	return nil
}

// leastMaxValueBytes has room for every counter.
const leastMaxValueBytes = 20

// undelivered is how many own messages for each in the window may be sent and not
// delivered yet.
const undelivered = 8

// undeliveredBytes bounds them too: as long as they have this many, one more may
// be sent.
const undeliveredBytes = 3 << 20

// maxRequestBytes bounds a frame from a client. A transaction that is too large by less than
// MaxKeyBytes is answered; a longer frame ends the connection.
func (c *Config) maxRequestBytes() int {
	return max(c.MaxValueBytes, wire.MaxTxnBytes) + wire.MaxKeyBytes + wire.RequestOverheadBytes
}

// maxRecordBytes bounds what one member sends another at once. The longest is a
// cut with all that the members of the largest view may have undelivered, which
// must get through or the view never changes. Who receives it takes memory only
// as its bytes arrive.
func (c *Config) maxRecordBytes() int {
	const head = 128 // of a message in a cut, and of a member
	message := int64(max(c.MaxBatchBytes, c.MaxValueBytes, wire.MaxTxnBytes) + 4<<10)
	member := undeliveredBytes + message + int64(head*(undelivered*c.Window+1))
	return int(min(membership.MaxNodes*member, math.MaxInt32))
}

const idCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

func (c *Config) validateAddresses() error {
	for addr := range strings.SplitSeq(c.Registry, ",") {
		if err := hostport.Dialled(addr); err != nil {
			return fmt.Errorf("%w: Registry %q: %w", ErrConfig, client.Redact(addr), err)
		}
	}
	if c.Listener == nil {
		if err := hostport.Listened(c.Listen); err != nil {
			return fmt.Errorf("%w: Listen %q: %w", ErrConfig, client.Redact(c.Listen), err)
		}
	}
	if c.Advertise != "" {
		if err := hostport.Dialled(c.Advertise); err != nil {
			return fmt.Errorf("%w: Advertise %q: %w", ErrConfig, client.Redact(c.Advertise), err)
		}
	}
	return nil
}
