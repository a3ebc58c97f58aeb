package sim

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/sim/wires"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// world is one simulated group with all that surrounds it.
type world struct {
	wires.Time
	options Options
	traits  traits
	knobs   Knobs
	counts  Counts
	seed    uint64
	random  sources

	network   *wires.Network
	hosts     []*host
	processes []*process // all that ever ran
	replicas  []*replica // by incarnation, the latest of each; 0 is nil
	byAddr    map[string]*process
	bound     map[*wires.Conn]*replica // which incarnation serves a client's connection
	registry  *registry
	clients   []*client
	orders    []*order        // by generation, from 1
	told      map[told]uint64 // generation
	chain     chain
	thefts    uint64   // that were tried
	finders   []string // checks of dsmbench that have found something

	ambushes Faults // that wait for a process to come to a certain point
	deaf     []int  // sites that were
	deafMany bool   // several at a time
	healed   bool   // faults have stopped
	draining bool   // clients begin nothing more
	counter  bool   // processes may use the counters of their processors

	frame    []byte       // that was measured last
	stays    []wires.Rate // of slow links and ports, to the end
	healedAt time.Duration
	wedgedAt time.Duration // when the first attempt after the committed view began, 0: there is none
	longest  time.Duration // detection time of any registry so far
	jumps    []jump        // of members' steady clocks
}

func newWorld(seed uint64, options Options) *world {
	w := &world{
		options: options, seed: seed, random: newSources(seed),
		byAddr: make(map[string]*process), bound: make(map[*wires.Conn]*replica), replicas: make([]*replica, 1), told: make(map[told]uint64),
	}
	w.traits = drawTraits(w.random.traits, options)
	w.traits.drawTxns(w.random.txns, options)
	w.traits.drawUpdates(w.random.updates)
	w.traits.drawWatches(w.random.watches)
	w.traits.drawTTLs(w.random.ttls, options)
	w.traits.drawOwners(w.random.owners, options)
	w.traits.drawQuotas(w.random.quotas, options)
	w.traits.drawSessions(w.random.sessions, options)
	w.traits.drawBandwidth(w.random.bandwidth, options)
	w.longest = w.traits.detection
	w.knobs = drawKnobs(w.random.knobs, options.Knobs)
	w.counts.knobs(&w.knobs, w.traits.nodes)
	return w
}

// begin starts the registry, the nodes and the clients.
func (w *world) begin() {
	t := &w.traits
	w.planClocks()
	w.network = wires.NewNetwork(wires.Config{
		Time: &w.Time, Delays: w.random.delays, Tears: w.random.tears, Sites: t.nodes + 2 + t.clients,
		Latency: t.latency, Jitter: t.jitter, Spikes: t.spikes, Spike: t.spike, KeepAlive: 20 * t.detection,
		Buffer: t.bandwidth.buffer,
	})
	w.narrowPorts()
	w.registry = newRegistry(w)
	for i := range t.nodes {
		h := &host{w: w, site: i, id: string(rune('a' + i)), port: 1}
		w.hosts = append(w.hosts, h)
		at := time.Duration(w.random.starts.Int64N(int64(t.detection / 8)))
		if i >= t.early {
			at = time.Duration(w.random.starts.Int64N(int64(t.horizon/2) + 1))
		}
		w.At(at, func() { h.start(true) })
	}
	for i := range t.clients {
		c := newClient(w, i, t.nodes+2+i)
		w.clients = append(w.clients, c)
		w.At(time.Duration(c.random.Int64N(int64(t.detection))), c.next)
		w.At(t.sessionTTL/3, c.renew)
		c.keepUp()
		w.At(t.detection/2, c.look)
		w.At(t.detection/2, c.update)
	}
	if w.leaks() {
		w.At(t.detection, w.clients[0].leak)
	}
	w.planFaults()
	w.planSlowness()
	w.planDamage()
	w.planThefts()
}

// The places on the network beside those of the hosts: the registry's, and that
// of the second process of an id.
func (w *world) registrySite() int { return w.traits.nodes }
func (w *world) twinSite() int     { return w.traits.nodes + 1 }

// maxEvents bounds a run. None that is well comes near it.
const maxEvents = 3_000_000

// step lets the next event happen.
func (w *world) step() {
	w.counts.Events++
	if w.counts.Events > maxEvents {
		w.fail("progress: %d events, and no end", maxEvents)
	}
	w.Step()
}

func (w *world) runUntil(t time.Duration) {
	for w.Comes(t) {
		w.step()
	}
	w.Now = max(w.Now, t)
}

func (w *world) order(generation uint64) *order {
	for uint64(len(w.orders)) < generation {
		w.orders = append(w.orders, newOrder(w, uint64(len(w.orders)+1)))
	}
	return w.orders[generation-1]
}

// settings are what the group's registry was started with.
func (w *world) settings() membership.Settings {
	t := &w.traits
	s := membership.DefaultSettings()
	s.Detection, s.Heartbeat, s.AttemptTimeout = t.detection, t.heartbeat, t.attempt
	s.MinMembers = t.minMembers
	s.SessionTTL, s.Tick, s.Audit = t.sessionTTL, t.tick, t.audit
	if t.agreed {
		s.Delivery = membership.Agreed
	}
	w.setQuota(&s)
	return s
}
