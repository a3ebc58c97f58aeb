package server

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// predecessor is the node that has the id of one that starts. If it is gone, its id is
// free once it has been silent for the detection time, or for two heartbeat intervals if
// the identity directory proves that it is dead. If it lives, waiting is in vain.
type predecessor struct {
	known  bool
	holder string
	beats  uint64 // heartbeats that the registry had had of it at the first refusal
}

// livingBeats is how many heartbeats after the first refusal prove that the
// predecessor lives. One may have been on its way when it died. A second one was sent
// after the answer to that.
const livingBeats = 2

// refused takes a refusal. It returns how long to wait before the node asks again, or
// the error that ends its start.
func (p *predecessor) refused(n *Node, err error) (time.Duration, error) {
	var in *registry.InUseError
	if !errors.As(err, &in) || in.Detection == 0 {
		return 0, err // of a registry of an earlier release, which does not tell
	}
	recorded := membership.Member{ID: n.cfg.ID, Incarnation: n.identity.last.Incarnation}
	why := err.Error()
	n.refused.Store(&why)
	if !p.known || p.holder != in.Holder || in.Beats < p.beats { // or the registry was restarted
		switch {
		case p.known:
		case n.identity.provedDead() != 0 && in.Holder == recorded.String():
			n.log.Info("waiting: the registry believes that the earlier run of this node has ended once nobody has heard it for two heartbeat intervals",
				"holder", in.Holder, "holder_addr", in.Addr)
		default:
			n.log.Warn("waiting: the registry has heard a node with this id within the detection time, and will give the id to this node if it hears no more of the other",
				"holder", in.Holder, "holder_addr", in.Addr, "heard_ago", in.Silent, "detection", in.Detection)
		}
		p.known, p.holder, p.beats = true, in.Holder, in.Beats
	}
	if in.Beats >= p.beats+livingBeats {
		if in.Holder == recorded.String() {
			return 0, fmt.Errorf("server: the identity directory %s is a copy, or its lock does not work: the node that it belongs to is alive, since the registry heard it while this node waited; "+
				"to move that node, stop it first; to run another one, give it an id and an empty directory of its own: %w", n.cfg.DataDir, err)
		}
		return 0, fmt.Errorf("server: a node with this id is alive: the registry heard it while this node waited: %w", err)
	}
	const least, most = 20 * time.Millisecond, 250 * time.Millisecond
	return min(max(in.Detection-in.Silent, least), most), nil
}
