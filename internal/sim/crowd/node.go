package crowd

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/sim/wires"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/keeper"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// node hosts a member, and writes at it as much as it takes.
type node struct {
	w       *world
	self    isis.MemberID
	member  *member.Member
	in      *member.Inbox
	spare   *member.Inbox
	turning bool
	alive   bool
	timers  [member.Timers]uint64 // number of the latest of each
	gate    member.Gate
	watch   *keeper.Watch
	told    bool // of news for the watch
	ports

	clocks   *wires.Clocks
	view     uint64
	proposed uint64 // its newest message of the view
	underWay int    // bytes of its messages that are sent and not delivered
	order    int    // messages of world.order that it has delivered
	written  bool   // it has delivered a message of its own, since it was asked last
}

// gateBytes is how many bytes of commands clients have under way at a member.
const gateBytes = 8 << 20

func newNode(w *world, state *membership.State, m *membership.Member) (*node, error) {
	n := &node{
		w: w, self: isis.MemberID{ID: m.ID, Incarnation: m.Incarnation},
		in: &member.Inbox{}, spare: &member.Inbox{}, alive: true, gate: member.NewGate(gateBytes),
		clocks: wires.NewClocks(&w.Time, rand.New(rand.NewPCG(m.Incarnation, 1)), 1, time.Hour, false),
	}
	n.ports = newPorts(n)
	n.watch = w.keeper.Watch(membership.From{ID: m.ID, Incarnation: m.Incarnation, Group: state.Group, Generation: state.Generation}, n.wake)
	first, err := w.keeper.Next(n.watch)
	if err != nil {
		return nil, err
	}
	n.member = member.New(member.Config{
		Core:  isis.Config{Self: n.self, Base: first.Base},
		Group: first.Group, Generation: first.Generation, Settings: first.Settings,
		Limits: store.Limits{SessionTTL: first.Settings.SessionTTL},
		Clock:  clock.Of(n.clocks.Virtual()), Links: &n.ports, Host: n,
		Doubt: func() {},
	})
	n.call(func(m *member.Member) {
		m.Deliveries(true)
		m.Start(first)
	})
	n.lookAfterLinks()
	return n, nil
}

// lookAfterLinks pings links that are not used, as often as a server does.
func (n *node) lookAfterLinks() {
	if n.alive {
		n.ping()
		n.w.After(n.w.cfg.Settings.Detection/10, n.lookAfterLinks)
	}
}

// steady is what the node's clock shows.
func (n *node) steady() time.Duration { return n.clocks.Steady() }

func (n *node) String() string { return n.self.String() }

// crash ends the node. What is on its way from it is lost.
func (n *node) crash() {
	n.alive = false
	n.w.keeper.Unwatch(n.watch)
}

// call has the next turn call fn.
func (n *node) call(fn func(*member.Member)) {
	n.in.Call(fn)
	n.wakeTurn()
}

// pause is how long a node waits for more before a turn.
const pause = 50 * time.Microsecond

func (n *node) wakeTurn() {
	if n.turning || !n.alive {
		return
	}
	n.turning = true
	n.w.After(pause, n.turn)
}

// turn does a turn, and writes as much as there is room for.
func (n *node) turn() {
	n.turning = false
	if !n.alive {
		return
	}
	in := n.in
	n.in, n.spare = n.spare, nil
	released, err := n.member.Turn(in)
	n.gate.Release(released)
	in.Reset()
	n.spare = in
	if err != nil {
		n.alive = false
		n.w.fail(fmt.Errorf("crowd: %v ends: %w", n, err))
		return
	}
	if n.member.Reader().Serves() {
		n.write()
	}
}

// write adds commands, as far as the gate is open. They are of a session that there is none
// of: their bytes go through the order, and change nothing in the state.
func (n *node) write() {
	for n.gate.Open() {
		c := wire.Command{Op: wire.OpSet, Session: 1 << 60, Seq: 1, Floor: 1, Key: "k", Value: n.w.value}
		n.gate.Admit(n.in.Encode(&c, member.Ticket{}))
		n.wakeTurn()
	}
}

// Timer is part of member.Host.
func (n *node) Timer(t member.Timer, after time.Duration) {
	n.timers[t]++
	number := n.timers[t]
	n.w.After(after, func() {
		if n.timers[t] == number {
			n.call(func(m *member.Member) { m.Fire(t) })
		}
	})
}

// Beat is part of member.Host.
func (n *node) Beat(b *member.Beat) {
	n.w.After(n.w.cfg.Latency, func() {
		if !n.alive {
			return
		}
		d, err := n.w.keeper.Heartbeat(n.w.Now, b.From, b.Report)
		n.w.After(n.w.cfg.Latency, func() {
			n.call(func(m *member.Member) {
				if err != nil {
					m.Answered(b, nil, err)
				} else {
					m.Answered(b, &d, nil)
				}
			})
		})
	})
}

// wake takes that the registry may have news.
func (n *node) wake() {
	if n.told {
		return
	}
	n.told = true
	n.w.After(n.w.cfg.Latency, func() {
		n.told = false
		d, err := n.w.keeper.Next(n.watch)
		if err != nil || d == nil || !n.alive {
			return // an excluded node hears of it in the answer to a heartbeat, too
		}
		n.call(func(m *member.Member) { m.Directed(d) })
	})
}

var errUnforeseen = errors.New("crowd: no node leaves or joins here")

// AskToLeave is part of member.Host.
func (n *node) AskToLeave(membership.From, bool, string) { n.w.fail(errUnforeseen) }

// Observe is part of member.Host. Members of the first view need no state of another.
func (n *node) Observe(t *member.Transfer) {
	if t != nil {
		n.w.fail(errUnforeseen)
	}
}

// Delivered is part of member.Host.
func (n *node) Delivered(d *wire.Delivery) {
	s := sent{d.View, d.Incarnation, d.Seq}
	switch w := n.w; {
	case n.order == len(w.order):
		w.order = append(w.order, s)
	case w.order[n.order] != s:
		w.fail(fmt.Errorf("crowd: message %d is %v at %v, and %v elsewhere", n.order, s, n, w.order[n.order]))
	}
	n.order++
	if d.Incarnation == n.self.Incarnation {
		n.written, n.w.moved = true, true
		n.underWay -= len(d.Payload)
	}
}

// Event is part of member.Host.
func (n *node) Event(e member.Event) {
	switch e := e.(type) {
	case member.Entered:
		n.view, n.proposed, n.w.moved = e.View.ID, 0, true
	case member.Accused:
		n.w.fail(e.Err)
	case member.Rejected:
		n.w.fail(e.Err)
	}
}
