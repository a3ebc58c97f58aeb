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
	// Begins says that what comes after the position is of a view that is committed now.
	Begins struct{ Position uint64 }

	// Entered says that the member is in a view. Joiners that are members of it need its
	// deliveries no more. If the feature level rises, other joiners must not have them
	// either: one may not understand what comes. It asks again, if it is still wanted.
	Entered struct {
		View     isis.View
		Rank     int
		Position uint64
		Rises    bool // the feature level is higher than that of the view before
	}

	// Excluded says that a view was made without the member, which ends. Damage is not nil
	// if that is what it wanted.
	Excluded struct {
		Reason string
		Damage error
	}

	// NewGeneration says that the group has given its variables up. The member ends.
	NewGeneration struct{ Generation uint64 }

	// Ignored says that a directive comes from a registry that is not to be obeyed.
	Ignored struct {
		Reason            string
		Group, Generation uint64
	}

	// Outdated says that a directive comes after a later one.
	Outdated struct{ Revision, Latest uint64 }

	// Waits says what this joiner waits for, by the registry's word, "" if nothing, and
	// to which members it has no link.
	Waits struct {
		Reason   string
		Unlinked []link.Status
	}

	// Accused says that a member breaks the protocol. It counts as not heard.
	Accused struct {
		Peer isis.MemberID
		Err  error
	}

	// Rejected says that a message that was kept for a later view breaks the protocol.
	Rejected struct{ Err error }

	// Leaves says that the member is leaving: its clients are to go elsewhere, before the
	// registry is asked.
	Leaves struct{}

	// LeaveRefused says that the registry does not let the member go, and will not. It
	// goes on.
	LeaveRefused struct{ Err error }
)

// What happens to the lease.
type (
	// Serves says that the member has a lease: First, for the first time.
	Serves struct{ First bool }

	// Doubted says that the lease has run out by the clock on the wall alone.
	Doubted struct{ View uint64 }

	// Lapsed says that the member serves nobody any more: Expired, because the lease has
	// run out. Those who wait are refused.
	Lapsed struct {
		Expired bool
		View    uint64
		Phase   isis.Phase
	}
)

// What happens to the state.
type (
	// Loaded says that the state of a donor is the member's.
	Loaded struct {
		Donor    isis.MemberID
		Position uint64
	}

	// TransferOver says that a transfer has ended before the member is in a view: Needed,
	// so that another is necessary.
	TransferOver struct {
		Donor  link.Peer
		Err    error
		Needed bool
	}

	// Audited says that the member has noted its digest.
	Audited struct{ Position uint64 }

	// Verdict says that the audit at a position has ended, and which members differ.
	Verdict struct {
		Position  uint64
		Differing []string
	}

	// Crowd says that a client opens a session where many are open.
	Crowd struct{ Crowd *store.Crowd }

	// DamageFound says that the state is damaged.
	DamageFound struct {
		Err      error
		Loaded   bool // it was just loaded, and will be again
		Again    bool // more of it
		Alone    bool // no other member has the state
		NotAlone bool // another member has the state now
	}

	// Barred says that clients are refused, whatever the lease.
	Barred struct{}

	// Whole says that the state is whole again.
	Whole struct{ Err error }
)
