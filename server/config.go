package server

import (
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
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// Delivery is a message as it was delivered: Count commands of one sender, at the
// consecutive positions of the group's order from First. Payload has them in the
// encoding of the nodes' protocol, and Effect tells of each whether it took effect.
// All nodes of a group have the same at the same position.
type Delivery = wire.Delivery

// Config sets up a node. ID and Registry are required; zero values of the rest
// stand for the defaults.
type Config struct {
	// ID names the node for life: 1 to 64 letters, digits, dots, dashes and
	// underscores. No two nodes of a group may have the same.
	ID string

	// Registry is the registry's address, host:port, or several at which it may be
	// found, separated by commas.
	Registry string

	// Listen is the address for peers and clients alike. Default
	// "127.0.0.1:0", a port of the kernel's choice.
	Listen string

	// Listener takes the place of Listen: the node serves what it accepts, and
	// closes it, also when Start fails. So the address can be known, or be handed
	// over by whatever started the process, before the node is. Default: the node
	// listens at Listen.
	Listener net.Listener

	// Dial is how the node reaches its registry and the other nodes: those it is
	// linked with, loads its state from, and looks for where they say they are. It
	// ends with its context. For tunnels and proxies, which get names as they are; a
	// node is still found at the address that it advertises. Default: TCP, to every
	// address of a name.
	Dial func(ctx context.Context, addr string) (net.Conn, error)

	// Advertise is the address, host:port, that peers and clients dial. An address
	// that nobody can dial, such as "0.0.0.0:7000", is refused; a name that does not
	// resolve here yet is a warning in the log. Default: the listener's own; of one on
	// all interfaces, such as ":7000", the port on the address from which the registry
	// is reached.
	Advertise string

	// DataDir is the identity directory. It holds the node's last incarnation
	// and a lock that proves, when the node is started again, that the earlier
	// one is dead. It holds no variables. Default "": no identity is kept, and a
	// node that died is replaced only once the group has noticed its silence. While an
	// incarnation cannot be recorded there, as on a full disk, the node waits, in no
	// view, and logs so.
	DataDir string

	// Logger takes what the node has to say. It is called from the protocol loop:
	// its handler must not block. Default: slog.Default().
	Logger *slog.Logger

	// OnDeliver is called for every message in the order of delivery, from the
	// protocol loop: it must not block, and must not call the Node's Status, Leave
	// or Close, which wait for the loop. The Delivery is reused after the call; its
	// Payload and Effects may be kept, and must not be changed.
	OnDeliver func(*Delivery)

	// OnSnapshot is called, like OnDeliver, when the node has loaded the group's
	// state at a position: the next delivery follows it. A node that had to load
	// again skips positions.
	OnSnapshot func(position uint64)

	// OnBegin is called, like OnDeliver, when the node is in the first view of a
	// generation, whose state is empty at a position: the next delivery follows it. It
	// is at or above all positions of the group's earlier generations.
	OnBegin func(position uint64)

	// MaxValueBytes bounds a value. It must be the same on all nodes of a group: a
	// node with another one cannot join, and Start fails with ErrConfig. Default 1 MiB, at most 16 MiB.
	MaxValueBytes int

	// MaxConns bounds client connections. Beyond it a new one takes the place of
	// the oldest on which nothing was asked yet, and is refused if there is none.
	// Default 16384, or what the system allows in open files, less 512.
	MaxConns int

	// MaxInFlight bounds the requests in flight on a client connection. Default
	// 16384.
	MaxInFlight int

	// MaxAdmittedBytes bounds the commands that were taken from clients and are
	// not delivered yet. Beyond it the node reads no more from its clients.
	// Default 64 MiB.
	MaxAdmittedBytes int

	// MaxLagBytes bounds what waits for the clients that read the node's
	// deliveries, all together, and as much again may wait for joiners. Beyond it
	// the one that is furthest behind is cut off. Default 256 MiB.
	MaxLagBytes int

	// MaxUnreadBytes bounds the replies that wait for clients which do not read
	// them, all together. Beyond it the one that is furthest behind is cut off.
	// Default 256 MiB.
	MaxUnreadBytes int

	// LeaveTimeout bounds how long Close waits for a clean leave. Default 5 s.
	LeaveTimeout time.Duration

	// Window is the number of own messages that may be under way, and
	// MaxBatchBytes bounds one message. Defaults 2 and 1 MiB.
	Window        int
	MaxBatchBytes int

	// EventLoop has connections read by event loops with threads of their own, on
	// Linux, instead of by a goroutine each. It is for processes that are nothing but
	// a node, where it saves a fifth of a lone write's time. Next to goroutines that
	// have other work to do it costs more than it saves. Default false.
	EventLoop bool

	// ReadOnly is for debugging: embedded reads, and OnDeliver, get copies in memory
	// that cannot be written to. A program that writes to them, which would damage the
	// replica's own bytes otherwise, crashes with the stack of the code that writes.
	// Where the system cannot protect memory, the node logs an ERROR with the stack of
	// the read, once the program has let go of the copy. Each copy takes two pages of
	// memory and a system call. DSM_DEBUG=readonly in the environment sets it as well.
	// Default false: nothing is copied.
	ReadOnly bool

	framePatience time.Duration // see there; tests have less
	lookup        client.Lookup // resolves names; nil: Dial gets names

	// For tests: another clock, and what stands before the registry.
	clock  clock.Clock
	before func(registryClient) registryClient
}

// GarbageRoom is how much garbage, in bytes, a process that is nothing but a node
// should have room for, however little it holds: see internal/gcroom.
const GarbageRoom = 32 << 20

// Errors of Start, Leave and Err.
var (
	// ErrConfig is wrapped by errors that a change of the Config mends. From Start
	// it says that no node runs. From Err it says that the node, back after it was
	// excluded, found a group with other limits than its own, and has stopped.
	ErrConfig = errors.New("server: configuration")

	// ErrIdentityInUse says that another process holds the identity directory.
	// Nothing was started.
	ErrIdentityInUse = errors.New("server: identity directory in use")

	// ErrClosed says that the node was closed, or has left.
	ErrClosed = fmt.Errorf("server: %w", wire.ErrNodeClosed)

	// ErrLastMember says that the node is the only member and would take the
	// group's variables with it. It goes on serving.
	ErrLastMember = errors.New("server: last member of the group")
)

func (c Config) withDefaults() Config {
	c.Registry = client.TrimAddress(c.Registry)
	setDefault(&c.Listen, "127.0.0.1:0")
	setDefault(&c.MaxValueBytes, 1<<20)
	setDefault(&c.MaxConns, 16384)
	setDefault(&c.MaxInFlight, 16384)
	setDefault(&c.MaxAdmittedBytes, 64<<20)
	setDefault(&c.MaxLagBytes, 256<<20)
	setDefault(&c.MaxUnreadBytes, 256<<20)
	setDefault(&c.LeaveTimeout, 5*time.Second)
	setDefault(&c.Window, 2)
	setDefault(&c.MaxBatchBytes, 1<<20)
	setDefault(&c.framePatience, framePatience)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
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

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
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
const undeliveredBytes = 4 << 20

// maxRecordBytes bounds what one member sends another at once. The longest is a
// cut with all that the members of the largest view may have undelivered, which
// must get through or the view never changes. Who receives it takes memory only
// as its bytes arrive.
func (c *Config) maxRecordBytes() int {
	const head = 128 // of a message in a cut, and of a member
	message := int64(max(c.MaxBatchBytes, c.MaxValueBytes) + 4<<10)
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
