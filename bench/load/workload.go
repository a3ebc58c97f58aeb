package load

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/history"
)

// Distributions of the keys that clients choose.
const (
	Uniform = "uniform"
	Zipfian = "zipfian"
)

// Bounds of a Workload.
const (
	MaxClients    = 1 << 16
	maxKeys       = 10_000_000
	MinValueBytes = 8 // a client's number and a count make each value unique
	MaxValueBytes = 1 << 20
)

// Workload is what clients ask for.
type Workload struct {
	Name       string  // of the workload, in the table of bench/workload; empty: mixed
	Writes     float64 // share of the operations that write, 0 to 1
	Strong     float64 // share of the reads that are strong
	Adds       float64 // shares of the writes that are not plain sets
	CAS        float64 //
	Dels       float64 //
	Keys       int     // variables
	ValueBytes int     // size of a value
	Dist       string  // Uniform or Zipfian; empty: Uniform
	Seed       uint64  // of all choices

	TTL    time.Duration // of variables that expire
	AtOnce bool          // all of them together

	QuotaBytes     int64 // of the keys and values of all variables of the group that is started; 0: by default
	QuotaVariables int64 // how many; likewise

	// Reuse has a client's values share one buffer, for sources that keep none of them.
	Reuse bool
}

// Validate reports the first field that makes no sense, by the name of its flag. The
// error wraps ErrConfig.
func (w *Workload) Validate() error {
	if err := cmp.Or(program.CheckInt("keys", w.Keys, 1, maxKeys), program.CheckInt("value-size", w.ValueBytes, MinValueBytes, MaxValueBytes)); err != nil {
		return err
	}
	shares := []struct {
		flag  string
		value float64
	}{{"writes", w.Writes}, {"strong", w.Strong}, {"adds", w.Adds}, {"cas", w.CAS}, {"dels", w.Dels}}
	for _, f := range shares {
		if !(f.value >= 0 && f.value <= 1) {
			return program.BadFlag(f.flag, program.ShowShare(f.value), "must be from 0% to 100%")
		}
	}
	if w.QuotaBytes < 0 {
		return program.BadFlag("quota-bytes", strconv.FormatInt(w.QuotaBytes, 10), "must be above 0")
	}
	if w.QuotaVariables < 0 {
		return program.BadFlag("quota-variables", strconv.FormatInt(w.QuotaVariables, 10), "must be above 0")
	}
	if w.Adds+w.CAS+w.Dels > 1 {
		return program.BadFlag("adds", program.ShowShare(w.Adds), "with --cas and --dels must not be above 100% together")
	}
	if w.Dist != Uniform && w.Dist != Zipfian {
		return program.BadFlag("dist", w.Dist, "must be uniform or zipfian")
	}
	return nil
}

// zipfExponent makes the most popular of 10,000 keys take about a seventh of
// all operations. The library's Generator needs more than 1.
const zipfExponent = 1.1

// Keyspace has what the clients of a run share.
type Keyspace struct {
	Workload
	Prefix   string   // of all names
	Plain    []string // variables that are set, deleted, compared and set; preloaded
	Counters []string // variables that are added to, absent at first

	// Choose makes the Chooser of a client, from 0. nil: NewGenerator does.
	Choose func(k *Keyspace, client int) Chooser

	// Inserted returns the variables that clients have added to these. nil: they add none.
	Inserted func() []string

	padding []byte
}

// All returns the variables that may exist.
func (k *Keyspace) All() []string {
	all := slices.Concat(k.Plain, k.Counters)
	if k.Inserted != nil {
		all = append(all, k.Inserted()...)
	}
	return all
}

// chooser makes the Chooser of a client.
func (k *Keyspace) chooser(client int) Chooser {
	if k.Choose == nil {
		return NewGenerator(k, client)
	}
	return k.Choose(k, client)
}

