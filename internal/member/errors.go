package member

import "errors"

// Why a member ends. Another reason is one of the errors of a joiner below, or the host's
// own.
var (
	ErrExcluded   = errors.New("server: excluded from the group")
	ErrGeneration = errors.New("server: the group has begun a new generation")
	ErrLeft       = errors.New("server: left the group")

	// ErrDamaged: bytes in the member's memory are not what the order wrote there. The
	// node comes back as a new incarnation and loads the state of another member.
	ErrDamaged = errors.New("server: the state is damaged")

	// ErrCannotLoad: no member's state can be loaded under this member's limits.
	ErrCannotLoad = errors.New("no member's state can be loaded")

	// ErrAdvertised: others do not reach this node where it says it is.
	ErrAdvertised = errors.New("Advertise")
)

// Why a joiner's transfer ends.
var (
	ErrUnreached    = errors.New("server: a member cannot be reached")
	ErrDonorRefuses = errors.New("server: the donor gives up")
	ErrDonorDamaged = errors.New("server: the donor's state is damaged")
	ErrDonorLagged  = errors.New("server: too slow for the donor's deliveries")

	// ErrOutrun: a group changed its state faster than it came here.
	ErrOutrun = errors.New("server: the deliveries came faster than the state")

	// ErrMemberNow: the deliveries that come now are of a view that the joiner is in.
	ErrMemberNow = errors.New("server: the joiner is a member now")

	errTooLate      = errors.New("server: the state came too late to be of use")
	errTransferOver = errors.New("server: the transfer is over")
)

// Why a donor gives a joiner up.
var (
	ErrNoDonor = errors.New("server: serves no joiners now")
	ErrLagged  = errors.New("server: the reader of the deliveries fell too far behind")
)
