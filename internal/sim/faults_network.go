package sim

import (
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// pairFault is a fault between two nodes.
func pairFault(strike func(w *world, k Fault, a, b int) bool) func(*world, Fault) bool {
	return func(w *world, k Fault) bool {
		nodes := w.traits.nodes
		if nodes < 2 {
			return false
		}
		a := w.random.faults.IntN(nodes)
		return strike(w, k, a, (a+1+w.random.faults.IntN(nodes-1))%nodes)
	}
}

func (w *world) cutLink(k Fault, a, b int) bool { return w.cutWays(k, [][2]int{{a, b}, {b, a}}) }

func (w *world) cutOneWay(k Fault, a, b int) bool { return w.cutWays(k, [][2]int{{a, b}}) }

// deafen keeps a node from hearing any other.
func (w *world) deafen(k Fault, a, _ int) bool {
	w.deaf = append(w.deaf, a)
	w.deafMany = w.deafMany || w.network.CutAnywhere()
	var ways [][2]int
	for other := range w.traits.nodes {
		ways = append(ways, [2]int{other, a})
	}
	return w.cutWays(k, ways)
}

// slowDown has one way of the network take longer.
func (w *world) slowDown(_ Fault, a, b int) bool {
	w.slowWay(a, b, w.traits.detection/2)
	return true
}

func (w *world) slowWay(a, b int, most time.Duration) {
	extra := upTo(w.random.faults, most)
	w.network.Slow(a, b, extra)
	w.until(func() { w.network.Slow(a, b, -extra) })
}

func (w *world) cutRegistry(k Fault) bool {
	return w.cutWays(k, w.oneOrBoth(w.random.faults.IntN(w.traits.nodes), w.registrySite()))
}

// oneOrBoth is a way of the network, mostly with the way back.
func (w *world) oneOrBoth(a, b int) [][2]int {
	switch w.random.faults.IntN(4) {
	case 0:
		return [][2]int{{a, b}}
	case 1:
		return [][2]int{{b, a}}
	default:
		return [][2]int{{a, b}, {b, a}}
	}
}

func (w *world) cutWays(k Fault, ways [][2]int) bool {
	w.trace("fault: %s %v", k, ways)
	for _, way := range ways {
		w.network.Block(way[0], way[1])
	}
	w.until(func() {
		w.trace("heals: %s %v", k, ways)
		for _, way := range ways {
			w.network.Unblock(way[0], way[1])
		}
	})
	return true
}

// partition parts the nodes in two. Each client, and the registry, stays with
// one side, with both, or with none.
func (w *world) partition(k Fault, _, _ int) bool {
	t := &w.traits
	side := make([]int, w.network.Sites)
	for i := range side {
		side[i] = 1 + w.random.faults.IntN(2)
		if i >= t.nodes {
			side[i] = w.random.faults.IntN(4)
		}
	}
	side[w.random.faults.IntN(t.nodes)] = 1
	var ways [][2]int
	for a := range side {
		for b := range side {
			if a < t.nodes && a != b && side[a]|side[b] == 3 && side[a] != 3 && side[b] != 3 {
				ways = append(ways, [2]int{a, b})
				if b >= t.nodes {
					ways = append(ways, [2]int{b, a})
				}
			}
		}
	}
	return w.cutWays(k, ways)
}

// resetBetween breaks the connections between two sites. Now and then an end finds
// on that occasion that it has kept too much for its peer, and gives the link up.
func (w *world) resetBetween(_ Fault, a, b int) bool {
	done := false
	for _, p := range w.processes {
		if !p.alive || p.site != a {
			continue
		}
		if r := p.current; r != nil && w.random.faults.IntN(5) == 0 && w.traits.minMembers == 1 {
			r.giveUpLink(b)
		}
		for _, c := range slices.Clone(p.conns) {
			if c.Ends[0].Site == b || c.Ends[1].Site == b {
				c.Reset()
				done = true
			}
		}
	}
	return done
}

// committing is where the cut of the registry lies in wait for a commit: its
// members are still wedged, and do not hear of it.
func (w *world) committing() {
	if !w.ambushes.Has(CutAtCommit) || w.healed {
		return
	}
	w.ambushes &^= 1 << CutAtCommit
	w.counts.Faults[CutAtCommit]++
	var ways [][2]int
	for site := range w.traits.nodes {
		ways = append(ways, [2]int{w.registrySite(), site})
	}
	w.cutWays(CutAtCommit, ways)
}

// giveUpLink has a member take its link with another for full.
func (r *replica) giveUpLink(site int) {
	r.links.Overflow(func(peer isis.MemberID) bool {
		other := r.w.replica(peer.Incarnation)
		return !r.over && other != nil && other.p.site == site
	})
}

// joinFault is a fault of a joiner.
func joinFault(strike func(w *world, k Fault, p *process, members []membership.Member) bool) func(*world, Fault) bool {
	return func(w *world, k Fault) bool {
		p := w.victim(func(p *process) bool { return p.current != nil && !p.current.reader.InView() })
		members := w.registry.members()
		return p != nil && len(members) > 0 && strike(w, k, p, members)
	}
}

// cutJoiner keeps a joiner from one of the members.
func (w *world) cutJoiner(k Fault, p *process, members []membership.Member) bool {
	m := w.replica(members[w.random.faults.IntN(len(members))].Incarnation)
	return m != nil && w.cutWays(k, w.oneOrBoth(p.site, m.p.site))
}

// slowJoiner slows down what a joiner receives.
func (w *world) slowJoiner(_ Fault, p *process, _ []membership.Member) bool {
	for site := range w.traits.nodes {
		w.slowWay(site, p.site, w.traits.detection/3)
	}
	return true
}

// cutClient breaks a client's connection, or keeps it for a while from what is
// sent to it or what it has sent.
func (w *world) cutClient(k Fault) bool {
	c := w.clients[w.random.faults.IntN(len(w.clients))]
	if c.conn == nil {
		return false
	}
	node := c.conn.Ends[1].Site
	if w.random.faults.IntN(2) == 0 {
		c.conn.Reset()
		return true
	}
	return w.cutWays(k, w.oneOrBoth(c.site, node))
}
