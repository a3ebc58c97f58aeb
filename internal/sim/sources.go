package sim

import (
	"math/rand/v2"
	"time"

	"github.com/seed-8247e700/dsm/internal/sim/wires"
)

// sources are the seed's sources of randomness, one for each concern: what one of them draws
// shifts nothing that another draws. Every client and every process has two of its own.
type sources struct {
	traits    *rand.Rand // what the run is like
	knobs     *rand.Rand
	starts    *rand.Rand // when the nodes come
	registry  *rand.Rand // how late it pushes, and its other times
	delays    *rand.Rand // of the network
	mail      *rand.Rand // what befalls words to and from the registry
	tears     *rand.Rand // where what is on its way breaks off
	pieces    *rand.Rand // of a snapshot on its way
	plan      *rand.Rand // when faults come, and which
	faults    *rand.Rand // whom they strike, and for how long
	clocks    *rand.Rand // faults of clocks and sleep
	damages   *rand.Rand // of memory
	watches   *rand.Rand // what watches there are
	txns      *rand.Rand // how many there are, and what releases processes are of
	updates   *rand.Rand // how many there are, and conditions on ranges
	ttls      *rand.Rand // how many there are
	owners    *rand.Rand // how many there are
	bandwidth *rand.Rand // what ports there are
	quotas    *rand.Rand // what quotas there are, and which one a registry is started with
	thefts    *rand.Rand // who tries whose session, and when
	sessions  *rand.Rand // how many there may be
}

func newSources(seed uint64) (s sources) {
	for i, of := range []**rand.Rand{
		&s.traits, &s.knobs, &s.starts, &s.registry, &s.delays, &s.mail, &s.tears, &s.pieces, &s.plan, &s.faults, &s.clocks, &s.damages, &s.txns, &s.watches, &s.updates, &s.ttls, &s.owners, &s.bandwidth, &s.quotas, &s.thefts, &s.sessions,
	} {
		*of = source(seed, uint64(i+1))
	}
	return s
}

// The first purposes of clients and of processes, each of which takes two.
const (
	ofClients   = 100
	ofProcesses = 1000
	ofTxns      = 10000 // of clients, one each
	ofWatches   = 20000 // the same
	ofPasts     = 30000 // of processes, one each
	ofUpdates   = 40000 // of clients, one each
	ofTTLs      = 50000 // of clients, one each
	ofOwners    = 60000 // of clients, one each
)

// pair is the two sources of a client or a process.
func (w *world) pair(of uint64, number int) (a, b *rand.Rand) {
	purpose := of + 2*uint64(number)
	return source(w.seed, purpose), source(w.seed, purpose+1)
}

// source is that of a purpose.
func source(seed, purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, purpose)) }

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func chance(r *rand.Rand, p float64) bool { return wires.Chance(r, p) }

func upTo(r *rand.Rand, d time.Duration) time.Duration { return wires.UpTo(r, d) }

// between is a random time from low on, below high.
func between(r *rand.Rand, low, high time.Duration) time.Duration { return low + upTo(r, high-low) }
