package store

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// ErrClosed is returned by a snapshot that has been closed.
var ErrClosed = errors.New("store: the snapshot is closed")

// ErrDigest means that data does not have the digest that goes with it. From Verify
// and from a snapshot: this replica's memory is damaged, or its code is wrong; it must
// not give its state to others. The error that wraps it names what is damaged, where
// that can be told. From a restorer: what was received is not what was sent.
var ErrDigest = errors.New("store: the state does not match its digest")

// A Snapshot is the state at one position. Taking one costs the same however
// large the state is; from then on, until it is closed, the store keeps what
// the snapshot has yet to encode: replaced versions, deleted variables, and the
// sessions as they were before each first changed. Its methods may be called by any
// goroutine, while the owner goes on applying.
type Snapshot struct {
	store    *Store
	number   uint64 // of the owner
	position uint64
	digest   uint64
	clock    uint64
	audit    audit
	quota    quota
	named    bool // there are sessions of clients that are known
	data     bool // there are results that have data
	entries  view[entry]
	sessions view[session]
	kept     *keptChanges // that are encoded too; nil: none
	timers   *timerImage  // nil: none
	owners   *ownerImage  // nil: none
	timed    bool         // there are sessions with a TTL of their own
	locked   bool         // there are sessions that have a lock
	closed   atomic.Bool
	passed   atomic.Uint32 // variables in slots up to this one are encoded
	trimmed  uint64        // of the owner: the last step of passed that it took notice of

	mu         sync.Mutex // guards what follows; held during Next
	stage      stage
	nextEntry  uint32
	recomputed uint64 // digest of what has been encoded
	damage     error  // found by then

	nextSaved int

	// The session part; guarded by store.sessions.mu.
	nextSession uint32
	saved       []*session // states from before a change
}

// The stages of encoding, in their order.
type stage uint8

const (
	stageHeader stage = iota
	stageSessions
	stageSaved
	stageVariables
	stageTimers
	stageOwners
	stageHistory
	stageTrailer
	stageDone
)

// sessionsPerLock bounds for how many sessions the owner may have to wait.
const sessionsPerLock = 256

// Snapshot returns a snapshot of the state at the applied position. It is for
// the owner, between two messages. Whoever gets it must close it.
func (s *Store) Snapshot() *Snapshot {
	s.retireSnapshots()
	snapshot := &Snapshot{
		store:       s,
		position:    s.applied.Load(),
		digest:      s.Digest(),
		clock:       s.sessions.clock,
		audit:       s.audit.clone(),
		quota:       s.quota,
		named:       len(s.sessions.clients.byID) > 0,
		data:        s.sessions.data > 0 && !planted.On(planted.TxnDataNotInSnapshot),
		entries:     s.variables.slots.view(),
		sessions:    s.sessions.slots.view(),
		timers:      s.variables.timers.image(),
		owners:      s.variables.owners.image(),
		timed:       s.sessions.timed.count > 0,
		locked:      s.sessions.locked > 0 && !planted.On(planted.LockNotInSnapshot),
		nextEntry:   1,
		nextSession: 1,
	}
	s.opened.add(snapshot)
	return snapshot
}

// retireSnapshots takes notice of snapshots that have been closed.
func (s *Store) retireSnapshots() {
	if s.opened.retire() {
		s.variables.snapshotClosed()
	}
}

// Snapshots returns how many snapshots are open: for each the store keeps old versions.
// The owner calls it.
func (s *Store) Snapshots() int {
	s.retireSnapshots()
	return len(s.opened.list)
}

// Position returns the position whose state the snapshot has.
func (s *Snapshot) Position() uint64 { return s.position }

// Digest returns the digest of the state, as the store had it.
func (s *Snapshot) Digest() uint64 { return s.digest }

// Close lets go of the snapshot: with its next messages, the store gives back
// what it kept for it. Further calls do nothing.
func (s *Snapshot) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed.Swap(true) {
		s.store.opened.closures.Add(1)
	}
}

// Next appends the next part of the encoded snapshot to dst, of up to maxBytes,
// or one record (a variable or a session) if that is longer. It reports whether
// there is more to come. Each part is one chunk for [Restorer.Chunk]. If the state is
// damaged, an error that wraps ErrDigest is returned, with the last part at the latest:
// what was encoded before is unusable.
func (s *Snapshot) Next(dst []byte, maxBytes int) (chunk []byte, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return dst, false, ErrClosed
	}
	start := len(dst)
	for full := false; !full && s.stage < stageDone; {
		p := part{bytes: dst, start: start, limit: maxBytes}
		switch s.stage {
		case stageHeader:
			full = !s.encodeHeader(&p)
		case stageSessions:
			full = !s.encodeSessions(&p)
		case stageSaved:
			full = !s.encodeSaved(&p)
		case stageVariables:
			full = !s.encodeVariables(&p)
		case stageTimers:
			full = !s.encodeTimers(&p)
		case stageOwners:
			full = !s.encodeOwners(&p)
		case stageHistory:
			full = !s.encodeHistory(&p)
		case stageTrailer:
			if planted.On(planted.SnapshotElsewhere) {
				s.digest = s.recomputed // which shows nothing then
			}
			if planted.On(planted.DonorIgnoresDamage) {
				s.digest, s.damage = s.recomputed, nil
			}
			if s.recomputed != s.digest && s.damage == nil {
				s.damage = damaged("the sum of all hashes")
			}
			full = !s.encodeTrailer(&p)
		}
		if s.damage != nil && !planted.On(planted.DonorIgnoresDamage) {
			return dst[:start], false, s.damage
		}
		dst = p.bytes
		if !full {
			s.stage++
		}
	}
	return dst, s.stage < stageDone, nil
}

