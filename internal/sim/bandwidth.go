package sim

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/sim/wires"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// bandwidthTraits are what the ports of a run's nodes are like.
type bandwidthTraits struct {
	port   wires.Rate // of each; 0: whatever is sent passes at once
	buffer int        // bytes of a connection that may be under way in a direction
}

// drawBandwidth gives the nodes of some seeds narrow ports. What matters is how long what the
// group has under way takes to pass one, so some have larger values, and clients ask for about
// as much as the ports can carry.
func (t *traits) drawBandwidth(r *rand.Rand, o Options) {
	narrow := r.IntN(5) == 3
	value, load := pick(r, t.valueBytes, 1<<10, 4<<10, 32<<10), pick(r, 0.1, 0.3, 1)
	share := leastShare * math.Pow(mostShare/leastShare, r.Float64())
	part := pick(r, 4, 16, 64)
	if !narrow || t.deafOnly || o.Without.Has(NarrowPorts) {
		return
	}
	t.valueBytes = value
	port := t.narrow(share, t.portBytes(), t.portLinks())
	full := int(float64(port)*t.detection.Seconds()) / part // of all connections of a node
	t.bandwidth = bandwidthTraits{port: port, buffer: max(full/t.nodes, leastBuffer)}
	one := t.bandwidth.port.Time(t.writeBytes())
	t.think = max(t.think, time.Duration(float64(one)*float64(t.clients)/load))
	t.patience = max(t.patience, time.Duration(4*t.nodes)*one)
}

// What a group has under way takes so many detection times to pass a port.
const (
	leastShare = 0.1
	mostShare  = 10.0
	leastSlow  = 0.2 // where a link or a port is slow
	mostSlow   = 40.0
)

// mostSave is how many times the registry can save, where that is slow, in a detection time at
// least.
const mostSave = time.Duration(1)

// narrow is the rate at which what the group has under way takes so many detection times. It
// is enough for what passes anyway, and twice as much beside, and for so many links: below
// leastRate a link counts as cut.
func (t *traits) narrow(share float64, idle, links int) wires.Rate {
	rate := max(float64(t.underWay())/share, float64(3*idle)) / t.detection.Seconds()
	return max(wires.Rate(rate), wires.Rate(links)*leastRate)
}

// portLinks is how many links at leastRate pass a port at least: those with other members, and
// as many again, which leaves room for clients and joiners.
func (t *traits) portLinks() int { return 2 * max(t.nodes-1, 1) }

// leastRate is the rate of a link that members bear at least.
const leastRate wires.Rate = 64 << 10

// underWay is about how many bytes of messages the group has under way.
func (t *traits) underWay() int { return t.nodes * 2 * t.writeBytes() }

// writeBytes is about how many bytes a write is between members.
func (t *traits) writeBytes() int { return t.valueBytes + 300 }

// portBytes is about what passes the port of a node of an idle group, in one direction and in
// a detection time: to or from other members, and the registry.
func (t *traits) portBytes() int { return t.nodes*linkBytes + 2*8*mailBytes }

// leastBuffer is what a connection takes at least: a segment.
const leastBuffer = 1460

// linkBytes is about what a link between members that have nothing to say carries in one
// direction in a detection time.
const linkBytes = 700

// narrowPorts gives the nodes their ports.
func (w *world) narrowPorts() {
	if w.traits.bandwidth.port == 0 {
		return
	}
	w.counts.Faults[NarrowPorts]++
	for site := range w.traits.nodes {
		w.network.LimitPort(site, w.traits.bandwidth.port)
	}
}

// planSlowness decides when links, ports and the registry's disk become slow, in seeds with
// narrow ports.
func (w *world) planSlowness() {
	if w.traits.bandwidth.port == 0 {
		return
	}
	r := w.random.bandwidth
	for range r.IntN(5) {
		k, at := pick(r, SlowLink, SlowPort, SlowDisk), upTo(r, w.traits.horizon)
		if !w.options.Without.Has(k) {
			w.At(at, func() { w.becomeSlow(k) })
		}
	}
}

// becomeSlow makes something slow for a while, or to the end: that is when faults end, and the
// group goes on with it.
func (w *world) becomeSlow(k Fault) {
	r, t, lift := w.random.bandwidth, &w.traits, func() {}
	a, b := r.IntN(t.nodes), r.IntN(t.nodes)
	share := leastSlow * math.Pow(mostSlow/leastSlow, r.Float64())
	rate := wires.Rate(0)
	switch k {
	case SlowLink:
		rate = t.narrow(share, linkBytes, 1)
		there, back := w.network.LimitWay(a, b, rate), w.network.LimitWay(b, a, rate)
		lift = func() {
			there()
			back()
		}
	case SlowPort:
		rate = t.narrow(share, t.portBytes(), t.portLinks())
		lift = w.network.LimitPort(a, rate)
	case SlowDisk:
		lift = w.registry.slowDisk(t.detection / pick(r, mostSave, 8, 40))
	}
	w.counts.Faults[k]++
	w.trace("fault: %s %d, %d: %.0f bytes a second, %v to save", k, a, b, float64(rate), w.registry.saves)
	if r.IntN(3) == 0 {
		if rate > 0 {
			w.stays = append(w.stays, rate)
		}
		return
	}
	w.After(min(between(r, t.detection/4, 6*t.detection), t.horizon-w.Now), lift)
}

// slowness is how much longer than elsewhere a change of the view may take: what is under way
// passes what is slowest, and the registry saves. That is more than as a rule if all writes that
// clients wait for travel in one message, from one node to all others. It passes beside the
// state for joiners, and attempts that double their time find out late how long it takes.
func (w *world) slowness() time.Duration {
	t := &w.traits
	asked := t.clients * (t.depth + t.outstanding) * t.writeBytes() * (t.nodes - 1)
	return w.slowest().Time(passes*max(t.underWay(), asked)) + 10*w.registry.saves
}

// passes is how many times as long as the bytes under way a change of the view may take.
const passes = 12

// slowest is the rate of what is slowest in the end, 0 if ports are not narrow.
func (w *world) slowest() wires.Rate {
	return slices.Min(append(w.stays, w.traits.bandwidth.port))
}

// bearable is how long a client pauses between operations in the end at least, so that all of
// what the clients write can pass what is slowest, to each member or joiner, and leaves half of
// it to all else: nodes that join under more than that do not catch up.
func (w *world) bearable() time.Duration {
	t := &w.traits
	writes := 1 + t.async*float64(t.burst)/2
	return time.Duration(writes * float64(2*t.clients*t.nodes) * float64(w.slowest().Time(t.writeBytes())))
}

// scannable is how long a client pauses between scans at least, of which each may return all
// variables: together they take a quarter of what is slowest.
func (w *world) scannable() time.Duration {
	t := &w.traits
	return time.Duration(4*t.clients*t.keys) * w.slowest().Time(t.writeBytes())
}

// requestBytes is how long a request is on the wire.
func (w *world) requestBytes(r *wire.Request) int {
	w.frame = wire.AppendRequest(w.frame[:0], r)
	return len(w.frame)
}

// replyBytes is how long a reply is.
func (w *world) replyBytes(r *wire.Reply) int {
	w.frame = wire.AppendReply(w.frame[:0], r)
	return len(w.frame)
}
