package wire

import "math"

// Command is one entry of the total order. Which fields count is in the table of
// operations; the others are zero.
//
// Writes carry (Session, Seq, Floor), and Prev where there is one: see the store's
// documentation of sessions. Seq starts at 1 in each session.
type Command struct {
	Op      Op
	Session uint64 // id of the session, the position of its OpOpenSession
	Seq     uint64 // number of this write within its session, from 1
	Floor   uint64 // lowest Seq whose outcome the client still wants; <= Seq
	Prev    uint64 // Seq of the write that must have been executed before this one; < Seq; 0: none
	Key     string
	Value   []byte
	Expect  uint64 // CompareAndSet: the version expected, 0 meaning absent
	Delta   int64
}

// Status is the outcome of a command or a request.
type Status uint8

// The outcomes. Their numbers are part of the protocol.
const (
	StatusOK              Status = 0
	StatusNotFound        Status = 1  // Get: no such variable. (Delete of an absent variable is StatusNotFound too, and changes nothing.)
	StatusConflict        Status = 2  // CompareAndSet, Txn: the version differs, a condition does not hold; Result.Version has the present one
	StatusNotInteger      Status = 3  // Add, Txn: the value is not the decimal text of an int64
	StatusOverflow        Status = 4  // Add, Txn: the sum does not fit an int64
	StatusTooLarge        Status = 5  // key, value or transaction beyond the node's limits; nothing was done
	StatusBadRequest      Status = 6  // malformed or forbidden; nothing was done
	StatusSessionExpired  Status = 7  // the group does not know the session (any more); this attempt did nothing
	StatusStaleSequence   Status = 8  // Seq below the session's floor: never executed by this attempt
	StatusTooManyResults  Status = 9  // Seq is too far above the floor (MaxSessionResults); nothing was done
	StatusTooManySessions Status = 10 // there are as many sessions as are allowed, of whom Result.Number tells; nothing was done
	StatusUnavailable     Status = 11 // this node does not serve now (not a member, leaving, overloaded); nothing was done
	StatusTimeout         Status = 12 // the node did not reach the position or the outcome within the request's timeout; a write's outcome is unknown
	StatusGeneration      Status = 13 // the group's state was lost and began anew, or it is another group
	StatusVersion         Status = 14 // handshake: no protocol version in common
	StatusInterrupted     Status = 15 // the node lost its place in the group while the write was in flight: outcome unknown, retry elsewhere
	StatusLagged          Status = 16 // a delivery stream fell too far behind and ends
	StatusOutOfOrder      Status = 17 // the write that this one names as its predecessor has not been executed; nothing was done, to be sent again after it
	StatusUnsupported     Status = 18 // a member of the view does not know the operation (Operation.Level); nothing was done
	StatusQuota           Status = 19 // the variables together would exceed the quota, of which Result.Number and Version tell; nothing was done
	StatusNotOwner        Status = 20 // the session is locked, and the connection has not shown its secret; nothing was done
)

// Result is what a replica computes for a command. Equal on every replica.
type Result struct {
	Status   Status
	Position uint64 // where the command took effect (for a repeated write: its first position)
	Version  uint64 // Conflict: the variable's present version, 0 if absent; TooManySessions, Quota: the bound; Txn: see TxnThen
	Number   int64  // Add: the sum; Txn: see TxnThen; TooManySessions: whose bound Version is; Quota: of what
}

// Result.Number of a transaction that was done says which branch ran. If it was Else,
// Result.Version is the number of the first condition of If that does not hold, from 1. The
// Number of one that failed says why: the number of the operation that could not be done,
// counted through Then and Else; -1 and less for the conditions of If, -1 being the first; or
// TxnWhole.
const (
	TxnElse  = 0
	TxnThen  = 1
	TxnWhole = math.MinInt64 // it is malformed or too large as a whole
)

// What is bounded by the quota that a write would exceed: Result.Number with StatusQuota.
const (
	QuotaOfBytes     = 0
	QuotaOfVariables = 1
)

// Who has as many sessions as are allowed: Result.Number with
// StatusTooManySessions. Those who do not know them see a group that is full.
const (
	BoundOfGroup   = 0
	BoundOfClient  = 1 // the client itself
	BoundOfAddress = 2 // all clients at its address together
)
