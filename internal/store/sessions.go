package store

import (
	"maps"
	"sync"

	"github.com/tidwall/btree"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// A session is what the group remembers of a client: which of its writes have
// been executed, with which result.
type session struct {
	id      uint64 // the position that opened it
	renewed uint64 // the clock at its last command
	floor   uint64 // lowest sequence that may still be executed; never falls
	results resultLog
	client  *client // nil: nothing is known of it
	lock    wire.Lock
	ttl     uint64 // its own, in milliseconds; 0: it has that of the group
	pending uint64 // position of its last command, 0 if its time has begun; with a TTL of its own

	data      map[uint64][]byte // of the results that have any, by sequence
	dataBytes int

	base uint64 // hash of id, renewed and floor, as it is in the digest
	sum  uint64 // sum of the hashes of the results and their data

	slot         uint32
	preserved    uint64 // number of the newest snapshot that does not need its present state
	older, newer *session
}

// sessions is the table of sessions and the group's clock, which decides when
// they expire.
type sessions struct {
	// mu guards the table, the sessions in it, and the session part of every
	// open snapshot. The owner, the only one to change the first two, takes it
	// only while a snapshot is open.
	mu sync.Mutex

	byID      map[uint64]*session
	order     *btree.BTreeG[*session] // the owner's alone, like clients
	clients   clients
	slots     slots[session]
	group     sessionList // those with the TTL of the group: the oldest expires first
	timed     timedSessions
	clock     uint64 // milliseconds of ordered ticks
	clockHash uint64 // of the clock
	sum       uint64 // of the hashes of all sessions
	data      int    // results that have data, of all sessions
	locked    int    // sessions that have a lock
	kept      kept   // by all sessions
	spare     sparePages
	opened    *openSnapshots
}

func newSessions(opened *openSnapshots) *sessions {
	return &sessions{byID: make(map[uint64]*session), order: newOrder(), clients: newClients(), timed: newTimedSessions(), clockHash: hashClock(0), opened: opened}
}

// open adds a session of a client, which may be nil, with this id and lock, and a TTL of its own
// unless that is 0.
func (t *sessions) open(id uint64, c *client, lock wire.Lock, ttl uint64) {
	// No snapshot that is open now has seen it.
	s := &session{id: id, client: c, lock: lock, renewed: t.clock, floor: 1, ttl: ttl, preserved: t.opened.taken}
	if ttl != 0 {
		s.pending = id
	}
	t.insert(s)
	t.link(s)
}

// insert puts a session into the table, but for its place in the list.
func (t *sessions) insert(s *session) {
	t.rebase(s)
	t.byID[s.id] = s
	t.order.Set(s)
	t.clients.add(s.client)
	s.slot = t.slots.add(s)
	if s.ttl != 0 {
		t.timed.count++
	}
	if s.lock != (wire.Lock{}) {
		t.locked++
	}
}

// link gives a session its place among those that expire, as the last renewed.
func (t *sessions) link(s *session) {
	if s.ttl != 0 {
		t.place(s)
	} else {
		t.group.link(s)
	}
}

// admit renews a session with a command at position, and raises its floor, if it rises.
func (t *sessions) admit(s *session, floor, position uint64) {
	t.preserve(s)
	renewed, raised := s.renewed != t.clock, floor > s.floor
	switch {
	case s.ttl != 0:
		t.admitTimed(s, position)
		renewed = true
	case renewed:
		s.renewed = t.clock
		t.group.unlink(s)
		t.group.link(s)
	}
	if raised {
		t.drop(s, floor)
		s.floor = floor
	}
	if renewed || raised {
		t.rebase(s)
	}
}

// follows reports whether a write that names prev as its predecessor, 0 for
// none, may be executed: that one has been, or is below the floor and never will
// be any more.
func (s *session) follows(prev uint64) bool {
	return prev < s.floor || s.results.get(prev).Position != 0
}

// record keeps the result of write seq. The session must have been admitted.
func (t *sessions) record(s *session, seq uint64, r wire.Result) {
	s.results.put(seq, r, &t.spare)
	t.kept.results++
	h := hashResult(s.id, seq, &r)
	s.sum += h
	t.sum += h
	if planted.On(planted.ResultsPruned) && seq > s.floor+1 {
		t.drop(s, seq-1) // all but the last two
	}
}

// drop removes the results below a sequence, and their data.
func (t *sessions) drop(s *session, below uint64) {
	before := s.kept()
	dropped := s.results.drop(s.id, s.floor, below, &t.spare)
	if len(s.data) > 0 {
		dropped += t.dropData(s, below)
	}
	t.kept.add(before, -1)
	t.kept.add(s.kept(), 1)
	s.sum -= dropped
	t.sum -= dropped
}

// remove takes a session out of the table.
func (t *sessions) remove(s *session) {
	t.preserve(s)
	t.sum -= s.base + s.sum
	t.kept.add(s.kept(), -1)
	s.results.release(&t.spare)
	t.data -= len(s.data)
	delete(t.byID, s.id)
	t.order.Delete(s)
	t.clients.remove(s.client)
	t.slots.remove(s.slot, s)
	if s.lock != (wire.Lock{}) {
		t.locked--
	}
	if s.ttl == 0 {
		t.group.unlink(s)
		return
	}
	t.placeless(s)
	t.timed.count--
	if !planted.On(planted.OwnersForgotten) {
		t.timed.ended = append(t.timed.ended, s.id)
	}
}

// tick advances the clock and removes the sessions, of those with the group's TTL, whose last
// renewal is ttl milliseconds or more ago.
func (t *sessions) tick(millis, ttl uint64) {
	t.setClock(t.clock + millis)
	for s := t.group.oldest; s != nil && t.clock-s.renewed >= ttl; s = t.group.oldest {
		if planted.On(planted.ExpiryKeepsCount) {
			t.clients.add(s.client)
		}
		t.remove(s)
	}
}

// setClock sets the group's clock.
func (t *sessions) setClock(millis uint64) {
	t.clock, t.clockHash = millis, hashClock(millis)
}

// rebase brings the sum up to date with id, renewed and floor.
func (t *sessions) rebase(s *session) {
	base := s.hash()
	t.sum += base - s.base
	s.base = base
}

// hash hashes what a session holds apart from its results.
func (s *session) hash() uint64 {
	h := hashSession(s.id, s.renewed, s.floor, s.client)
	if s.ttl != 0 {
		h = hashTimed(h, s.ttl, s.pending)
	}
	if s.lock != (wire.Lock{}) && !planted.On(planted.LockNotInSnapshot) {
		h = hashLock(h, s.lock)
	}
	return h
}

// digest computes the session's part of the digest afresh.
func (s *session) digest() uint64 {
	sum := s.hash()
	for seq, r := range s.results.all() {
		sum += hashResult(s.id, seq, r)
	}
	for seq, data := range s.data {
		sum += hashData(s.id, seq, data)
	}
	return sum
}

// preserve must be called before a session changes: it saves its present state
// for the open snapshots that need it.
func (t *sessions) preserve(s *session) {
	if s.preserved == t.opened.taken {
		return
	}
	var image *session
	for _, snapshot := range t.opened.list {
		if snapshot.number > s.preserved && snapshot.needsLocked(s) {
			if image == nil {
				image = &session{id: s.id, client: s.client, lock: s.lock, renewed: s.renewed, floor: s.floor, ttl: s.ttl, pending: s.pending, results: s.results.clone(), data: maps.Clone(s.data)}
			}
			snapshot.saved = append(snapshot.saved, image)
		}
	}
	s.preserved = t.opened.taken
}
