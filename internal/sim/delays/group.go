package delays

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/transport"
	"github.com/seed-8247e700/dsm/isis"
)

// Config says what is measured.
type Config struct {
	Members int
	Core    isis.Config // Self is filled in

	Delay  time.Duration // of every message
	Jitter time.Duration // added to each, from 0 to this, by chance; links stay FIFO
	Seed   uint64        // of that chance

	// AckDelay is how long an acknowledgement that nobody waits for waits for
	// company. Default: a millisecond, as in a server.
	AckDelay time.Duration

	// Writers is how many members write, each CommandBytes at a time in a closed
	// loop of Clients commands in flight. Defaults: 1, 100 and 1.
	Writers, CommandBytes, Clients int

	// Commands is how many commands each writer's clients submit in all. Default 100.
	Commands int
}

func (c *Config) setDefaults() {
	for _, d := range []struct {
		v *int
		d int
	}{{&c.Writers, 1}, {&c.CommandBytes, 100}, {&c.Clients, 1}, {&c.Commands, 100}} {
		if *d.v <= 0 {
			*d.v = d.d
		}
	}
	if c.AckDelay <= 0 {
		c.AckDelay = time.Millisecond
	}
}

// event is an arrival, or the end of a timer, at a member.
type event struct {
	at      time.Duration
	order   int // among those at the same time: the order in which they were made
	to      int
	from    int // -1: the timer
	message isis.Message
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push is for package heap.
func (e *events) Push(x any) { *e = append(*e, x.(event)) }

// Pop is for package heap.
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// member is a core and its owner.
type member struct {
	core      *isis.Node
	id        isis.MemberID
	arrives   []time.Duration // by receiver: when what was sent last arrives
	armed     bool            // the timer runs
	left      int             // commands to submit
	submitted []time.Duration // of own commands in flight, oldest first
	delivered uint64
}

// group is such a group in virtual time.
type group struct {
	cfg     Config
	now     time.Duration
	members []*member
	events  events
	orders  int
	random  *rand.Rand
	bytes   []byte
	born    map[uint64]time.Duration // by position: when its command was submitted, once that is known
	early   map[uint64][]time.Duration
	result  Result
}

func newGroup(cfg Config) (*group, error) {
	cfg.setDefaults()
	g := &group{cfg: cfg, random: rand.New(rand.NewPCG(cfg.Seed, 0xde1a)), born: map[uint64]time.Duration{}, early: map[uint64][]time.Duration{}}
	view := isis.View{ID: 1}
	for i := range cfg.Members {
		core := cfg.Core
		core.Self = isis.MemberID{ID: fmt.Sprintf("n%02d", i), Incarnation: uint64(i + 1)}
		view.Members = append(view.Members, core.Self)
		g.members = append(g.members, &member{core: isis.New(core), id: core.Self, arrives: make([]time.Duration, cfg.Members)})
	}
	for _, m := range g.members {
		if err := m.core.Commit(view); err != nil {
			return nil, err
		}
		m.core.Ready() // whose COMMITs nobody needs
	}
	g.result.Sent = make([]Sent, cfg.Members)
	return g, nil
}

// run has the writers write, and ends when nothing moves any more.
func (g *group) run() (Result, error) {
	for i := range g.cfg.Writers {
		g.members[i].left = g.cfg.Commands
		for range min(g.cfg.Clients, g.cfg.Commands) {
			g.submit(g.members[i])
		}
	}
	for i := range g.cfg.Writers {
		g.turn(i)
	}
	var woken []int
	for len(g.events) > 0 {
		g.now = g.events[0].at
		woken = woken[:0]
		for len(g.events) > 0 && g.events[0].at == g.now {
			e := heap.Pop(&g.events).(event)
			m := g.members[e.to]
			if e.from < 0 {
				m.armed = false
				m.core.SendAcks()
			} else if err := m.core.Step(g.members[e.from].id, &e.message); err != nil {
				return Result{}, err
			}
			if !slices.Contains(woken, e.to) {
				woken = append(woken, e.to)
			}
		}
		for _, i := range woken {
			g.turn(i)
		}
	}
	g.result.Time = g.now
	return g.result, g.check()
}

func (g *group) submit(m *member) {
	m.left--
	m.submitted = append(m.submitted, g.now)
	if !m.core.Submit(make([]byte, g.cfg.CommandBytes)) {
		panic("delays: more commands in flight than a core takes")
	}
}

// turn ends a member's turn, and another for what its clients ask for next.
func (g *group) turn(i int) {
	m := g.members[i]
	for {
		ready := m.core.Ready()
		wrote := map[int]bool{} // to whom, and whether there was more than acknowledgements
		for j := range ready.Messages {
			g.send(i, &ready.Messages[j], wrote)
		}
		for _, more := range wrote {
			g.result.Sent[i].Writes++
			if !more {
				g.result.Sent[i].AckWrites++
			}
		}
		before := m.left
		for j := range ready.Deliveries {
			g.delivered(m, &ready.Deliveries[j])
		}
		if m.left == before {
			break
		}
	}
	if !m.armed && m.core.AcksWait() {
		m.armed = true
		g.push(event{at: g.now + g.cfg.AckDelay, to: i, from: -1})
	}
}

func (g *group) push(e event) {
	g.orders++
	e.order = g.orders
	heap.Push(&g.events, e)
}

// send puts a message on its way. Its counters are copied: the core writes on in them.
func (g *group) send(from int, e *isis.Envelope, wrote map[int]bool) {
	to := int(e.To.Incarnation - 1)
	m := e.Message
	m.Acks = slices.Clone(m.Acks)
	g.bytes = transport.AppendMessage(g.bytes[:0], &m)
	s := &g.result.Sent[from]
	s.Messages++
	s.Bytes += len(g.bytes)
	acknowledges := m.Kind == isis.KindAck || m.Kind == isis.KindHeld || m.Kind == isis.KindStable
	if acknowledges {
		s.Acks++
		s.AckBytes += len(g.bytes)
	}
	wrote[to] = wrote[to] || !acknowledges
	at := g.now + g.cfg.Delay
	if g.cfg.Jitter > 0 {
		at += time.Duration(g.random.Int64N(int64(g.cfg.Jitter)))
	}
	at = max(at, g.members[from].arrives[to])
	g.members[from].arrives[to] = at
	g.push(event{at: at, to: to, from: from, message: m})
}

// delivered notes how long each command took, and has the clients whose commands these
// were go on.
func (g *group) delivered(m *member, d *isis.Delivery) {
	if d.Own {
		g.result.Messages++
	}
	for k := range uint64(d.Count) {
		position := d.First + k
		m.delivered++
		if !d.Own {
			if born, known := g.born[position]; known {
				g.result.Others.add(g.now - born)
			} else {
				g.early[position] = append(g.early[position], g.now)
			}
			continue
		}
		born := m.submitted[0]
		m.submitted = m.submitted[1:]
		g.born[position] = born
		g.result.Sender.add(g.now - born)
		for _, at := range g.early[position] {
			g.result.Others.add(at - born)
		}
		delete(g.early, position)
		g.result.Commands++
		if m.left > 0 {
			g.submit(m)
		}
	}
}

// check holds that everybody has delivered everything.
func (g *group) check() error {
	for _, m := range g.members {
		if want := uint64(g.cfg.Writers * g.cfg.Commands); m.delivered != want || !m.core.Idle() {
			return fmt.Errorf("delays: %s has delivered %d of %d, idle %v", m.id.ID, m.delivered, want, m.core.Idle())
		}
	}
	return nil
}
