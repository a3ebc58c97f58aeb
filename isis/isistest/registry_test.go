package isistest_test

import (
	"slices"

	"github.com/seed-8247e700/dsm/isis"
)

// registry is a model of the authority on views. What is durable outlives a
// restart.
type registry struct {
	// Durable.
	views   []isis.View // committed, the oldest first
	attempt *isis.Attempt
	lastID  uint64 // of views and attempts

	// Volatile.
	failed  isis.MemberID // leader of the attempt before, if that failed
	ready   map[*node]bool
	leaving map[*node]bool

	directives mail[directive]
	reports    mail[report]
}

// directive is what the registry tells a node: the committed views, in order,
// or the attempt under way, or both.
type directive struct {
	to      *node
	views   []isis.View
	attempt *isis.Attempt
}

// report is what a node tells the registry, again and again.
type report struct {
	from      *node
	installed uint64 // attempt it led that all members acknowledged
	ready     bool   // a joiner that is close to its donor
	leaving   bool
}

// mail is what is on its way to or from the registry, in no order.
type mail[T any] []T

// maxMail bounds it: more is lost.
const maxMail = 64

func (m *mail[T]) send(x T) {
	if len(*m) < maxMail {
		*m = append(*m, x)
	}
}

// arrive takes any out, which may arrive again, and reports whether it has got lost.
func (m *mail[T]) arrive(w *world) (x T, lost bool) {
	i := w.rng.IntN(len(*m))
	x = (*m)[i]
	if !w.chance(w.traits.double) {
		*m = slices.Delete(*m, i, i+1)
	}
	return x, w.chance(w.traits.loss)
}

func (r *registry) last() *isis.View { return &r.views[len(r.views)-1] }

func (r *registry) view(id uint64) *isis.View {
	i, ok := slices.BinarySearchFunc(r.views, id, func(v isis.View, id uint64) int {
		return int(v.ID) - int(id)
	})
	if !ok {
		return nil
	}
	return &r.views[i]
}

// possible returns the views that a survivor is needed of: the last, and the
// attempt's, which may commit.
func (r *registry) possible() []*isis.View {
	if r.attempt == nil {
		return []*isis.View{r.last()}
	}
	return []*isis.View{r.last(), &r.attempt.View}
}

// commit makes v the view after the last.
func (r *registry) commit(w *world, v isis.View) {
	w.trace("registry: commits view %d %v", v.ID, v.Members)
	w.counts["views"]++
	if len(r.views) > 0 {
		for _, m := range r.last().Members {
			n := w.nodeOf(m)
			switch {
			case v.Rank(m) >= 0 || !n.Alive:
			case n.left:
				w.counts["leaves"]++
			default:
				w.counts["exclusions of the living"]++
			}
		}
	}
	r.views = append(r.views, v)
	r.lastID = max(r.lastID, v.ID)
	r.attempt = nil
	r.failed = isis.MemberID{}
}

// restart forgets what is volatile. What is on its way from it still arrives.
func (r *registry) restart(w *world) {
	w.trace("registry: restarts")
	w.counts["restarts of the registry"]++
	r.failed = isis.MemberID{}
	r.ready, r.leaving = nil, nil
}

// hear notes that a node sends its report.
func (r *registry) hear(w *world, n *node) {
	if n.leaving && n.Core.Idle() {
		n.left = true
	}
	if fetched := n.Core.Fetched(); fetched > n.fetched {
		n.fetched = fetched
		w.counts["payloads fetched"]++
	}
	r.reports.send(report{
		from: n, installed: n.Core.Installed(), leaving: n.left, ready: n.Donor != nil && len(n.Stream) < 3,
	})
}

// take takes a report.
func (r *registry) take(w *world, p report) {
	w.trace("registry: hears %s installed=%d ready=%v leaving=%v", p.from, p.installed, p.ready, p.leaving)
	if r.ready == nil {
		r.ready, r.leaving = make(map[*node]bool), make(map[*node]bool)
	}
	r.ready[p.from] = p.ready
	r.leaving[p.from] = p.leaving
	if a := r.attempt; a != nil && a.View.ID == p.installed && a.Leader == p.from.ID {
		r.commit(w, a.View)
	}
}

