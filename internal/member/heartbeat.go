package member

import (
	"errors"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// Beat is a heartbeat, and when the owner of the turn made it, so that an owner that is
// stuck is silent.
type Beat struct {
	From   membership.From
	Report membership.Report // without the clients, which the host knows
	At     clock.Moment

	back time.Duration // by how much the clock on the wall had been set back
}

// heartbeat is what the registry was told, and what it is to be told.
type heartbeat struct {
	last time.Duration
	told beatNews

	oldest   uint64 // own message that awaited PROPOSALs at the last look
	since    time.Duration
	awaiting []isis.MemberID
	entered  time.Duration   // the view
	accused  map[uint64]bool // by incarnation: broke the protocol in this view
	peers    []link.Status
}

// beatNews is what the registry should hear of at once.
type beatNews struct {
	view, wedged, installed uint64
	ready                   bool
	links                   int
}

func (m *Member) news() beatNews {
	news := beatNews{
		view: m.core.View().ID, wedged: m.core.Attempt(), installed: m.core.Installed(),
		ready: m.joiner.ready,
	}
	if m.core.Phase() == isis.Observing {
		m.beat.peers = m.links.AppendPeers(m.beat.peers[:0])
		for i := range m.beat.peers {
			if m.beat.peers[i].Connected {
				news.links++
			}
		}
	}
	return news
}

// beatIfNews sends a heartbeat ahead of time when something has changed that
// the registry waits for.
func (m *Member) beatIfNews() {
	if m.news() != m.beat.told {
		m.sendBeat()
	}
}

func (m *Member) sendBeat() {
	b, now := &m.beat, m.clock.Now()
	b.last, b.told = now.Steady, m.news()
	m.host.Beat(&Beat{
		From: m.From(),
		Report: membership.Report{
			View: b.told.view, Wedged: b.told.wedged, Installed: b.told.installed,
			Ready: b.told.ready, Observed: m.joiner.donor.Incarnation,
			Peers:   m.peersHeard(now.Steady),
			Figures: membership.Figures{Position: m.core.Position(), Queue: uint32(m.core.Pending() + m.core.HeldBack())},
		},
		At: now, back: m.leases.back,
	})
}

// From is who this incarnation is to the registry.
func (m *Member) From() membership.From {
	return membership.From{ID: m.self.ID, Incarnation: m.self.Incarnation, Group: m.group, Generation: m.generation}
}

// Answered takes the registry's answer to a heartbeat.
func (m *Member) Answered(b *Beat, d *membership.Directive, err error) {
	switch {
	case err == nil:
		m.takeVouch(b, d)
		m.Directed(d)
	case errors.Is(err, membership.ErrOtherGeneration), planted.On(planted.ObeysOtherGroup) && errors.Is(err, membership.ErrOtherGroup):
		m.newGeneration(nil)
	}
}

// peersHeard tells since when each peer is silent: nothing came from it, or it
// owes an answer to a PROPOSE. A node that observes lists proved links only, a
// member all other members, whose silence counts from the view's beginning.
func (m *Member) peersHeard(now time.Duration) []membership.Peer {
	b := &m.beat
	var oldest uint64
	oldest, b.awaiting = m.core.Unanswered(b.awaiting[:0])
	if oldest != b.oldest {
		b.oldest, b.since = oldest, now
	}
	b.peers = m.links.AppendPeers(b.peers[:0])
	peers := make([]membership.Peer, 0, len(b.peers))
	view := m.core.View()
	for i := range b.peers {
		p := &b.peers[i]
		if m.core.Phase() == isis.Observing && !p.Connected || view.ID != 0 && view.Rank(p.MemberID) < 0 {
			continue
		}
		heard := max(p.Heard, b.entered)
		if heard == 0 {
			heard = now // the handshake was heard, a moment ago
		}
		silent := now - heard
		if slices.Contains(b.awaiting, p.MemberID) {
			silent = max(silent, now-b.since)
		}
		if b.accused[p.Incarnation] {
			silent = max(silent, m.reader.Detection())
		}
		peers = append(peers, membership.Peer{Incarnation: p.Incarnation, Silent: max(silent, 0)})
	}
	return peers
}

// The intervals between pulses, of a joiner and of a member, unless half a heartbeat's
// interval is shorter, so that a heartbeat is not late by a whole pulse.
const (
	joinerPulse = 10 * time.Millisecond
	memberPulse = 125 * time.Millisecond
)

// pulse does what depends on time.
func (m *Member) pulse() {
	now := m.clock.Steady()
	m.pulsed = now
	m.lapseIfDue()
	m.probeIfDue()
	m.expireReads(now)
	m.expireWrites(now)
	m.orderTime(now)
	m.verify()
	if now-m.beat.last >= m.heartbeat {
		m.sendBeat()
	}
	m.armPulse()
}

func (m *Member) armPulse() {
	interval := joinerPulse
	if m.reader.inView.Load() {
		interval = max(min(memberPulse, m.heartbeat/2), time.Millisecond)
	}
	m.host.Timer(TimerPulse, interval)
}

// accuse reports a member that breaks the protocol as one that is not heard, so
// that the group goes on without one of the two.
func (m *Member) accuse(peer isis.MemberID, err error) {
	if m.beat.accused[peer.Incarnation] {
		return
	}
	m.host.Event(Accused{Peer: peer, Err: err})
	if m.beat.accused == nil {
		m.beat.accused = map[uint64]bool{}
	}
	m.beat.accused[peer.Incarnation] = true
}
