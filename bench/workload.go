package bench

import (
	"math/rand/v2"
	"strconv"

	"github.com/seed-8247e700/dsm/internal/history"
)

// zipfExponent makes the most popular of 10,000 keys take about a seventh of
// all operations. The library's generator needs more than 1.
const zipfExponent = 1.1

// keyspace has what the clients of a run share.
type keyspace struct {
	prefix   string   // of all names
	plain    []string // variables that are set, deleted, compared and set; preloaded
	counters []string // variables that are added to, absent at first
	padding  []byte
}

// newKeyspace names the variables, and a hundredth as many counters.
func newKeyspace(cfg *Config, prefix string) *keyspace {
	n := cfg.Keys
	k := &keyspace{
		prefix: prefix,
		plain:  make([]string, n), counters: make([]string, max(1, n/100)),
		padding: newPadding(cfg.Seed, cfg.ValueBytes),
	}
	for i := range k.plain {
		k.plain[i] = prefix + "k" + strconv.Itoa(i)
	}
	for i := range k.counters {
		k.counters[i] = prefix + "n" + strconv.Itoa(i)
	}
	return k
}

// generator chooses what one client asks for. The same seed gives the same
// choices, apart from those that depend on versions read.
type generator struct {
	cfg    *Config
	keys   *keyspace
	values *valueMaker
	random *rand.Rand
	zipf   *rand.Zipf // nil: uniform

	counting    bool   // the last operation was on a counter
	seenKey     string // newest plain variable that the client knows
	seenVersion uint64 // its version then
}

func newGenerator(cfg *Config, keys *keyspace, client int) *generator {
	g := &generator{
		cfg: cfg, keys: keys,
		values: newValueMaker(keys.padding, client, cfg.ValueBytes),
		random: rand.New(rand.NewPCG(cfg.Seed, uint64(client))),
	}
	if cfg.Dist == Zipfian && cfg.Keys > 1 {
		g.zipf = rand.NewZipf(g.random, zipfExponent, 1, uint64(cfg.Keys-1))
	}
	g.seenKey = keys.plain[client%len(keys.plain)]
	return g
}

func (g *generator) plainKey() string {
	if g.zipf != nil {
		return g.keys.plain[g.zipf.Uint64()]
	}
	return g.keys.plain[g.random.IntN(len(g.keys.plain))]
}

func (g *generator) counter() string {
	return g.keys.counters[g.random.IntN(len(g.keys.counters))]
}

// preload fills r with the first write of a variable.
func (g *generator) preload(r *request, key int) {
	*r = request{kind: history.Set, key: g.keys.plain[key], value: g.values.next()}
}

// next fills r with the client's next operation.
func (g *generator) next(r *request) {
	*r = request{}
	g.counting = false
	if g.random.Float64() < g.cfg.Writes {
		g.nextWrite(r)
		return
	}
	r.kind = history.Get
	if g.random.Float64() < g.cfg.Strong {
		r.kind = history.GetStrong
	}
	// Counters are read as often, among the reads, as they are added to.
	if g.random.Float64() < g.cfg.Adds {
		g.counting = true
		r.key = g.counter()
	} else {
		r.key = g.plainKey()
	}
}

func (g *generator) nextWrite(r *request) {
	switch u := g.random.Float64(); {
	case u < g.cfg.Adds:
		g.counting = true
		r.kind, r.key, r.delta = history.Add, g.counter(), g.random.Int64N(200)-99
	case u < g.cfg.Adds+g.cfg.CAS:
		// What the client saw last; somebody else may have changed it since.
		r.kind, r.key, r.expect, r.value = history.CompareAndSet, g.seenKey, g.seenVersion, g.values.next()
	case u < g.cfg.Adds+g.cfg.CAS+g.cfg.Dels:
		r.kind, r.key = history.Delete, g.plainKey()
	default:
		r.kind, r.key, r.value = history.Set, g.plainKey(), g.values.next()
	}
}

// learn remembers the version of a plain variable for the next cas.
func (g *generator) learn(r *request, a *answer) {
	if a.status != history.OK || g.counting {
		return
	}
	g.seenKey, g.seenVersion = r.key, a.version
	if r.kind == history.Delete {
		g.seenVersion = 0
	}
}
