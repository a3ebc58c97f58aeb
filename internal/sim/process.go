package sim

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/internal/sim/wires"
)

// host is where a node's process runs. Its disk outlives the process.
type host struct {
	w    *world
	site int
	id   string
	port int
	disk identity // what the identity directory records
	run  *process // nil: none runs
}

// identity is what an identity directory records, for the next process to prove
// that this one is dead.
type identity struct {
	group, incarnation uint64
}

// process is one run of the program.
type process struct {
	w        *world
	host     *host // nil: a second process of an id, without a directory
	site     int
	id, addr string
	last     identity
	level    uint32 // the feature level of its release

	random  *rand.Rand
	turns   *rand.Rand // for how long arrivals are gathered
	watches *rand.Rand // for what is kept of the past
	alive   bool
	paused  bool
	stuck   bool // sends heartbeats, but takes nothing from its peers
	pace    time.Duration
	late    []func() // what has happened to it while it was paused
	crashIn int      // so many steps, 0: it does not
	leaving bool
	leftAt  time.Duration // when it began to leave
	served  bool          // an incarnation of it was a member
	pause   time.Duration

	clock   *wires.Clocks
	conns   []*wires.Conn
	current *replica
}

// start runs a process on a host. Without proof it knows nothing of the one
// before it.
func (h *host) start(proof bool) {
	if h.run != nil {
		return
	}
	if !proof {
		h.disk = identity{}
	}
	p := h.w.newProcess(h.id, h.site, h.port)
	p.host, p.last = h, h.disk
	h.run = p
	h.w.trace("%s starts, proves %d dead", p, p.last.incarnation)
	p.register()
}

func (w *world) newProcess(id string, site, port int) *process {
	p := &process{
		w: w, site: site, id: id, addr: id + ":" + strconv.Itoa(port), alive: true,
		pause: leastPause, level: w.level(),
	}
	p.random, p.turns = w.pair(ofProcesses, len(w.processes))
	p.watches = source(w.seed, ofPasts+uint64(len(w.processes)))
	p.clock = wires.NewClocks(&w.Time, p.random, w.traits.rate(p.random), 1+upTo(p.random, time.Second), w.counter)
	p.pace = w.traits.pace
	w.byAddr[p.addr] = p
	w.processes = append(w.processes, p)
	return p
}

func (p *process) String() string { return p.addr }

// Steady is what the process's steady clock shows.
func (p *process) Steady() time.Duration { return p.clock.Steady() }

// After calls what when the process's steady clock has gone on by d: later if the
// process is paused then, never if it has ended.
func (p *process) After(d time.Duration, what func()) { p.alarm(p.Steady()+d, d, what) }

// alarm is After for a time of the steady clock, from which it is d away.
func (p *process) alarm(at, d time.Duration, what func()) {
	// Rounded up: the clock has gone on, however fast it runs.
	p.w.After(time.Duration(math.Ceil(float64(d)/p.clock.Rate())), func() {
		if p.Ready() && at-p.Steady() <= time.Microsecond {
			what()
			return
		}
		p.Do(func() {
			if left := at - p.Steady(); left > time.Microsecond { // it has slept, or runs slower now
				p.alarm(at, left, what)
				return
			}
			what()
		})
	})
}

// Do has the process do something now, or once it goes on.
func (p *process) Do(what func()) {
	switch {
	case !p.alive:
	case p.paused:
		p.late = append(p.late, what)
	case p.crashIn == 0:
		what()
	default:
		p.doOnTheBrink(what)
	}
}

// Ready reports whether Do calls what it is given at once, and nothing else.
func (p *process) Ready() bool { return p.alive && !p.paused && p.crashIn == 0 }

// crashed is what a process panics with that crashes in the middle of a step.
type crashed struct{}

// doOnTheBrink does something with a process that is about to crash.
func (p *process) doOnTheBrink(what func()) {
	defer func() {
		if reason := recover(); reason != nil {
			if _, ok := reason.(crashed); !ok {
				panic(reason)
			}
		}
	}()
	what()
}

// Brink is a point at which a process may crash.
func (p *process) Brink() {
	if p.crashIn == 0 {
		return
	}
	if p.crashIn--; p.crashIn == 0 {
		p.w.counts.Faults[Crash]++
		p.crash(true)
		panic(crashed{})
	}
}

func (p *process) resume() {
	p.paused = false
	late := p.late
	p.late = nil
	for _, what := range late {
		p.Do(what)
	}
}

// crash ends the process. Its peers are told by their systems, with a word, or
// not.
func (p *process) crash(word bool) {
	if !p.alive {
		return
	}
	p.w.trace("%s crashes", p)
	if r := p.current; r != nil && !r.over {
		r.over = true
		r.countTransfers()
	}
	for _, c := range p.conns {
		by := 0
		if c.Ends[1].Owner == wires.Owner(p) {
			by = 1
		}
		c.Die(by, word)
	}
	p.gone()
}

// stop ends the process in good order.
func (p *process) stop() {
	p.w.trace("%s stops", p)
	p.gone()
}

func (p *process) gone() {
	p.alive, p.late, p.conns, p.crashIn = false, nil, nil, 0
	if p.w.byAddr[p.addr] == p {
		delete(p.w.byAddr, p.addr)
	}
	if p.host != nil && p.host.run == p {
		p.host.run = nil
	}
}

// record notes an incarnation in the identity directory.
func (p *process) record(group, incarnation uint64) {
	p.last = identity{group, incarnation}
	if p.host != nil {
		p.host.disk = p.last
	}
}

// AddConn and DropConn keep a list of the process's connections.
func (p *process) AddConn(c *wires.Conn) { p.conns = append(p.conns, c) }

// DropConn drops one that is closed.
func (p *process) DropConn(c *wires.Conn) {
	if i := slices.Index(p.conns, c); i >= 0 {
		p.conns = slices.Delete(p.conns, i, i+1)
	}
}

// Where is the process's place on the network.
func (p *process) Where() int { return p.site }

// Links are those of its present incarnation, nil if there is none.
func (p *process) Links() *wires.Links {
	if p.current == nil {
		return nil
	}
	return p.current.links
}

// connect makes a connection from a site, or a process on it, to a process.
func (w *world) connect(site int, from, to *process) *wires.Conn {
	if from == nil {
		return w.network.Connect(site, nil, to.site, to)
	}
	return w.network.Connect(site, from, to.site, to)
}

// listener is the process that listens at an address, nil if none does.
func (w *world) listener(addr string) wires.Listener {
	if p := w.byAddr[addr]; p != nil {
		return p
	}
	return nil
}
