package membership

import (
	"fmt"
	"time"
)

// Registration announces a node.
type Registration struct {
	ID           string
	PeerAddr     string
	ClientAddr   string
	Group        uint64 // 0: any
	ProvedDead   uint64 // incarnation of this id that the node's identity lock proves dead; 0: none
	FeatureLevel uint32
	Nonce        uint64 // random, the same in a repeated registration; 0: none
}

func (r Registration) validate() error {
	if err := ValidateID(r.ID); err != nil {
		return err
	}
	if err := validateAddr("the peer address", r.PeerAddr); err != nil {
		return err
	}
	return validateAddr("the client address", r.ClientAddr)
}

// Register gives a node its incarnation. The first node of a generation is its
// first view at once; every other one becomes a joiner. An id that is still
// heard is refused with ErrIDInUse, unless its holder is proved dead. A node that
// does not speak the feature level of the committed view is refused with
// ErrOldRelease.
func (g *Group) Register(now time.Duration, r Registration) (uint64, error) {
	g.advance(now)
	if err := r.validate(); err != nil {
		return 0, err
	}
	if r.Group != 0 && r.Group != g.state.Group {
		return 0, g.refuseGroup(r.ID, r.Group)
	}
	if why := g.outdated(r.FeatureLevel); why != "" && !g.lostWith(r.ProvedDead) {
		return 0, refuse(ErrOldRelease, "%s", why)
	}
	holders := g.holders(r.ID)
	for _, n := range holders {
		if r.Nonce != 0 && n.member.Nonce == r.Nonce {
			n.heard = g.now
			return n.member.Incarnation, nil
		}
	}
	for _, n := range holders {
		if n.member.Incarnation == r.ProvedDead {
			if err := g.doubt(n); err != nil {
				return 0, err
			}
		} else if g.heard(n) {
			return 0, g.inUse(n)
		}
	}
	if len(g.nodes) >= MaxNodes {
		return 0, refuse(ErrFull, "it has %d nodes, members and joiners, and cannot have more", len(g.nodes))
	}
	m := Member{
		ID:           r.ID,
		Incarnation:  g.state.NextIncarnation,
		PeerAddr:     r.PeerAddr,
		ClientAddr:   r.ClientAddr,
		FeatureLevel: r.FeatureLevel,
		Nonce:        r.Nonce,
	}
	g.state.NextIncarnation++
	g.changed()
	for _, n := range holders {
		g.supersede(n, m, r.ProvedDead)
	}
	g.nodes[m.Incarnation] = &node{member: m, heard: g.now, registered: g.now}
	g.event(Event{Kind: EventRegister, Node: m})
	g.decide()
	return m.Incarnation, nil
}

// holders returns the nodes with this id: a member, a joiner, or both.
func (g *Group) holders(id string) []*node {
	var out []*node
	for _, m := range g.committed().Members {
		if m.ID == id {
			out = append(out, g.nodes[m.Incarnation])
		}
	}
	for _, n := range g.joiners() {
		if n.member.ID == id {
			out = append(out, n)
		}
	}
	return out
}

// heard tells whether the registry or a member has heard the node within the
// detection time.
func (g *Group) heard(n *node) bool {
	return g.silentFor(n) < g.state.Settings.Detection && !g.provedDead(n.member.Incarnation)
}

// silentFor is for how long neither the registry nor a member has heard the node.
func (g *Group) silentFor(n *node) time.Duration { return g.now - g.heardAt(n) }

// heardAt is when the registry or a member heard the node last, as far as silence counts.
func (g *Group) heardAt(n *node) time.Duration { return g.heardAfter(n, g.since) }

// heardAfter is when the registry or a member heard the node last, or least if that was before.
func (g *Group) heardAfter(n *node, least time.Duration) time.Duration {
	if at, ok := g.heardTimes(least)[n.member.Incarnation]; ok {
		return at
	}
	return max(n.heard, least)
}

// inUse refuses a node whose id another one has.
func (g *Group) inUse(n *node) error {
	silent := g.silentFor(n)
	return &InUseError{
		text: fmt.Sprintf("%v: %s at %s was last heard %v ago; choose another id, or stop that node: its id is free once it has been silent for %v",
			ErrIDInUse, n.member, n.member.PeerAddr, silent.Round(time.Millisecond), g.state.Settings.Detection),
		Holder: n.member, Silent: silent, Detection: g.state.Settings.Detection, Beats: n.beats,
	}
}

// dropJoiners forgets joiners that are silent, and those whose predecessor of
// the same id turns out to be alive in the view: it was heard after they registered. That
// the registry was held up, and does not count the time before as silence, is no sign of life.
func (g *Group) dropJoiners() {
	for _, n := range g.joiners() {
		if silent := g.silence(n); silent >= g.state.Settings.Detection {
			g.depart(n.member, fmt.Sprintf("the registry has not heard from it for %v", silent))
			continue
		}
		for _, h := range g.holders(n.member.ID) {
			if h != n && g.heard(h) && g.stays(h.member.Incarnation) && g.heardAfter(h, 0)-g.heldFor > n.registered {
				g.depart(n.member, fmt.Sprintf("id in use: %s is heard again", h.member))
			}
		}
	}
}

// stays tells whether a member of the committed view is to be in the next.
func (g *Group) stays(incarnation uint64) bool {
	if g.state.Attempt != nil {
		return g.state.Attempt.View.Has(incarnation)
	}
	return g.committed().Has(incarnation)
}
