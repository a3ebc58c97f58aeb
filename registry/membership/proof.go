package membership

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// A node that locks its identity directory says that the incarnation recorded there is
// dead. It is mistaken if the directory is a copy of one whose node runs elsewhere, and
// the registry cannot tell the two apart. So a proof is a claim first. It is believed once
// neither the registry nor a member has heard the incarnation for a while after the claim.
// Who is heard then is not dead. Until it is believed a claim has no effect.

// leastProofSilence leaves room for the scheduling of a busy machine.
const leastProofSilence = 20 * time.Millisecond

// proofSilence is for how long an incarnation must not be heard after its successor claimed
// that it is dead: two heartbeat intervals.
func (s Settings) proofSilence() time.Duration {
	return max(2*s.Heartbeat, leastProofSilence)
}

// doubt takes a claim that a node is dead. It returns nil if the claim is to be believed,
// and else an InUseError that says how much longer the node must not be heard. A registry
// that has just started, or that did not hear anybody for a while, gives nodes as long again
// to be heard. One that was held up for a heartbeat interval counts from then.
func (g *Group) doubt(n *node) error {
	if g.provedDead(n.member.Incarnation) {
		return nil
	}
	if !n.claimed || g.heardAt(n) > n.claimedAt {
		n.claimed, n.claimedAt = true, g.now
	}
	silence := g.state.Settings.proofSilence()
	left := max(n.claimedAt, g.since+silence, g.heldUp) + silence - g.now
	if left <= 0 || planted.On(planted.ProofAtOnce) {
		return nil
	}
	return &InUseError{
		text: fmt.Sprintf("%v: the identity directory of the new node says that %s at %s is dead: this is believed once neither the registry nor a member has heard it for %v more",
			ErrIDInUse, n.member, n.member.PeerAddr, left.Round(time.Millisecond)),
		Holder: n.member, Silent: silence - left, Detection: silence, Beats: n.beats,
	}
}

// supersede makes way for a newcomer with the same id. A joiner goes; a member
// that is proved dead is remembered as such, one that is only silent stays
// until the failure detection excludes it.
func (g *Group) supersede(old *node, by Member, proof uint64) {
	inc := old.member.Incarnation
	if !g.committed().Has(inc) {
		g.depart(old.member, fmt.Sprintf("it was silent, or is proved dead, and %s has taken its id", by))
		return
	}
	if inc == proof {
		g.proveDead(old.member, "its identity lock was free for "+by.String()+", and nobody heard it after that")
	}
}

// proveDead remembers that a member is dead.
func (g *Group) proveDead(m Member, reason string) {
	if g.provedDead(m.Incarnation) {
		return
	}
	g.state.ProvedDead = append(slices.Clone(g.state.ProvedDead), m.Incarnation)
	g.changed()
	g.event(Event{Kind: EventProvedDead, Node: m, Reason: reason})
}
