package registry

import (
	"errors"
	"time"

	"connectrpc.com/connect"

	"github.com/seed-8247e700/dsm/registry/keeper"
	"github.com/seed-8247e700/dsm/registry/membership"
	"github.com/seed-8247e700/dsm/registry/registrypb"
)

// What a registry refuses. It is certain that nothing was changed.
var (
	ErrInvalid         = membership.ErrInvalid         // malformed; the text names the field
	ErrIDInUse         = membership.ErrIDInUse         // the id belongs to a node that is still heard
	ErrOtherGroup      = membership.ErrOtherGroup      // the node belongs to another group, or the registry's record is an old copy
	ErrOtherGeneration = membership.ErrOtherGeneration // the node's generation was given up
	ErrLastMember      = membership.ErrLastMember      // the last member leaves by force only
	ErrMinMembers      = membership.ErrMinMembers      // leaving would go below the minimum size
	ErrNeedsForce      = membership.ErrNeedsForce      // the command destroys state
	ErrUnknownNode     = membership.ErrUnknownNode     // no member and no joiner (any more)
	ErrFull            = membership.ErrFull            // the group has as many nodes as it can
	ErrOldRelease      = membership.ErrOldRelease      // the node is of an older release than all members
	ErrExhausted       = membership.ErrExhausted       // there are no positions left for a new generation
)

var (
	// ErrDegraded means: the registry could not save its state and refuses changes
	// until it can. Whether a change that was just under way holds then is unknown,
	// but nobody was told of it.
	ErrDegraded = keeper.ErrDegraded
	// ErrUnreachable means: no registry answered. Whether the request had an effect is
	// unknown; all requests may be repeated.
	ErrUnreachable = errors.New("registry unreachable")
	// ErrNotRegistry means: what listens at the registry's address is something else,
	// which the text names. Such errors are ErrUnreachable too.
	ErrNotRegistry = errors.New("not a registry")
	// ErrClosed means: the registry was closed.
	ErrClosed = errors.New("registry closed")
)

// wrongServerError says what listens at an address that is not a registry's.
type wrongServerError struct{ text string }

func (e *wrongServerError) Error() string { return e.text }

func (*wrongServerError) Unwrap() []error { return []error{ErrNotRegistry, ErrUnreachable} }

// refusals pairs what Go programs see with what crosses the wire.
var refusals = []struct {
	err    error
	reason registrypb.Refusal_Reason
	code   connect.Code
}{
	{ErrInvalid, registrypb.Refusal_REASON_INVALID, connect.CodeInvalidArgument},
	{ErrIDInUse, registrypb.Refusal_REASON_ID_IN_USE, connect.CodeAlreadyExists},
	{ErrOtherGroup, registrypb.Refusal_REASON_OTHER_GROUP, connect.CodeFailedPrecondition},
	{ErrOtherGeneration, registrypb.Refusal_REASON_OTHER_GENERATION, connect.CodeFailedPrecondition},
	{ErrLastMember, registrypb.Refusal_REASON_LAST_MEMBER, connect.CodeFailedPrecondition},
	{ErrMinMembers, registrypb.Refusal_REASON_MIN_MEMBERS, connect.CodeFailedPrecondition},
	{ErrNeedsForce, registrypb.Refusal_REASON_NEEDS_FORCE, connect.CodeFailedPrecondition},
	{ErrUnknownNode, registrypb.Refusal_REASON_UNKNOWN_NODE, connect.CodeNotFound},
	{ErrFull, registrypb.Refusal_REASON_FULL, connect.CodeResourceExhausted},
	{ErrExhausted, registrypb.Refusal_REASON_EXHAUSTED, connect.CodeFailedPrecondition},
	{ErrOldRelease, registrypb.Refusal_REASON_OLD_RELEASE, connect.CodeFailedPrecondition},
	{ErrForbidden, registrypb.Refusal_REASON_FORBIDDEN, connect.CodePermissionDenied},
	{ErrDegraded, registrypb.Refusal_REASON_DEGRADED, connect.CodeUnavailable},
}

// toWire turns a refusal into an error of the API.
func toWire(err error) error {
	for _, r := range refusals {
		if !errors.Is(err, r.err) {
			continue
		}
		out := connect.NewError(r.code, err)
		refusal := &registrypb.Refusal{Reason: r.reason}
		if in := new(membership.InUseError); errors.As(err, &in) {
			refusal.Holder, refusal.HolderAddr, refusal.Beats = in.Holder.String(), in.Holder.PeerAddr, in.Beats
			refusal.SilentMs, refusal.DetectionMs = in.Silent.Milliseconds(), in.Detection.Milliseconds()
		}
		if detail, detailErr := connect.NewErrorDetail(refusal); detailErr == nil {
			out.AddDetail(detail)
		}
		return out
	}
	if errors.Is(err, ErrClosed) {
		return connect.NewError(connect.CodeUnavailable, err)
	}
	return connect.NewError(connect.CodeInternal, err)
}

// refusedError is a refusal as a client sees it: the registry's own words, and
// the sentinel they stand for.
type refusedError struct {
	kind error
	text string
}

func (e *refusedError) Error() string { return e.text }
func (e *refusedError) Unwrap() error { return e.kind }

// InUseError is the refusal of an id that another node has. It wraps ErrIDInUse.
type InUseError struct {
	refusedError

	Holder    string        // who has the id: id#incarnation
	Addr      string        // where it is
	Silent    time.Duration // for how long neither the registry nor a member has heard it
	Detection time.Duration // after so long a silence the id is free
	Beats     uint64        // heartbeats of it that this registry process has had
}

func inUse(refused refusedError, r *registrypb.Refusal) error {
	return &InUseError{
		refusedError: refused,
		Holder:       r.GetHolder(), Addr: r.GetHolderAddr(), Beats: r.GetBeats(),
		Silent:    time.Duration(r.GetSilentMs()) * time.Millisecond,
		Detection: time.Duration(r.GetDetectionMs()) * time.Millisecond,
	}
}

// fromWire recognises a refusal; nil if the error is something else.
func fromWire(err error) error {
	var wire *connect.Error
	if !errors.As(err, &wire) {
		return nil
	}
	for _, detail := range wire.Details() {
		value, valueErr := detail.Value()
		refusal, ok := value.(*registrypb.Refusal)
		if valueErr != nil || !ok {
			continue
		}
		for _, r := range refusals {
			if r.reason != refusal.GetReason() {
				continue
			}
			refused := refusedError{kind: r.err, text: wire.Message()}
			if r.err == ErrIDInUse { //nolint:errorlint // it is the sentinel of the table
				return inUse(refused, refusal)
			}
			return &refused
		}
	}
	return nil
}
