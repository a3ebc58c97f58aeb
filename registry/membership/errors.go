package membership

import (
	"errors"
	"fmt"
	"time"
)

// What a group refuses. A refusal is certain: nothing was changed.
var (
	// ErrInvalid means: the request is malformed; its text names the field.
	ErrInvalid = errors.New("invalid request")
	// ErrIDInUse means: the id belongs to a node that is still heard.
	ErrIDInUse = errors.New("id in use")
	// ErrOtherGroup means: the node belongs to another group, or to a later time of
	// this one than the registry's record.
	ErrOtherGroup = errors.New("other group")
	// ErrOtherGeneration means: the node belongs to a generation whose state is gone.
	ErrOtherGeneration = errors.New("other generation")
	// ErrLastMember means: the last member leaves by force only.
	ErrLastMember = errors.New("last member")
	// ErrMinMembers means: the group would become smaller than its minimum size.
	ErrMinMembers = errors.New("minimum size")
	// ErrNeedsForce means: the command destroys state and was not forced.
	ErrNeedsForce = errors.New("needs force")
	// ErrUnknownNode means: the incarnation is no member and no joiner (any more).
	ErrUnknownNode = errors.New("unknown node")
	// ErrExhausted means: there are no positions left for a new generation.
	ErrExhausted = errors.New("positions are used up")
	// ErrFull means: the group has MaxNodes nodes.
	ErrFull = errors.New("group is full")
	// ErrOldRelease means: the node is of an older release than all members, whose commands it
	// would not understand.
	ErrOldRelease = errors.New("older release")
)

// refusal is a sentinel together with a text for people.
type refusal struct {
	kind error
	text string
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.kind }

// InUseError is the refusal of an id that another node has. It wraps ErrIDInUse.
type InUseError struct {
	text      string
	Holder    Member
	Silent    time.Duration // for how long neither the registry nor a member has heard it
	Detection time.Duration // after so long a silence the id is free
	Beats     uint64        // heartbeats of it that this registry process has had
}

func (e *InUseError) Error() string { return e.text }
func (e *InUseError) Unwrap() error { return ErrIDInUse }

func refuse(kind error, format string, args ...any) error {
	return &refusal{kind: kind, text: fmt.Sprintf("%v: %s", kind, fmt.Sprintf(format, args...))}
}
