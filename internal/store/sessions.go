package store

import (
	"maps"
	"sync"

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

	byID           map[uint64]*session
	clients        clients // the owner's alone
	slots          slots[session]
	oldest, newest *session // by renewed: all have the same TTL, so the oldest expires first
	clock          uint64   // milliseconds of ordered ticks
	clockHash      uint64   // of the clock
	sum            uint64   // of the hashes of all sessions
	data           int      // results that have data, of all sessions
	spare          sparePages
	opened         *openSnapshots
}

func newSessions(opened *openSnapshots) *sessions {
	return &sessions{byID: make(map[uint64]*session), clients: newClients(), clockHash: hashClock(0), opened: opened}
}

// open adds a session of a client, which may be nil, with this id.
func (t *sessions) open(id uint64, c *client) {
	// No snapshot that is open now has seen it.
	s := &session{id: id, client: c, renewed: t.clock, floor: 1, preserved: t.opened.taken}
	t.insert(s)
	t.link(s)
}

// insert puts a session into the table, but for its place in the list.
func (t *sessions) insert(s *session) {
	t.rebase(s)
	t.byID[s.id] = s
	t.clients.add(s.client)
	s.slot = t.slots.add(s)
}

// admit renews a session and raises its floor, if it rises.
func (t *sessions) admit(s *session, floor uint64) {
	t.preserve(s)
	renewed, raised := s.renewed != t.clock, floor > s.floor
	if renewed {
		s.renewed = t.clock
		t.unlink(s)
		t.link(s)
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
	h := hashResult(s.id, seq, &r)
	s.sum += h
	t.sum += h
	if planted.On(planted.ResultsPruned) && seq > s.floor+1 {
		t.drop(s, seq-1) // all but the last two
	}
}

// drop removes the results below a sequence, and their data.
func (t *sessions) drop(s *session, below uint64) {
	dropped := s.results.drop(s.id, s.floor, below, &t.spare)
	if len(s.data) > 0 {
		dropped += t.dropData(s, below)
	}
	s.sum -= dropped
	t.sum -= dropped
}

// remove takes a session out of the table.
func (t *sessions) remove(s *session) {
	t.preserve(s)
	t.sum -= s.base + s.sum
	s.results.release(&t.spare)
	t.data -= len(s.data)
	delete(t.byID, s.id)
	t.clients.remove(s.client)
	t.slots.remove(s.slot, s)
	t.unlink(s)
}

// tick advances the clock and removes the sessions whose last renewal is ttl
// milliseconds or more ago.
func (t *sessions) tick(millis, ttl uint64) {
	t.setClock(t.clock + millis)
	for t.oldest != nil && t.clock-t.oldest.renewed >= ttl {
		if planted.On(planted.ExpiryKeepsCount) {
			t.clients.add(t.oldest.client)
		}
		t.remove(t.oldest)
	}
}

// setClock sets the group's clock.
func (t *sessions) setClock(millis uint64) {
	t.clock, t.clockHash = millis, hashClock(millis)
}

// rebase brings the sum up to date with id, renewed and floor.
func (t *sessions) rebase(s *session) {
	base := hashSession(s.id, s.renewed, s.floor, s.client)
	t.sum += base - s.base
	s.base = base
}

// digest computes the session's part of the digest afresh.
func (s *session) digest() uint64 {
	sum := hashSession(s.id, s.renewed, s.floor, s.client)
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
				image = &session{id: s.id, client: s.client, renewed: s.renewed, floor: s.floor, results: s.results.clone(), data: maps.Clone(s.data)}
			}
			snapshot.saved = append(snapshot.saved, image)
		}
	}
	s.preserved = t.opened.taken
}

// link makes s the last renewed.
func (t *sessions) link(s *session) {
	s.older, s.newer = t.newest, nil
	if t.newest != nil {
		t.newest.newer = s
	} else {
		t.oldest = s
	}
	t.newest = s
}

func (t *sessions) unlink(s *session) {
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		t.oldest = s.newer
	}
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		t.newest = s.older
	}
	s.older, s.newer = nil, nil
}