// propose begins an attempt, from the committed view and from who is taken for
// alive: suspects are passed over. It never gives up the last living member,
// without whom the group's state would be gone.
func (r *registry) propose(w *world, suspect func(*node) bool) {
	base := r.last()
	members := make([]isis.MemberID, 0, len(base.Members)+2)
	var spare []isis.MemberID
	for _, m := range base.Members {
		n := w.nodeOf(m)
		if n.Alive && !n.doubtful {
			spare = append(spare, m)
		}
		if !r.leaving[n] && !suspect(n) {
			members = append(members, m)
		}
	}
	if !slices.ContainsFunc(members, func(m isis.MemberID) bool { return slices.Contains(spare, m) }) {
		members = append(members, spare[w.rng.IntN(len(spare))])
	}
	leader := r.lead(w, members)
	for _, n := range w.nodes {
		if r.ready[n] && base.Rank(n.ID) < 0 && !suspect(n) && r.joins(w, n) {
			members = slices.DeleteFunc(members, func(m isis.MemberID) bool { return m.ID == n.ID.ID && m != leader })
			if !slices.ContainsFunc(members, func(m isis.MemberID) bool { return m.ID == n.ID.ID }) {
				members = append(members, n.ID)
			}
		}
	}
	if r.attempt == nil && slices.Equal(members, base.Members) && !w.chance(0.05) {
		return
	}
	if r.attempt != nil {
		r.failed = r.attempt.Leader
	}
	r.lastID += 1 + uint64(w.rng.IntN(2))
	r.attempt = &isis.Attempt{View: isis.View{ID: r.lastID, Prev: base.ID, Members: members}, Leader: leader, Full: w.chance(0.3)}
	w.counts["attempts"]++
	w.trace("registry: attempt %d from view %d, leader %v, %v", r.lastID, base.ID, leader, members)
}

// lead chooses a survivor as the leader, another than in the attempt that failed
// if there is one.
func (r *registry) lead(w *world, survivors []isis.MemberID) isis.MemberID {
	failed := r.failed
	if r.attempt != nil {
		failed = r.attempt.Leader
	}
	at := w.rng.IntN(len(survivors))
	if survivors[at] == failed {
		at = (at + 1) % len(survivors)
	}
	return survivors[at]
}

// joins tells whether a node may be added: not once it was a member, and not
// beside a living node of its name.
func (r *registry) joins(w *world, n *node) bool {
	return !r.knows(n.ID) && !slices.ContainsFunc(w.nodes, func(o *node) bool {
		return o != n && o.Alive && o.ID.ID == n.ID.ID
	})
}

// knows tells whether m is or was a member.
func (r *registry) knows(m isis.MemberID) bool {
	return slices.ContainsFunc(r.views, func(v isis.View) bool { return v.Rank(m) >= 0 })
}

// obey makes a node follow a directive.
func (w *world) obey(d directive) {
	n := d.to
	w.trace("%s is told of %d views, attempt %v", n, len(d.views), d.attempt)
	for _, v := range d.views {
		if err := n.Core.Commit(v); err != nil {
			if !n.doubtful {
				w.fail("commit: %s: %v", n, err)
			}
			w.counts["joiners that started over"]++
			w.stop(n, err.Error())
			return
		}
	}
	if d.attempt == nil {
		return
	}
	restart := w.chance(0.3)
	if restart {
		w.group.Turn(n.Node) // what is sent from now on is of the attempt
	}
	if n.Core.Wedge(*d.attempt) && restart {
		w.restartLinks(n)
	}
}

// restartLinks has links of a node begin anew, as those do with an attempt that were
// dead: what they have not carried is lost, and what the node sends from now on is not.
func (w *world) restartLinks(n *node) {
	for _, l := range n.Links {
		if l.Len() > 0 && w.chance(0.4) {
			w.cut(l)
			w.counts["links that began anew"]++
		}
	}
}
