package membership

import (
	"fmt"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// The feature level of a group's views never falls within a generation. A view has the
// lowest level of its members, and members have commands ordered that only nodes of its
// level understand. Some of these are on their way when the next view comes, and later ones
// are in the state. So a node below the level of the committed view is not registered, and
// a joiner that the level has left behind is excluded, in the step that commits the view:
// no node is ever told of both. The state of a generation that is lost is lost with all
// its commands, and the next one begins with whatever nodes there are. So the node that
// brings the last proof of the loss is registered, whatever it speaks.

// outdated says, for people, why a node that speaks a feature level cannot be in the next
// view; "" if it can.
func (g *Group) outdated(level uint32) string {
	view := g.committed()
	if level >= view.FeatureLevel || planted.On(planted.LevelFalls) {
		return ""
	}
	return fmt.Sprintf("this node speaks feature level %d, and all members of the group (%s) speak %d: "+
		"install a newer release of dsm on this node's host and start it again; a group does not go back", level, names(view.Members), view.FeatureLevel)
}

// dropOutdated excludes the joiners that the committed view has left behind.
func (g *Group) dropOutdated() {
	for _, n := range g.joiners() {
		if why := g.outdated(n.member.FeatureLevel); why != "" {
			g.depart(n.member, why)
		}
	}
}

// featureLevel is that of a view of these members: the highest that all of them speak.
func featureLevel(members []Member) uint32 {
	level := members[0].FeatureLevel
	for _, m := range members {
		level = min(level, m.FeatureLevel)
	}
	return level
}
