package store

import (
	"fmt"
	"sync/atomic"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Store is the state of one replica. Get and Applied are for everyone, at any
// time; all else is for the one owner, one call at a time.
type Store struct {
	limits    Limits
	variables *variables
	sessions  *sessions
	audit     audit
	quota     quota
	verifier  verifier
	opened    *openSnapshots
	number    []byte // scratch for the text of a sum
	txn       txnRun
	notes     *Notes   // of the message that is being applied
	out       *Outcome // of that message

	applied atomic.Uint64
}

// New returns an empty store at position 0. It panics if the limits are not
// valid: see [Limits.Validate].
func New(limits Limits) *Store { return NewAt(0, limits) }

// NewAt is New at another position: the first command has the one after it. A
// generation of a group that follows another begins so.
func NewAt(position uint64, limits Limits) *Store {
	if err := limits.Validate(); err != nil {
		panic(err)
	}
	opened := new(openSnapshots)
	s := &Store{
		limits:    limits.WithDefaults(),
		variables: newVariables(opened),
		sessions:  newSessions(opened),
		opened:    opened,
	}
	s.applied.Store(position)
	return s
}

// Outcome is what a message did. It belongs to the caller, who passes the same
// one again and again to save memory. To keep Results or Effects beyond the
// next ApplyMessage, take them and set the field to nil.
type Outcome struct {
	Results []wire.Result // one per command
	Effects []byte        // bitmap, least significant bit first: command i took effect
	Data    []ResultData  // of the results that have data, by index
	Notes   Notes
}

// ResultData is the data of a result: what a transaction's operations returned (see
// wire.DecodeTxnResults). The bytes are shared and never change.
type ResultData struct {
	Index int // of the result, in Results
	Bytes []byte
}

// addData adds the data of the result that is added next.
func (o *Outcome) addData(data []byte) {
	o.Data = append(o.Data, ResultData{Index: len(o.Results), Bytes: data})
}

// reset makes room for count commands without effect.
func (o *Outcome) reset(count int) {
	o.Results = o.Results[:0]
	o.Effects = o.Effects[:0]
	if len(o.Data) > 0 {
		clear(o.Data)
		o.Data = o.Data[:0]
	}
	o.Notes.reset()
	for range (count + 7) / 8 {
		o.Effects = append(o.Effects, 0)
	}
}

// add appends the result of the next command.
func (o *Outcome) add(result wire.Result, effect bool) {
	if i := len(o.Results); effect {
		o.Effects[i/8] |= 1 << (i % 8)
	}
	o.Results = append(o.Results, result)
}

// ApplyMessage applies the count commands encoded in payload, which take the
// positions from first on, and then publishes the last of them as applied.
// Whatever payload has, each of the count commands takes one position and gets
// one result: from a command that cannot be decoded on, all get
// StatusBadRequest. Nothing keeps a reference to payload.
//
// The caller has checked count against the payload's length (a command takes a
// byte at least). It panics if first is not the position after the last.
func (s *Store) ApplyMessage(first uint64, count int, payload []byte, out *Outcome) {
	if next := s.applied.Load() + 1; first != next || count < 0 {
		panic(fmt.Sprintf("store: message of %d commands at %d, want one at %d", count, first, next))
	}
	out.reset(count)
	s.notes, s.out = &out.Notes, out
	s.retireSnapshots()
	s.applyAll(first, count, payload, out)
	s.applied.Store(first + uint64(count) - 1)
	s.variables.reclaim(count)
}

// applyAll applies the commands of a message.
func (s *Store) applyAll(first uint64, count int, rest []byte, out *Outcome) {
	if s.opened.any() {
		s.sessions.mu.Lock()
		defer s.sessions.mu.Unlock()
	}
	readable := true
	for position := first; position < first+uint64(count); position++ {
		var cmd wire.Command
		if readable {
			var err error
			cmd, rest, err = wire.DecodeCommand(rest)
			// An error leaves cmd zero, which is no operation: StatusBadRequest.
			readable = err == nil
		}
		out.add(s.apply(position, &cmd))
	}
}

// Applied returns the position up to which everything has been applied.
func (s *Store) Applied() uint64 { return s.applied.Load() }

// Get returns the value of a variable, the position of the command that wrote
// it, which is 0 if it does not exist, and the position that the answer
// reflects: the value is that of the last write to key at or before it. That
// position is at least what Applied returned before the call, and may be ahead
// of Applied while a message is being applied. The value is shared and
// read-only. Get never waits for the owner.
func (s *Store) Get(key string) (value []byte, version, position uint64) {
	return s.variables.read(key, &s.applied)
}

// Digest returns the digest of the state: variables, their timers and their
// owners, sessions, clock, quota and the audit under way. Replicas at the same position have the same.
func (s *Store) Digest() uint64 {
	return s.variables.allSums() + s.sessions.sum + s.sessions.clockHash + s.audit.hash + s.quota.hash
}
