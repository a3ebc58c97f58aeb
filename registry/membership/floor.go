package membership

import "github.com/seed-8247e700/dsm/internal/planted"

// Positions of a group never come twice, and with them versions, ids of sessions
// and whatever else is a position: those of a generation lie above all of the
// generations before it. Else a write that is conditional on a version, kept by a
// client from before the group's state was lost, could succeed by accident.
//
// No node of the generation before is there to ask where it ended. What the
// registry knows is what members reported, with every heartbeat; what they
// delivered after that it has to allow for. So the state has a floor, which is
// saved before anybody is answered, and always at least Room above every position
// that was ever reported; a new generation begins at the floor.
const (
	// Room is how many commands a group may order that the registry does not hear
	// of, while it is away or cut off, until its last member is lost, before positions
	// could come twice: twelve days at a million commands a second, 127 at 100,000.
	Room = 1 << 40

	// floorStep is by how much more than it must the floor rises, so that it is
	// saved once in so many commands.
	floorStep = 1 << 30

	// MaxPosition bounds what may be reported, and where a generation may begin. It
	// leaves room for 4 million generations. In the first 7,000 a version is below
	// 1<<53, as programs need that keep numbers as floats.
	MaxPosition = 1 << 62

	// BaseLevel is the feature level of nodes that begin a generation where they are
	// told. Those of a lower one begin at 0.
	BaseLevel = 2
)

// reported takes a position that a node of this group has reported, in whatever
// generation.
func (g *Group) reported(position uint64) error {
	if position > MaxPosition {
		return refuse(ErrInvalid, "the position is %d; it can be at most %d", position, uint64(MaxPosition))
	}
	g.raiseFloor(position)
	return nil
}

// raiseFloor keeps the floor Room above a position.
func (g *Group) raiseFloor(position uint64) {
	room, step := uint64(Room), uint64(floorStep)
	if planted.On(planted.FloorWithoutRoom) {
		room, step = 0, 0
	}
	if position+room > g.state.Floor {
		g.state.Floor = position + room + step
		g.unsaved = true // and nothing that nodes are told has changed
	}
}

// mayBegin refuses a new generation whose positions would be too high.
func (g *Group) mayBegin() error {
	if g.state.Floor <= MaxPosition {
		return nil
	}
	return refuse(ErrExhausted, "a new generation would begin at position %d, and the highest is %d; "+
		"begin a new group, with a new data directory for the registry", g.state.Floor, uint64(MaxPosition))
}

// firstPosition is where a new generation begins: its first command has the
// position after it.
func (g *Group) firstPosition() uint64 {
	if planted.On(planted.PositionsBeginAnew) {
		return 0
	}
	return g.state.Floor
}
