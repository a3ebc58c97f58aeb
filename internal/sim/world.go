package sim

import (
	"math/rand/v2"
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

	// One source of randomness for each purpose, so that a run without a kind of
	// fault resembles the one with it.
	faults, wires, machines, users, damages, pieces, times, bounds *rand.Rand

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
	finders   []string // checks of dsmbench that have found something

	ambushes Faults // that wait for a process to come to a certain point
	deaf     []int  // sites that were
	deafMany bool   // several at a time
	healed   bool   // faults have stopped
	draining bool   // clients begin nothing more
	counter  bool   // processes may use the counters of their processors
	retimes  bool   // the registry may be started again with other times

	longest   time.Duration // detection time of any registry so far
	gateBytes int           // of commands under way at a member
	room      int           // for writes under way on a client's connection
}

func newWorld(seed uint64, options Options) *world {
	w := &world{
		options: options, seed: seed,
		byAddr: make(map[string]*process), bound: make(map[*wires.Conn]*replica), replicas: make([]*replica, 1), told: make(map[told]uint64),
	}
	w.faults, w.wires, w.machines, w.users, w.damages = w.source(1), w.source(2), w.source(3), w.source(4), w.source(6)
	w.pieces, w.times, w.bounds = w.source(7), w.source(8), w.source(9)
	w.traits = drawTraits(w.source(5), options)
	w.knobs = w.traits.knobs(options.Knobs)
	w.counts.knobs(&w.knobs, w.traits.nodes)
	w.gateBytes = pick(w.bounds, 300, 2000, 1<<20, 1<<20, 1<<20, 1<<20)
	w.longest, w.retimes = w.traits.detection, w.bounds.IntN(6) == 0 && !w.traits.deafOnly && !options.Without.Has(OtherTimes)
	w.room = pick(w.bounds, 2, 7, 100)
	return w
}

// begin starts the registry, the nodes and the clients.
func (w *world) begin() {
	t := &w.traits
	w.planClocks()
	w.network = wires.NewNetwork(wires.Config{
		Time: &w.Time, Delays: w.wires, Faults: w.faults, Sites: t.nodes + 2 + t.clients,
		Latency: t.latency, Jitter: t.jitter, Spikes: t.spikes, Spike: t.spike, KeepAlive: 20 * t.detection,
	})
	w.registry = newRegistry(w)
	for i := range t.nodes {
		h := &host{w: w, site: i, id: string(rune('a' + i)), port: 1}
		w.hosts = append(w.hosts, h)
		at := time.Duration(w.machines.Int64N(int64(t.detection / 8)))
		if i >= t.early {
			at = time.Duration(w.machines.Int64N(int64(t.horizon/2) + 1))
		}
		w.At(at, func() { h.start(true) })
	}
	for i := range t.clients {
		c := newClient(w, i, t.nodes+2+i)
		w.clients = append(w.clients, c)
		w.At(time.Duration(c.random.Int64N(int64(t.detection))), c.next)
		w.At(t.sessionTTL/3, c.renew)
	}
	if w.leaks() {
		w.At(t.detection, w.clients[0].leak)
	}
	w.planFaults()
	w.planDamage()
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
	return s
}

// source is that of a purpose.
func (w *world) source(purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(w.seed, purpose)) }

// own is that of a client or a process where the clients have a program, so that what one does
// changes nothing that another draws. Otherwise they share one, so that seeds stay what they are.
func (w *world) own(purpose uint64, shared *rand.Rand) *rand.Rand {
	if w.options.Steps > 0 {
		return w.source(purpose)
	}
	return shared
}

func chance(r *rand.Rand, p float64) bool { return wires.Chance(r, p) }

func upTo(r *rand.Rand, d time.Duration) time.Duration { return wires.UpTo(r, d) }

// between is a random time from low on, below high.
func between(r *rand.Rand, low, high time.Duration) time.Duration { return low + upTo(r, high-low) }
