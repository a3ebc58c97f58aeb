package wire

import (
	"fmt"
	"strconv"
)

// Op says what a command does to the replicated state.
type Op uint8

// The operations. Their numbers are part of the protocol. What is known of each is in
// the table of operations, and nowhere else.
const (
	OpSet           Op = 1
	OpDelete        Op = 2
	OpAdd           Op = 3
	OpCompareAndSet Op = 4
	OpOpenSession   Op = 5  // the session's id is the position of this command; Key: the client's name, Value: its address, both "" if not known
	OpRenewSession  Op = 6  // Session
	OpCloseSession  Op = 7  // Session
	OpBarrier       Op = 8  // orders nothing but itself; strong reads wait for one
	OpTick          Op = 9  // Delta: milliseconds that count, at most one tick interval; of releases before LevelVariables
	OpAudit         Op = 10 // Value: the ids of the members that must vote (AppendStrings)
	OpAuditVote     Op = 11 // Key: the voter's id, Expect: the audit's position, Value: its digest (8 bytes, little endian)
	OpTxn           Op = 12 // Value: a Txn, which has keys of its own

	// OpClock is a tick that variables with a TTL and sessions with one of their own follow, too.
	// Delta: milliseconds that count, at most one tick interval; Expect: the position that
	// its sender had applied when these ended. What was set at or before that counts all
	// later ones.
	OpClock Op = 13

	// OpOpenTimed is OpOpenSession with a TTL of the session's own. Delta: the TTL in
	// milliseconds, from MinSessionTTL to MaxSessionTTL.
	OpOpenTimed Op = 14

	// OpQuota sets the bounds of all variables together. Delta: bytes of keys and values;
	// Expect: variables; 0: any number. What exceeds them stays.
	OpQuota Op = 15

	// OpOpenLocked is OpOpenSession, or with a Delta above 0 OpOpenTimed, of a session that
	// has a Lock. Value: the lock, and behind it the client's address. A node has it ordered
	// for a client that has shown a Secret and asks for one of these.
	OpOpenLocked Op = 16
)

// Bounds of a session's own TTL, in milliseconds. Every replica applies them.
const (
	MinSessionTTL = 100
	MaxSessionTTL = 24 * 60 * 60 * 1000
)

// Fields is a set of fields of a Command.
type Fields uint8

// The fields. Which of them a command has says how it is encoded, and how it is checked:
// what has a Sequence is a write, which takes effect once in its session. The checks of
// internal/check and internal/history/check execute writes again, and so does the oracle of
// internal/sim, which follows all other operations too.
const (
	FieldSession  Fields = 1 << iota // Session
	FieldSequence                    // Seq and Floor, and Prev if there is one
	FieldKey                         // Key
	FieldValue                       // Value
	FieldExpect                      // Expect
	FieldDelta                       // Delta
	FieldClient                      // Key and Value, or neither if the client is not known
)

// Origin says who may have an operation ordered.
type Origin uint8

// The origins.
const (
	FromNobody Origin = iota
	FromClient
	FromMember // on its own account, or for clients that ask for something else
)

// Feature levels of a view, which is the highest that all its members speak. At each
// level a member understands what one of the level below does not.
const (
	LevelAny     = 0
	LevelClients = 3 // commands that open a session name the client, and so do snapshots

	// LevelVariables: transactions and TTLs; snapshots have the history of changes, and data of results.
	LevelVariables = 4

	// LevelFetch: flush states and cuts without payloads (isis.Attempt), and quotas.
	LevelFetch = 5

	// LevelLocks: sessions have locks, and so do snapshots.
	LevelLocks = 6

	LevelNewest = LevelLocks
)

// Operation is what is known of an Op.
type Operation struct {
	Name   string // in delivery logs and histories; of a write also the command of dsm
	Fields Fields // that count; all others are zero
	From   Origin
	Level  uint32 // the lowest feature level of a view in which it may be ordered
}

