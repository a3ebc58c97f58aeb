package sim

import (
	"math/rand/v2"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
)

// traits are what one run is like. They differ from seed to seed, so that some
// runs have few kinds of faults and some all: what is rare on average is then
// common in a few.
type traits struct {
	nodes, early, clients int
	horizon               time.Duration
	agreed                bool

	detection, heartbeat, attempt, ping time.Duration
	sessionTTL, tick, audit             time.Duration
	minMembers                          int
	keptBytes                           int // of a link: more than a window and what a flush fetches, of the largest values
	chunkBytes, lagBytes                int
	valueBytes                          int           // on top of what makes a value unique
	chunkGap                            time.Duration // between the parts of a snapshot

	latency, jitter, spike time.Duration
	spikes                 float64
	pace                   time.Duration // a turn waits for up to so long
	drift                  float64       // how far a clock's rate may be off
	loss, double, late     float64       // of words to and from the registry
	copies                 float64       // chance that a request comes once more, late
	totalLoss              bool
	lostRegistry           bool
	retimes                bool // the registry may be started again with other times
	deafOnly               bool // no other fault: it must cost nobody else his place

	depth    int           // operations of a client at a time
	think    time.Duration // between operations
	patience time.Duration // of an attempt
	hasty    float64       // chance that an operation is given up early
	keys     int           // of variables
	reads    float64
	strong   float64

	joinerLag                 int // bytes of deliveries that a joiner keeps
	pendingBytes, undelivered int // bounds of what waits at a member, 0: the default
	gateBytes                 int // of commands under way at a member
	room                      int // for writes under way on a client's connection

	readTime time.Duration // for which a read waits at a node at most

	watches watchTraits

	base uint64 // where the positions of the first generation begin

	txns float64 // chance that a write is a transaction
	old  float64 // chance that a process is of the release before there were any
	ttls float64 // chance that a write is of variables that expire
	owns float64 // chance that a client has a session with a TTL of its own, and that it writes what that owns

	updates updateTraits

	async              float64 // chance that asynchronous writes are issued beside an operation
	burst, outstanding int     // in a row, and in all
	asyncTime          time.Duration

	bandwidth bandwidthTraits
	quotas    quotas
	sessions  sessionBounds

	weights [faultKinds]float64
	every   time.Duration // between faults, on average
}

