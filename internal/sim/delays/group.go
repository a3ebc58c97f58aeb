package delays

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/transport"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/isis/isistest"
)

// Config says what is measured.
type Config struct {
	Members int
	Core    isis.Config // Self is filled in

	Delay  time.Duration // of every message
	Jitter time.Duration // added to each, from 0 to this, by chance; links stay FIFO
	Seed   uint64        // of that chance

	// AckDelay is how long an acknowledgement that nobody waits for waits for
	// company. Default: a millisecond, as internal/member has it.
	AckDelay time.Duration

	// Writers is how many members write, each CommandBytes at a time in a closed
	// loop of Clients commands in flight. Defaults: 1, 100 and 1.
	Writers, CommandBytes, Clients int

	// Commands is how many commands each writer's clients submit in all. Default 100.
	Commands int
}

func (c *Config) setDefaults() {
	c.Writers = cmp.Or(c.Writers, 1)
	c.CommandBytes = cmp.Or(c.CommandBytes, 100)
	c.Clients = cmp.Or(c.Clients, 1)
	c.Commands = cmp.Or(c.Commands, 100)
	c.AckDelay = cmp.Or(c.AckDelay, time.Millisecond)
}

// event is an arrival on a link, or the end of a member's timer.
type event struct {
	at   time.Duration
	to   *member
	link *isistest.Link // nil: the timer
}

// member is a node with its clients.
type member struct {
	*isistest.Node
	arrives   []time.Duration // by receiver: when what was sent last arrives
	armed     bool            // the timer runs
	left      int             // commands to submit
	submitted []time.Duration // of own commands in flight, oldest first
}

// group is such a group in virtual time.
type group struct {
	isistest.Group
	cfg     Config
	now     time.Duration
	members []*member
	events  []event // by time, and those at one time as they were made
	random  *rand.Rand
	bytes   []byte
	wrote   map[int]bool             // in this turn: to whom, and whether there was more than acknowledgements
	born    map[uint64]time.Duration // by position: when its command was submitted, once that is known
	early   map[uint64][]time.Duration
	result  Result
}

func newGroup(cfg Config) (*group, error) {
	cfg.setDefaults()
	g := &group{
		cfg: cfg, random: rand.New(rand.NewPCG(cfg.Seed, 0xde1a)), wrote: map[int]bool{},
		born: map[uint64]time.Duration{}, early: map[uint64][]time.Duration{},
	}
	g.Config, g.Sent, g.Delivered = cfg.Core, g.sent, g.delivered
	for i := range cfg.Members {
		n := g.Start(fmt.Sprintf("n%02d", i))
		g.members = append(g.members, &member{Node: n, arrives: make([]time.Duration, cfg.Members)})
	}
	return g, g.Form()
}

// run has the writers write, and ends when nothing moves any more.
func (g *group) run() (Result, error) {
	writers := g.members[:g.cfg.Writers]
	for _, m := range writers {
		m.left = g.cfg.Commands
		for range min(g.cfg.Clients, g.cfg.Commands) {
			g.submit(m)
		}
	}
	for _, m := range writers {
		g.turn(m)
	}
	var woken []*member
	for len(g.events) > 0 {
		g.now = g.events[0].at
		woken = woken[:0]
		for len(g.events) > 0 && g.events[0].at == g.now {
			e := g.events[0]
			g.events = g.events[1:]
			if e.link == nil {
				e.to.armed = false
				e.to.Core.SendAcks()
			} else if err := g.Deliver(e.link); err != nil {
				return Result{}, err
			}
			if !slices.Contains(woken, e.to) {
				woken = append(woken, e.to)
			}
		}
		for _, m := range woken {
			g.turn(m)
		}
	}
	g.result.Time = g.now
	return g.result, g.check()
}

func (g *group) submit(m *member) {
	m.left--
	m.submitted = append(m.submitted, g.now)
	if !m.Core.Submit(make([]byte, g.cfg.CommandBytes)) {
		panic("delays: more commands in flight than a core takes")
	}
}

// turn ends a member's turn, and another for what its clients ask for next.
func (g *group) turn(m *member) {
	for before := -1; m.left != before; {
		before = m.left
		g.Turn(m.Node)
		s := &g.result.Sent
		for _, more := range g.wrote {
			s.Writes++
			if !more {
				s.AckWrites++
			}
		}
		clear(g.wrote)
	}
	if !m.armed && m.Core.AcksWait() {
		m.armed = true
		g.push(event{at: g.now + g.cfg.AckDelay, to: m})
	}
}

func (g *group) push(e event) {
	i, _ := slices.BinarySearchFunc(g.events, e.at, func(f event, at time.Duration) int { return cmp.Or(cmp.Compare(f.at, at), -1) })
	g.events = slices.Insert(g.events, i, e)
}

// sent counts a message, and says when it arrives.
func (g *group) sent(from, to *isistest.Node, m *isis.Message) {
	g.bytes = transport.AppendMessage(g.bytes[:0], m)
	s := &g.result.Sent
	s.Messages++
	s.Bytes += len(g.bytes)
	acknowledges := m.Kind == isis.KindAck || m.Kind == isis.KindHeld || m.Kind == isis.KindStable
	if acknowledges {
		s.Acks++
		s.AckBytes += len(g.bytes)
	}
	i := to.Index()
	g.wrote[i] = g.wrote[i] || !acknowledges
	at := g.now + g.cfg.Delay
	if g.cfg.Jitter > 0 {
		at += time.Duration(g.random.Int64N(int64(g.cfg.Jitter)))
	}
	arrives := g.members[from.Index()].arrives
	arrives[i] = max(at, arrives[i])
	g.push(event{at: arrives[i], to: g.members[i], link: from.Links[i]})
}

// delivered notes how long each command took, and has the clients whose commands these
// were go on.
func (g *group) delivered(n *isistest.Node, d *isis.Delivery) {
	m := g.members[n.Index()]
	if d.Own {
		g.result.Messages++
	}
	for k := range uint64(d.Count) {
		position := d.First + k
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
	for _, n := range g.Nodes {
		if want := uint64(g.cfg.Writers * g.cfg.Commands); n.Applied != want || !n.Core.Idle() {
			return fmt.Errorf("delays: %s has delivered %d of %d, idle %v", n.ID.ID, n.Applied, want, n.Core.Idle())
		}
	}
	return nil
}
