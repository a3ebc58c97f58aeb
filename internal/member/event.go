package member

import (
	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/isis"
)

// Event is something rare that has happened: one of the types below.
type Event any

// What happens to the view.
type (
	// Begins: the commands after the position are of a view that is committed now.
	Begins struct{ Position uint64 }

	// Entered: the member is in a view. Those that it knows to be in it are in no need
	// of its deliveries any more.
	Entered struct {
		View     isis.View
		Rank     int
		Position uint64
	}

	// Excluded: a view was made without the member, which ends. Damage is not nil if
	// that is what it wanted.
	Excluded struct {
		Reason string
		Damage error
	}

	// NewGeneration: the group has given its variables up, and the member ends.
	NewGeneration struct{ Generation uint64 }

	// Ignored: a directive comes from a registry that is not to be obeyed.
	Ignored struct {
		Reason            string
		Group, Generation uint64
	}

	// Outdated: a directive comes after a later one.
	Outdated struct{ Revision, Latest uint64 }

	// Waits: what this joiner waits for, by the registry's word; nothing if Reason is
	// empty. Unlinked are members that it has no link with.
	Waits struct {
		Reason   string
		Unlinked []link.Status
	}

	// Accused: a member breaks the protocol, and counts as not heard.
	Accused struct {
		Peer isis.MemberID
		Err  error
	}

	// Rejected: a message that was kept for a later view breaks the protocol.
	Rejected struct{ Err error }

	// LeaveRefused: the registry does not let the member go, and will not. It goes on.
	LeaveRefused struct{ Err error }
)

// What happens to the lease.
type (
	// Serves: the member has a lease. First, for the first time.
	Serves struct{ First bool }

	// Doubted: the lease has run out by the clock on the wall alone.
	Doubted struct{ View uint64 }

	// Lapsed: the member serves nobody any more, and those who wait are refused.
	// Expired: because the lease has run out.
	Lapsed struct {
		Expired bool
		View    uint64
		Phase   isis.Phase
	}
)

// What happens to the state.
type (
	// Loaded: the state of a donor is the member's.
	Loaded struct {
		Donor    isis.MemberID
		Position uint64
	}

	// TransferOver: a transfer has ended before the member is in a view. Needed: so that
	// another is necessary.
	TransferOver struct {
		Donor  link.Peer
		Err    error
		Needed bool
	}

	// Audited: the member has taken note of its digest.
	Audited struct{ Position uint64 }

	// Verdict: the audit at a position has ended. Differing are those that differ.
	Verdict struct {
		Position  uint64
		Differing []string
	}

	// Crowd: a client opens a session where many are open.
	Crowd struct{ Crowd *store.Crowd }

	// DamageFound: the state is damaged.
	DamageFound struct {
		Err      error
		Loaded   bool // it was just loaded, and will be again
		Again    bool // more of it
		Alone    bool // no other member has the state
		NotAlone bool // another member has the state now
	}

	// Barred: clients are refused, whatever the lease.
	Barred struct{}

	// Whole: the state is whole again.
	Whole struct{ Err error }
)
