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
	owing    map[uint64]owing
	sent     []sent
	peers    []link.Status
}

// beatNews is what the registry should hear of at once.
type beatNews struct {
	view, wedged, installed uint64
	ready, eased            bool
	links                   int
}

func (m *Member) news() beatNews {
	news := beatNews{
		view: m.core.View().ID, wedged: m.core.Attempt(), installed: m.core.Installed(),
		ready: m.joiner.ready, eased: m.eased(),
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
	feed, rate := m.feeding()
	b.last, b.told = now.Steady, m.news()
	m.host.Beat(&Beat{
		From: m.From(),
		Report: membership.Report{
			View: b.told.view, Wedged: b.told.wedged, Installed: b.told.installed,
			Ready: b.told.ready, Observed: m.joiner.donor.Incarnation,
			Fetched: m.core.Fetched(), Acked: m.acked(), Lag: m.lag(now.Steady), Eased: b.told.eased,
			Feed: feed, FeedRate: rate,
			Peers:   m.peersHeard(now.Steady),
			Figures: membership.Figures{Position: m.core.Position(), Queue: uint32(m.core.Pending() + m.core.HeldBack())},
		},
		At: now, back: m.leases.back,
	})
}

// From is who this incarnation is to the registry.
func (m *Member) From() membership.From {
	return membership.From{ID: m.self.ID, Incarnation: m.self.Incarnation, Group: m.group, Generation: m.generation, Key: m.directive.keys[m.self.Incarnation]}
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
		b.oldest, b.since, b.owing = oldest, now, nil
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
			silent = max(silent, b.owes(p, now, m.reader.Detection()))
		}
		if b.accused[p.Incarnation] {
			silent = max(silent, m.reader.Detection())
		}
		peers = append(peers, membership.Peer{Incarnation: p.Incarnation, Silent: max(silent, 0)})
	}
	return peers
}

// owing is for how long a peer has owed an answer, and what may be ahead of that.
type owing struct {
	end     uint64        // of the link's stream when the answer was first missed
	arrived bool          // what was before that has reached the peer
	owed    time.Duration // at the last look; below 0: it has so much time left
	looked  time.Duration
	came    uint64 // bytes from the peer at the last look
	ahead   uint64 // of those may have been ahead of the answer
}

// leastRate is the bandwidth, in bytes a second and each direction, below which a link
// counts as cut.
const leastRate = 64 << 10

// mostAhead bounds the bytes of a peer that are taken to be ahead of its answer: those of
// its own messages under way, which are 4 MiB and one message at most, of a value of 16 MiB or
// so.
const mostAhead = 32 << 20

// timeFor is how long bytes take at leastRate.
func timeFor(bytes uint64) time.Duration { return time.Duration(bytes) * time.Second / leastRate }

// owes returns for how long a peer has owed the answer to the oldest PROPOSE. Links are slow
// under load, so what is ahead of the answer has its time, at leastRate: until the PROPOSE is
// known to have reached the peer, what had to reach it, and as much back. And what comes from
// the peer: the answer, and the word that the PROPOSE is there, may be behind it. Bytes that
// come faster give it no more time than so long after the last: a peer that is stuck is soon
// known, and a connection that loses packets may pause.
func (b *heartbeat) owes(p *link.Status, now, pause time.Duration) time.Duration {
	if planted.On(planted.SlowIsSilent) {
		return now - b.since
	}
	w, ok := b.owing[p.Incarnation]
	if !ok {
		w = owing{end: p.End, owed: now - b.since - timeFor(2*uint64(p.KeptBytes)), looked: now, came: p.Came}
	}
	confirmed := p.End - uint64(p.KeptBytes)
	switch {
	case !w.arrived && (confirmed >= w.end || p.End < w.end):
		w.arrived = true
		if ok {
			w.owed = 0
		}
	case ok:
		w.pass(p.Came, now, pause)
	}
	w.looked, w.came = now, p.Came
	if b.owing == nil {
		b.owing = map[uint64]owing{}
	}
	b.owing[p.Incarnation] = w
	return w.owed
}

// pass lets time pass since the last look.
func (w *owing) pass(came uint64, now, pause time.Duration) {
	w.owed += now - w.looked
	if came < w.came {
		return // the link is another one
	}
	bytes := min(came-w.came, mostAhead-w.ahead)
	w.ahead += bytes
	w.owed = max(min(w.owed, -pause), w.owed-timeFor(bytes))
}

// sent is a message of this member, and when it was first seen to be under way.
type sent struct {
	seq uint64
	at  time.Duration
}

// lag returns for how long the oldest message of this member that is not delivered has
// been under way, as heartbeats have seen it: a flush would take about as long.
func (m *Member) lag(now time.Duration) time.Duration {
	b := &m.beat
	oldest, newest := m.core.UnderWay()
	b.sent = slices.DeleteFunc(b.sent, func(s sent) bool { return s.seq < oldest || s.seq > newest })
	if oldest == 0 {
		return 0
	}
	if len(b.sent) == 0 || b.sent[len(b.sent)-1].seq < newest {
		b.sent = append(b.sent, sent{newest, now})
	}
	return now - b.sent[0].at
}

// eased tells whether the member was told to ease, and has.
func (m *Member) eased() bool {
	if !m.directive.latest.Ease {
		return false
	}
	oldest, newest := m.core.UnderWay()
	return oldest == newest
}

// acked returns the attempt whose cut this node has acknowledged, 0 if there is none.
func (m *Member) acked() uint64 {
	if !m.core.CutAcknowledged() {
		return 0
	}
	return m.core.Attempt()
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
	m.grant(now)
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

// grant lets the core send what the pace allows, at most what it allows in a second at once.
func (m *Member) grant(now time.Duration) {
	pace := m.directive.latest.Pace
	if bytes := int(float64(pace) * (now - m.granted).Seconds()); bytes > 0 {
		m.core.Grant(bytes, int(pace))
		m.granted = now
	}
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
