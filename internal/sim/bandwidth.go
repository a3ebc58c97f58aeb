package sim

import (
	"math"
	"math/rand/v2"
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
	value, load := pick(r, t.valueBytes, t.valueBytes, 1<<10, 4<<10), pick(r, 0.1, 0.3, 1)
	share := leastShare * math.Pow(mostShare/leastShare, r.Float64())
	buffer := pick(r, 2<<10, 8<<10, 64<<10)
	if !narrow || t.deafOnly || o.Without.Has(NarrowPorts) {
		return
	}
	t.valueBytes = value
	underWay := float64(t.nodes * 2 * t.writeBytes())
	idle := float64(3 * (8*2*mailBytes + t.nodes*linkBytes))
	perDetection := max(underWay/share, idle)
	t.bandwidth = bandwidthTraits{port: wires.Rate(perDetection / t.detection.Seconds()), buffer: buffer}
	one := t.bandwidth.port.Time(t.writeBytes())
	t.think = max(t.think, time.Duration(float64(one)*float64(t.clients)/load))
	t.patience = max(t.patience, time.Duration(4*t.nodes)*one)
}

// What a group has under way takes so many detection times to pass a port.
const (
	leastShare = 0.02
	mostShare  = 0.2
)

// linkBytes is about what a link between members that have nothing to say carries in one
// direction in a detection time.
const linkBytes = 700

// writeBytes is about how many bytes a write is between members.
func (t *traits) writeBytes() int { return t.valueBytes + 300 }

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
