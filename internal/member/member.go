package member

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// Config describes a Member. Its fields are required unless they say otherwise.
type Config struct {
	// Core describes the protocol's state. Core.Self is who the member is, and
	// Core.Base where the positions of the generation begin.
	Core isis.Config

	Group, Generation uint64
	Settings          membership.Settings // of the start; times follow the group's
	Limits            store.Limits        // the same in all members

	// HistoryBytes bounds the changes that the state keeps for watches and for reads at a
	// position of the past: see store.Store.KeepHistory. Members may have different bounds.
	HistoryBytes int

	// MaxLagBytes bounds the deliveries that a joiner keeps while the state comes,
	// beside as many bytes as have come of it.
	MaxLagBytes int

	// ChunkBytes is the size of a snapshot's chunks. Default 256 KiB less a header.
	ChunkBytes int

	// Clock is the member's clock. Default: the machine's.
	Clock clock.Clock

	Links Links
	Host  Host

	// Doubt is called, by any goroutine, when a reader finds that the lease has run out
	// by the clock on the wall alone. A pulse at once, Fire(TimerPulse), is the right
	// answer. It must not block.
	Doubt func()
}

// Member is one incarnation of a node in one generation of its group.
type Member struct {
	self       isis.MemberID
	group      uint64
	generation uint64
	limits     store.Limits
	clock      clock.Clock
	links      Links
	host       Host
	reader     *Reader // an allocation of its own: what the owner writes shares no cache line with it

	hurt bool // damage was found at some time

	historyBytes int
	maxLagBytes  int
	chunkBytes   int
	heartbeat    time.Duration // the interval

	core      *isis.Node
	waiting   waiters
	released  int // bytes of commands delivered or refused in this turn
	parked    parking
	barrier   *barrier // the latest
	submitted uint64   // commands given to the core
	outcome   store.Outcome
	reply     wire.Reply // that is being given
	delivers  bool
	delivery  wire.Delivery
	audits    audits
	due       due
	failed    error // the member ends with the turn

	leases    leases
	directive directives
	waited    string // what it waits for by the registry's word
	beat      heartbeat
	joiner    joiner
	leave     leave
	ordinal   ordinalClock
	ackArmed  bool
	giving    []*Donor      // to joiners, the newest for each
	pulsed    time.Duration // the last pulse
	granted   time.Duration // the last credit of a pace
}

// New returns a member that is in no view yet.
func New(cfg Config) *Member {
	m := &Member{
		self: cfg.Core.Self, group: cfg.Group, generation: cfg.Generation, limits: cfg.Limits,
		clock: cfg.Clock, links: cfg.Links, host: cfg.Host,
		reader:       &Reader{clock: cfg.Clock, doubt: cfg.Doubt},
		historyBytes: cfg.HistoryBytes, maxLagBytes: cfg.MaxLagBytes, chunkBytes: cfg.ChunkBytes,
		core:      isis.New(cfg.Core),
		directive: directives{members: map[uint64]membership.Member{}, keys: map[uint64]membership.Key{}},
		parked:    newParking(),
		joiner:    joiner{wait: leastJoinPause},
		ordinal:   ordinalClock{tick: cfg.Settings.Tick, audit: cfg.Settings.Audit},
	}
	if m.chunkBytes == 0 {
		m.chunkBytes = snapshotChunkBytes
	}
	m.pulsed = m.clock.Steady()
	m.follow(&cfg.Settings)
	s := store.NewAt(cfg.Core.Base, cfg.Limits)
	s.KeepHistory(cfg.HistoryBytes)
	m.reader.state.Store(s)
	return m
}

// Start begins, with the registry's first directive. It is called once, in the first
// turn.
func (m *Member) Start(first *membership.Directive) {
	m.Directed(first)
	m.armPulse()
	m.join()
}

// Reader returns what goroutines that do not own the turn have of the member.
func (m *Member) Reader() *Reader { return m.reader }

// follow takes the times that a registry which is started again may change for nodes
// that run.
func (m *Member) follow(s *membership.Settings) {
	m.heartbeat = s.Heartbeat
	if detection := int64(s.Detection); m.reader.detection.Load() != detection {
		m.reader.detection.Store(detection)
	}
	m.ordinal.quota = quotaOf(s)
}

// quotaOf is the quota that settings ask for, nil if they are of a registry that knows none.
func quotaOf(s *membership.Settings) *store.Quota {
	if s.QuotaBytes == 0 || s.QuotaVariables == 0 {
		return nil
	}
	bound := func(n int64) uint64 {
		if n == membership.NoQuota {
			return 0
		}
		return uint64(n)
	}
	return &store.Quota{Bytes: bound(s.QuotaBytes), Variables: bound(s.QuotaVariables)}
}

// Fail ends the member at the end of this turn.
func (m *Member) Fail(reason error) {
	if m.failed == nil {
		m.failed = reason
	}
}

// End answers all that waits, once a turn has said that the member has ended. rest is
// what came too late for it. The outcome of commands under way is unknown here: the group
// may deliver them.
func (m *Member) End(rest *Inbox) {
	m.reader.inView.Store(false)
	for {
		p, ok := m.waiting.take()
		if !ok {
			break
		}
		m.answer(p.Ticket, p.size, wire.Reply{Status: wire.StatusInterrupted})
	}
	for i := range rest.commands {
		c := &rest.commands[i]
		m.answer(c.Ticket, c.end-c.start, wire.Reply{Status: wire.StatusUnavailable})
	}
	m.refuseReads()
}