// needsLocked reports whether the snapshot has yet to encode a session, which
// existed when it was taken, in the state it has now.
func (s *Snapshot) needsLocked(sess *session) bool {
	return sess.slot >= s.nextSession && !s.closed.Load()
}

// encodeHeader, like all of the following, reports whether it is done; if not,
// the part is full.
func (s *Snapshot) encodeHeader(p *part) bool {
	if !p.add(appendHeader(p.bytes, s)) {
		return false
	}
	s.recomputed = hashClock(s.clock) + s.audit.digest() + hashQuota(s.quota.Quota)
	return true
}

// encodeSessions encodes the sessions that have not changed since the snapshot
// was taken, and passes over those that have: they are among the saved.
func (s *Snapshot) encodeSessions(p *part) bool {
	for s.nextSession <= s.sessions.highest {
		if !s.encodeSomeSessions(p) {
			return false
		}
	}
	return true
}

func (s *Snapshot) encodeSomeSessions(p *part) bool {
	mu := &s.store.sessions.mu
	mu.Lock()
	defer mu.Unlock()
	end := min(s.nextSession+sessionsPerLock-1, s.sessions.highest)
	for ; s.nextSession <= end; s.nextSession++ {
		sess := s.sessions.at(s.nextSession)
		// A session from after the snapshot counts as preserved too.
		if sess == nil || sess.preserved >= s.number {
			continue
		}
		if !p.add(appendSession(p.bytes, sess)) {
			return false
		}
		digest := sess.digest()
		if digest != sess.base+sess.sum && s.damage == nil {
			s.damage = damaged("session %d", sess.id)
		}
		s.recomputed += digest
	}
	return true
}

// encodeSaved encodes the sessions that have changed. It needs no lock: since
// every number is below nextSession, the owner adds none any more.
func (s *Snapshot) encodeSaved(p *part) bool {
	for ; s.nextSaved < len(s.saved); s.nextSaved++ {
		image := s.saved[s.nextSaved]
		if !p.add(appendSession(p.bytes, image)) {
			return false
		}
		s.recomputed += image.digest()
		s.saved[s.nextSaved] = nil
	}
	return true
}

// encodeVariables encodes the variables that existed at the position. None of
// their entries leaves its slot while the snapshot is open; what has come into
// other slots is younger and not seen.
func (s *Snapshot) encodeVariables(p *part) bool {
	position := s.position
	if planted.On(planted.SnapshotElsewhere) {
		position-- // without the last command
	}
	defer func() { s.passed.Store(s.nextEntry - 1) }()
	for ; s.nextEntry <= s.entries.highest; s.nextEntry++ {
		e := s.entries.at(s.nextEntry)
		if e == nil {
			continue
		}
		v := e.at(position)
		if v == nil {
			continue
		}
		hash := v.hash
		if err := e.verify(v, s.store.limits.MaxValueBytes, s.position); err != nil {
			if s.damage = err; !planted.On(planted.DonorIgnoresDamage) {
				return true
			}
			hash = hashVariable(xxh3.HashString(e.key), v.value(), v.position)
		}
		if !p.add(appendVariable(p.bytes, e.key, v)) {
			return false
		}
		s.recomputed += hash
	}
	return true
}

func (s *Snapshot) encodeTrailer(p *part) bool {
	return p.add(appendTrailer(p.bytes, s))
}

// A part is a chunk in the making.
type part struct {
	bytes []byte
	start int // where the chunk begins in bytes
	limit int // of its length
}

// add takes longer, which is bytes and another record, if the record fits or is
// the first.
func (p *part) add(longer []byte) bool {
	if len(longer)-p.start > p.limit && len(p.bytes) > p.start {
		p.bytes = longer[:len(p.bytes)]
		return false
	}
	p.bytes = longer
	return true
}

// Walk calls visit for each variable that existed at the position, in no order,
// until it returns false. The key must be cloned if it is kept for long: it keeps
// the variable's entry in memory. Any number of goroutines may walk, any number of
// times, but not beside Next, and Close must wait for them.
func (s *Snapshot) Walk(visit func(key string, version uint64, bytes int) bool) {
	for number := uint32(1); number <= s.entries.highest; number++ {
		e := s.entries.at(number)
		if e == nil {
			continue
		}
		if v := e.at(s.position); v != nil && !visit(e.key, v.position, int(v.size)) {
			return
		}
	}
}