// NameKeys gives the variables of a workload without counters names.
func NameKeys(w *Workload, plain []string) *Keyspace {
	return &Keyspace{Workload: *w, Plain: plain, padding: NewPadding(w.Seed, w.ValueBytes)}
}

// NewKeyspace names the variables, and a hundredth as many counters.
func NewKeyspace(w *Workload, prefix string) *Keyspace {
	plain := make([]string, w.Keys)
	for i := range plain {
		plain[i] = prefix + "k" + strconv.Itoa(i)
	}
	k := NameKeys(w, plain)
	k.Prefix, k.Counters = prefix, make([]string, max(1, w.Keys/100))
	for i := range k.Counters {
		k.Counters[i] = prefix + "n" + strconv.Itoa(i)
	}
	return k
}

// Generator chooses what one client asks for. The same seed gives the same
// choices, apart from those that depend on versions read.
type Generator struct {
	keys   *Keyspace
	values *valueMaker
	random *rand.Rand
	zipf   *rand.Zipf // nil: uniform

	counting    bool   // the last operation was on a counter
	seenKey     string // newest plain variable that the client knows
	seenVersion uint64 // its version then
}

// NewGenerator returns the generator of a client, from 0.
func NewGenerator(keys *Keyspace, client int) *Generator {
	g := &Generator{
		keys:   keys,
		values: &valueMaker{keys: keys, client: client},
		random: rand.New(rand.NewPCG(keys.Seed, uint64(client))),
	}
	if keys.Dist == Zipfian && keys.Keys > 1 {
		g.zipf = rand.NewZipf(g.random, zipfExponent, 1, uint64(keys.Keys-1))
	}
	g.seenKey = keys.Plain[client%len(keys.Plain)]
	return g
}

func (g *Generator) plainKey() string {
	if g.zipf != nil {
		return g.keys.Plain[g.zipf.Uint64()]
	}
	return g.keys.Plain[g.random.IntN(len(g.keys.Plain))]
}

func (g *Generator) counter() string {
	return g.keys.Counters[g.random.IntN(len(g.keys.Counters))]
}

// Preload fills r with the first write of a variable.
func (g *Generator) Preload(r *Request, key int) {
	*r = Request{Kind: history.Set, Key: g.keys.Plain[key], Value: g.values.next()}
}

// Next fills r with the client's next operation.
func (g *Generator) Next(r *Request) {
	*r = Request{}
	g.counting = false
	if g.random.Float64() < g.keys.Writes {
		g.nextWrite(r)
		return
	}
	r.Kind = history.Get
	if g.random.Float64() < g.keys.Strong {
		r.Kind = history.GetStrong
	}
	// Counters are read as often, among the reads, as they are added to.
	if g.random.Float64() < g.keys.Adds {
		g.counting = true
		r.Key = g.counter()
	} else {
		r.Key = g.plainKey()
	}
}

func (g *Generator) nextWrite(r *Request) {
	switch u := g.random.Float64(); {
	case u < g.keys.Adds:
		g.counting = true
		r.Kind, r.Key, r.Delta = history.Add, g.counter(), g.random.Int64N(200)-99
	case u < g.keys.Adds+g.keys.CAS:
		// What the client saw last; somebody else may have changed it since.
		r.Kind, r.Key, r.Expect, r.Value = history.CompareAndSet, g.seenKey, g.seenVersion, g.values.next()
	case u < g.keys.Adds+g.keys.CAS+g.keys.Dels:
		r.Kind, r.Key = history.Delete, g.plainKey()
	default:
		r.Kind, r.Key, r.Value = history.Set, g.plainKey(), g.values.next()
	}
}

// Learn remembers the version of a plain variable for the next cas.
func (g *Generator) Learn(r *Request, a *Answer) {
	if a.Status != history.OK || g.counting {
		return
	}
	g.seenKey, g.seenVersion = r.Key, a.Version
	if r.Kind == history.Delete {
		g.seenVersion = 0
	}
}