// operations is the table, by number. Numbers beyond it are no operations. A row that is
// added turns tests red until every place that has to know the operation knows it.
var operations = [...]Operation{
	OpSet:           {"set", FieldSession | FieldSequence | FieldKey | FieldValue, FromClient, LevelAny},
	OpDelete:        {"del", FieldSession | FieldSequence | FieldKey, FromClient, LevelAny},
	OpAdd:           {"add", FieldSession | FieldSequence | FieldKey | FieldDelta, FromClient, LevelAny},
	OpCompareAndSet: {"cas", FieldSession | FieldSequence | FieldKey | FieldValue | FieldExpect, FromClient, LevelAny},
	OpOpenSession:   {"open", FieldClient, FromClient, LevelAny},
	OpRenewSession:  {"renew", FieldSession, FromClient, LevelAny},
	OpCloseSession:  {"close", FieldSession, FromClient, LevelAny},
	OpBarrier:       {"barrier", 0, FromMember, LevelAny},
	OpTick:          {"tick", FieldDelta, FromMember, LevelAny},
	OpAudit:         {"audit", FieldValue, FromMember, LevelAny},
	OpAuditVote:     {"vote", FieldKey | FieldValue | FieldExpect, FromMember, LevelAny},
	OpTxn:           {"txn", FieldSession | FieldSequence | FieldValue, FromClient, LevelVariables},
	OpClock:         {"clock", FieldDelta | FieldExpect, FromMember, LevelVariables},
	OpOpenTimed:     {"opentimed", FieldClient | FieldDelta, FromClient, LevelVariables},
	OpQuota:         {"quota", FieldDelta | FieldExpect, FromMember, LevelFetch},
	OpOpenLocked:    {"openlocked", FieldClient | FieldDelta, FromMember, LevelLocks},
}

// Valid reports whether op is one of the operations of this release.
func (op Op) Valid() bool {
	return op != 0 && int(op) < len(operations)
}

// Operation returns what is known of op. If op is not valid, nobody may have it ordered.
func (op Op) Operation() *Operation {
	if !op.Valid() {
		return &operations[0]
	}
	return &operations[op]
}

// String returns the operation's name.
func (op Op) String() string {
	if !op.Valid() {
		return "op" + strconv.Itoa(int(op))
	}
	return operations[op].Name
}

// IsWrite reports whether op writes a variable, once in its session.
func (op Op) IsWrite() bool { return op.Operation().IsWrite() }

// Opens reports whether op opens a session, whose id is its position.
func (op Op) Opens() bool { return op.Operation().Fields&FieldClient != 0 }

// IsWrite reports whether the operation writes a variable, once in its session.
func (o *Operation) IsWrite() bool { return o.Fields&FieldSequence != 0 }

// Refuse returns why a client may not have the operation ordered in a view of a feature
// level, and nil if it may.
func (o *Operation) Refuse(level uint32) *Refusal {
	if o.From == FromClient && o.Level <= level {
		return nil
	}
	return &Refusal{Operation: o, Level: level}
}

// Refusal is the error that a client may not have an operation ordered. Nothing was done.
type Refusal struct {
	Operation *Operation
	Level     uint32 // the feature level of the view
}

func (r *Refusal) Error() string {
	switch o := r.Operation; o.From {
	case FromClient:
		return fmt.Sprintf("wire: %s needs feature level %d, and a member of the group speaks only %d: upgrade all nodes first", o.Name, o.Level, r.Level)
	case FromMember:
		return fmt.Sprintf("wire: %s is for members of the group, not for clients", o.Name)
	default:
		return "wire: there is no such operation"
	}
}

// Status returns the status that answers the request.
func (r *Refusal) Status() Status {
	if r.Operation.From == FromClient {
		return StatusUnsupported
	}
	return StatusBadRequest
}

// Reply returns the answer to the request.
func (r *Refusal) Reply() Reply {
	return Reply{Status: r.Status(), Data: []byte(r.Error())}
}
