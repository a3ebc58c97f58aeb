package server

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// heartbeat is what the protocol loop tells the registry. The loop makes each
// one itself, so that a loop that is stuck is silent; a goroutine sends them.
// The fields belong to the owner of the turn.
type heartbeat struct {
	last     time.Time
	told     beatNews
	outgoing chan sentBeat // the newest only

	oldest   uint64 // own message that awaited PROPOSALs at the last look
	since    time.Time
	awaiting []isis.MemberID
	entered  time.Time       // the view
	accused  map[uint64]bool // by incarnation: broke the protocol in this view
}

// sentBeat is a heartbeat, and when the loop sent it.
type sentBeat struct {
	report membership.Report
	at     moment
}

// timing is what a registry that is started again may change for nodes that run.
type timing struct{ detection, heartbeat atomic.Int64 } // time.Duration

func (t *timing) follow(s *membership.Settings) {
	t.detection.Store(int64(s.Detection))
	t.heartbeat.Store(int64(s.Heartbeat))
}

// linkPings is how often links ping, which is most of what an idle node does. Links
// keep it.
func linkPings(detection time.Duration) time.Duration {
	return min(max(detection/10, 20*time.Millisecond), 200*time.Millisecond)
}

// silentPings is for how many of these nothing may be heard on a connection, half the
// detection time or a second, before it is made anew, and its peer counts as failed.
const silentPings = 5

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// beatNews is what the registry should hear of at once.
type beatNews struct {
	view, wedged, installed uint64
	ready                   bool
	links                   int
}

func (r *replica) beatNews() beatNews {
	news := beatNews{
		view: r.core.View().ID, wedged: r.core.Attempt(), installed: r.core.Installed(),
		ready: r.observer.ready,
	}
	if r.core.Phase() == isis.Observing {
		for _, p := range r.net.Peers() {
			if p.Connected {
				news.links++
			}
		}
	}
	return news
}

// beatIfNews sends a heartbeat ahead of time when something has changed that
// the registry waits for.
func (r *replica) beatIfNews() {
	if news := r.beatNews(); news != r.beat.told {
		r.sendBeat(time.Now())
	}
}

// sendBeat hands a heartbeat to the goroutine that sends, in place of one that
// it has not taken yet.
func (r *replica) sendBeat(now time.Time) {
	b := &r.beat
	at := rightNow()
	b.last, b.told = now, r.beatNews()
	report := membership.Report{
		View: b.told.view, Wedged: b.told.wedged, Installed: b.told.installed,
		Ready: b.told.ready, Observed: r.observer.donor.Incarnation,
		Peers: r.peersHeard(now), Position: r.core.Position(),
		Clients: uint32(r.clients.len()), Queue: uint32(r.core.Pending() + r.core.HeldBack()),
	}
	select {
	case <-b.outgoing:
	default:
	}
	b.outgoing <- sentBeat{report: report, at: at}
}

// peersHeard tells since when each peer is silent: nothing came from it, or it
// owes an answer to a PROPOSE. A node that observes lists proved links only, a
// member all other members, whose silence counts from the view's beginning.
func (r *replica) peersHeard(now time.Time) []membership.Peer {
	b := &r.beat
	var oldest uint64
	oldest, b.awaiting = r.core.Unanswered(b.awaiting[:0])
	if oldest != b.oldest {
		b.oldest, b.since = oldest, now
	}
	statuses := r.net.Peers()
	peers := make([]membership.Peer, 0, len(statuses))
	view := r.core.View()
	for _, p := range statuses {
		if r.core.Phase() == isis.Observing && !p.Connected || view.ID != 0 && view.Rank(p.MemberID) < 0 {
			continue
		}
		heard := later(p.LastHeard, b.entered)
		if heard.IsZero() {
			heard = now // the handshake was heard, a moment ago
		}
		silent := now.Sub(heard)
		for _, m := range b.awaiting {
			if m == p.MemberID {
				silent = max(silent, now.Sub(b.since))
			}
		}
		if b.accused[p.Incarnation] {
			silent = max(silent, r.detection())
		}
		peers = append(peers, membership.Peer{Incarnation: p.Incarnation, Silent: max(silent, 0)})
	}
	return peers
}