func drawTraits(r *rand.Rand, o Options) traits {
	t := traits{
		nodes: pick(r, 1, 2, 3, 3, 3, 4, 4, 5, 5, 5, 6, 7, 8, 9), clients: 1 + r.IntN(5),
		detection: pick(r, time.Duration(300), 500, 1000, 2000) * time.Millisecond,
		agreed:    r.IntN(10) == 0, minMembers: 1,
		keptBytes: 8 << 20, chunkBytes: pick(r, 60, 200, 1000, 20000), lagBytes: pick(r, 0, 80, 3000, 1<<20),
		latency: pick(r, time.Duration(20), 100, 500, 3000) * time.Microsecond,
		depth:   1 + r.IntN(5), keys: 1 + r.IntN(5),
		reads: pick(r, 0.2, 0.5, 0.8), strong: pick(r, 0.1, 0.5, 1),
	}
	if r.IntN(3) == 0 {
		t.keys, t.valueBytes = 20, 50
	}
	t.chunkGap = pick(r, 0, t.latency, t.detection/100, t.detection/20)
	t.early = 1 + r.IntN(t.nodes)
	t.heartbeat = (t.detection / pick(r, time.Duration(4), 5, 8)).Truncate(time.Millisecond)
	t.attempt = t.detection * pick(r, time.Duration(1), 1, 2)
	t.ping = t.detection / 8
	t.jitter = t.latency * pick(r, time.Duration(1), 3, 10)
	if r.IntN(3) == 0 {
		t.spikes, t.spike = pick(r, 0.01, 0.05), t.detection/pick(r, time.Duration(20), 4)
	}
	t.pace = pick(r, time.Duration(5), 20, 100) * time.Microsecond
	if r.IntN(3) == 0 {
		t.drift = pick(r, 0.001, 0.02, 0.1)
	}
	if r.IntN(8) == 0 {
		t.minMembers = 2 + r.IntN(2)
	}
	t.sessionTTL, t.tick, t.audit = 60*time.Second, t.detection/2, t.detection*pick(r, time.Duration(2), 5)
	if r.IntN(6) == 0 {
		t.sessionTTL = 2 * t.detection
	}
	t.horizon = t.detection * time.Duration(8+r.IntN(14))
	t.think = t.detection * time.Duration(t.clients) / pick(r, time.Duration(2), 8, 20)
	t.patience = t.detection * pick(r, time.Duration(1), 2, 4)
	t.hasty = pick(r, 0, 0, 0.1, 0.3)
	t.copies = pick(r, 0, 0.3, 1)
	t.totalLoss = r.IntN(25) == 0
	t.drawFaults(r)
	t.async, t.burst, t.outstanding = pick(r, 0, 0.2, 1), pick(r, 1, 4, 12), pick(r, 4, 20)
	t.asyncTime = 30 * time.Second
	if t.hasty > 0 {
		t.asyncTime = 3 * t.patience
	}
	t.lostRegistry = r.IntN(20) == 0 && !t.deafOnly
	t.retimes = r.IntN(6) == 0 && !t.deafOnly && !o.Without.Has(OtherTimes)
	t.base = pick[uint64](r, 0, 0, 1, 1<<47+12345)
	t.joinerLag = pick(r, 0, 80, 3000, 1<<20)
	t.pendingBytes, t.undelivered = pick(r, 0, 500, 4000), pick(r, 0, 0, 2)
	t.gateBytes, t.room = pick(r, 300, 2000, 1<<20, 1<<20, 1<<20, 1<<20), pick(r, 2, 7, 100)
	t.readTime = pick(r, t.detection/4, 2*t.detection, member.DefaultTimeout)
	if o.Steps > 0 {
		t.hasty, t.sessionTTL, t.asyncTime = 0, time.Minute, time.Minute
		if o.Clients == 1 {
			t.depth = 1
		}
	}
	if o.Nodes > 0 {
		t.nodes = min(t.nodes, o.Nodes)
		t.early = min(t.early, t.nodes)
	}
	if o.Clients > 0 {
		t.clients = min(t.clients, o.Clients)
	}
	if o.Horizon > 0 {
		t.horizon = min(t.horizon, o.Horizon)
	}
	return t
}

// drawFaults decides which kinds of faults there are, and how many.
func (t *traits) drawFaults(r *rand.Rand) {
	if r.IntN(3) > 0 {
		t.loss, t.double, t.late = pick(r, 0, 0.05, 0.3), pick(r, 0, 0.05, 0.3), pick(r, 0, 0.05, 0.2)
	}
	share := pick(r, 0.1, 0.3, 1)
	for k := range weighted {
		if r.Float64() < share {
			t.weights[k] = pick(r, 1.0, 1, 1, 4)
		}
	}
	t.every = t.detection / pick(r, time.Duration(1), 2, 4)
	if r.IntN(40) == 0 {
		t.deafOnly, t.totalLoss = true, false
		t.weights = [faultKinds]float64{Deaf: 1}
		t.loss, t.double, t.late, t.spikes, t.copies = 0, 0, 0, 0, 0
		t.every, t.jitter, t.latency = 8*t.detection, t.latency, min(t.latency, t.detection/200)
		t.nodes, t.early = max(t.nodes, 3), max(t.nodes, 3)
	}
}

// rate is how fast a process's clock runs.
func (t *traits) rate(r *rand.Rand) float64 { return 1 + t.drift*(2*r.Float64()-1) }
