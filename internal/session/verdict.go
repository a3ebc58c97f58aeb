package session

// Verdict says what to do after an attempt, and why.
type Verdict uint8

// Those up to Superseded end the operation. Those from Refused on have the server
// count as one that does not do well.
const (
	// Answered: the reply is the operation's answer, and reflects a position
	// that the session has seen from now on (Raise).
	Answered Verdict = iota
	// Declined: the reply is the operation's answer, and nothing was done.
	Declined
	// Expired: the group has forgotten the write's session. This attempt did
	// nothing; ask Unknown about those before it.
	Expired
	// Superseded: a write with a floor above this one has been executed, and the
	// group no longer keeps the result of this one. Its outcome is unknown: an
	// earlier attempt may have executed it.
	Superseded

	// Crowded: writes before this one have to end first. The node is well.
	Crowded
	// OutOfOrder: the write that has to be executed before this one has not been.
	// The node is well.
	OutOfOrder

	// Refused: the node does not serve now.
	Refused
	// Estranged: the node is in another generation, or another group.
	Estranged
	// TimedOut: the node did not get it done within the time it was given. If
	// that was all that the caller has, the operation ends.
	TimedOut
	// Interrupted: the node lost its place in the group meanwhile.
	Interrupted
	// Behind: the node answered a read from before what the session has seen,
	// which no good one does. It must not be shown.
	Behind
	// Incomprehensible: the reply's status is none that this release knows.
	Incomprehensible
	// Unanswered: there was no reply.
	Unanswered
)

// Final reports whether the operation has ended.
func (v Verdict) Final() bool { return v <= Superseded }

// Elsewhere reports whether the next attempt is to be made at another server, if
// there is one.
func (v Verdict) Elsewhere() bool { return v >= Refused }