// pulse drives what depends on time, in the protocol loop.
func (r *replica) pulse(ctx context.Context) {
	const joining, serving = 10 * time.Millisecond, 125 * time.Millisecond
	timer := time.NewTimer(joining)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-r.leases.doubts:
		}
		r.post(func() {
			now := time.Now()
			r.pulsed = now
			r.lapseIfDue()
			r.probeIfDue()
			r.expireReads(now)
			r.expireListings(now)
			r.expireWrites(now)
			r.orderTime(now)
			r.verify()
			if now.Sub(r.beat.last) >= time.Duration(r.timing.heartbeat.Load()) {
				r.sendBeat(now)
			}
		})
		if r.inView.Load() {
			// Half an interval, lest a heartbeat is late by a whole pulse.
			interval := time.Duration(r.timing.heartbeat.Load())
			timer.Reset(max(min(serving, interval/2), time.Millisecond))
		} else {
			timer.Reset(joining)
		}
	}
}

// sendHeartbeats sends what the loop hands over, and takes the answers to it.
func (r *replica) sendHeartbeats(ctx context.Context, client registryClient) {
	var trouble registryTrouble
	for {
		var beat sentBeat
		select {
		case <-ctx.Done():
			return
		case beat = <-r.beat.outgoing:
		}
		callCtx, cancel := context.WithTimeout(ctx, r.detection())
		d, err := client.Heartbeat(callCtx, r.from(), &beat.report)
		cancel()
		switch {
		case err == nil:
			trouble.over(r.log)
			r.post(func() { r.takeVouch(d, beat); r.directed(d) })
		case ctx.Err() != nil:
			return
		case errors.Is(err, registry.ErrOtherGeneration), planted.On(planted.ObeysOtherGroup) && errors.Is(err, registry.ErrOtherGroup):
			r.post(func() { r.fail(errGeneration) })
		default:
			trouble.tell(r.log, err, r.rescue(), time.Now())
			if !r.inView.Load() {
				r.waits("waits for its registry: " + err.Error())
			}
		}
	}
}

// from is who this incarnation is to the registry.
func (r *replica) from() membership.From {
	return membership.From{ID: r.self.ID, Incarnation: r.self.Incarnation, Group: r.group, Generation: r.generation}
}

// accuse reports a member that breaks the protocol as one that is not heard, so
// that the group goes on without one of the two. Owner only.
func (r *replica) accuse(peer isis.MemberID, err error) {
	if r.beat.accused[peer.Incarnation] {
		return
	}
	r.log.Error("a peer breaks the protocol", "peer", peer.ID, "peer_incarnation", peer.Incarnation, "err", err)
	if r.beat.accused == nil {
		r.beat.accused = map[uint64]bool{}
	}
	r.beat.accused[peer.Incarnation] = true
}

// registryClient is what a node needs of the registry.
type registryClient interface {
	Register(context.Context, membership.Registration) (incarnation uint64, d *membership.Directive, err error)
	Heartbeat(context.Context, membership.From, *membership.Report) (*membership.Directive, error)
	Watch(context.Context, membership.From, func(*membership.Directive)) error
	Leave(ctx context.Context, from membership.From, force bool, reason string) error
	Close()
}

// watch takes the directives that the registry pushes. A registry that refuses to
// push any, such as one of another group, is asked again: it may be replaced by
// the right one.
func (r *replica) watch(ctx context.Context, client registryClient) {
	warned := false
	for pause := leastPause; ; pause = min(2*pause, mostPause) {
		err := client.Watch(ctx, r.from(), func(d *membership.Directive) {
			warned, pause = false, leastPause
			r.post(func() { r.directed(d) })
		})
		if err == nil || ctx.Err() != nil {
			return
		}
		if !warned {
			warned = true
			r.log.Warn("the registry pushes no directives, answers to heartbeats take their place until it does", "err", err)
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}
