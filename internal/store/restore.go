package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/internal/wire/codec"
)

// ErrFormat means that what was given as a snapshot is not one, or not whole,
// or of a format version that this release does not know.
var ErrFormat = errors.New("store: not a snapshot of this format")

// ErrLimits means that a snapshot comes from a store with other limits. All
// replicas of a group must have the same.
var ErrLimits = errors.New("store: the snapshot's limits differ from this node's")

// A Restorer builds a store from the chunks of a snapshot.
type Restorer struct {
	store    *Store
	position uint64
	sessions []*session
	began    bool // the header has been read
	ended    bool // the trailer has been read
	named    bool // its format has clients
	kept     *restoredHistory
	keeps    int      // bytes of history
	last     *session // in the record before, if it may have data; else nil
	ttl      uint64   // of the session in the next record, 0: that of the group
	pending  uint64
	lock     wire.Lock // of it too
	err      error
}

// Restore begins to restore a snapshot of a store with these limits, which must
// be valid.
func Restore(limits Limits) *Restorer {
	s := New(limits)
	s.variables.loading = true
	return &Restorer{store: s}
}

// Chunk takes the next chunk, in the order in which [Snapshot.Next] made them.
// It keeps nothing of b. After an error, which is ErrFormat, ErrLimits or
// ErrDigest, the restorer is of no more use.
func (r *Restorer) Chunk(b []byte) error {
	d := codec.NewReader(b)
	for r.err == nil && d.Len() > 0 {
		r.err = r.record(&d)
	}
	return r.err
}

// Finish returns the store at the snapshot's position, or what is wrong with
// it. The restorer is of no use afterwards.
func (r *Restorer) Finish() (*Store, error) {
	if r.err != nil {
		return nil, r.err
	}
	if !r.ended {
		return nil, fmt.Errorf("%w: it ends before its trailer", ErrFormat)
	}
	// Sessions came in no order; they expire in that of their renewals.
	slices.SortFunc(r.sessions, func(a, b *session) int {
		return cmp.Or(cmp.Compare(a.pending, b.pending), cmp.Compare(a.renewed, b.renewed), cmp.Compare(a.id, b.id))
	})
	for _, s := range r.sessions {
		r.store.sessions.link(s)
	}
	r.store.applied.Store(r.position)
	r.store.variables.indexAll()
	r.kept.finish(r.store.variables, r.position, r.keeps)
	r.err = errors.New("store: Finish was called before")
	return r.store, nil
}

// record takes one record.
func (r *Restorer) record(d *codec.Reader) error {
	kind := d.Uint8()
	if r.ended || r.began == (kind == recordHeader) {
		return fmt.Errorf("%w: record of kind %d out of place", ErrFormat, kind)
	}
	last := r.last
	r.last = nil
	if r.ttl != 0 && kind != recordSession && kind != recordClient {
		return fmt.Errorf("%w: a TTL of no session", ErrFormat)
	}
	if r.lock != (wire.Lock{}) && kind != recordTimed && kind != recordSession && kind != recordClient {
		return fmt.Errorf("%w: a lock of no session", ErrFormat)
	}
	switch kind {
	case recordHeader:
		r.began = true
		return r.header(d)
	case recordSession:
		return r.session(d, nil)
	case recordClient:
		return r.clientSession(d)
	case recordData:
		return r.sessionData(d, last)
	case recordVariable:
		return r.variable(d)
	case recordKept:
		return r.keptFrom(d)
	case recordChange:
		return r.change(d)
	case recordTimer:
		return r.timer(d)
	case recordOwner:
		return r.owner(d)
	case recordTimed:
		return r.timed(d)
	case recordQuota:
		return r.quota(d)
	case recordLock:
		return r.sessionLock(d)
	case recordTrailer:
		r.ended = true
		return r.trailer(d)
	default:
		return fmt.Errorf("%w: record of unknown kind %d", ErrFormat, kind)
	}
}

func (r *Restorer) header(d *codec.Reader) error {
	limits := r.store.limits.numbers()
	told := limits[:]
	switch version := d.Uint8(); version {
	case formatBefore:
		told = told[:limitsBefore]
	case formatClients:
		r.named = true
	case formatVariables:
		r.named, r.kept = true, new(restoredHistory)
	default:
		return fmt.Errorf("%w: this node is of an older release than the group's and must be upgraded: "+
			"the snapshot has version %d, and this release reads up to %d", ErrFormat, version, formatVariables)
	}
	var theirs [len(limitNames)]uint64
	for i := range told {
		theirs[i] = d.Uvarint()
	}
	for i, ours := range told {
		if !d.Bad() && theirs[i] != ours {
			return fmt.Errorf("%w: %s is %d there and %d here", ErrLimits, limitNames[i], theirs[i], ours)
		}
	}
	r.position = d.Uvarint()
	r.store.sessions.setClock(d.Uvarint())
	if !r.audit(d) || d.Bad() {
		return fmt.Errorf("%w: malformed header", ErrFormat)
	}
	return nil
}

// audit takes the audit under way and reports whether there can be such a one.
func (r *Restorer) audit(d *codec.Reader) bool {
	a := audit{position: d.Uvarint()}
	if a.position == 0 {
		return true
	}
	a.votes = make([]vote, d.Count(2))
	names := make([]string, len(a.votes))
	for i := range a.votes {
		v := &a.votes[i]
		v.voter = string(d.Bytes())
		names[i] = v.voter
		switch d.Uint8() {
		case 0:
			a.missing++
		case 1:
			v.cast, v.digest = true, d.Uint64()
		default:
			return false
		}
	}
	a.rehash()
	r.store.audit = a
	return a.position <= r.position && a.missing > 0 && validVoters(names)
}

// leastResultBytes is the length of the shortest encoded result.
const leastResultBytes = 5

// clientSession takes a session of a client that is known.
func (r *Restorer) clientSession(d *codec.Reader) error {
	id := clientID{name: string(d.Bytes()), address: string(d.Bytes())}
	if d.Bad() || !r.named || id == (clientID{}) || !id.valid() {
		return fmt.Errorf("%w: impossible client", ErrFormat)
	}
	c, bound := r.store.sessions.clients.admit(id, &r.store.limits)
	if bound.reached() {
		return fmt.Errorf("%w: more sessions of a client than are allowed", ErrFormat)
	}
	return r.session(d, c)
}

// session takes a session of a client, which may be nil.
func (r *Restorer) session(d *codec.Reader, c *client) error {
	s := &session{client: c, id: d.Uvarint(), renewed: d.Uvarint(), floor: d.Uvarint(), ttl: r.ttl, pending: r.pending, lock: r.lock}
	r.ttl, r.pending, r.lock = 0, 0, wire.Lock{}
	t := r.store.sessions
	limits := &r.store.limits
	if d.Bad() || s.id == 0 || s.id > r.position || s.floor == 0 || t.byID[s.id] != nil ||
		s.renewed > t.clock || s.over(t.clock, limits.ttlMillis()) || len(t.byID) >= limits.MaxSessions {
		return fmt.Errorf("%w: impossible session %d", ErrFormat, s.id)
	}
	seq := s.floor
	for i := range d.Count(leastResultBytes) {
		distance := d.Uvarint()
		result := wire.Result{Status: wire.Status(d.Uint8()), Position: d.Uvarint(), Version: d.Uvarint(), Number: d.Varint()}
		repeated, wrapped := distance == 0 && i > 0, seq+distance < seq
		seq += distance
		if d.Bad() || repeated || wrapped || seq-s.floor >= uint64(limits.MaxSessionResults) ||
			result.Position == 0 || result.Position > r.position {
			return fmt.Errorf("%w: impossible result in session %d", ErrFormat, s.id)
		}
		t.record(s, seq, result)
	}
	if d.Bad() {
		return fmt.Errorf("%w: malformed session %d", ErrFormat, s.id)
	}
	t.insert(s)
	r.sessions = append(r.sessions, s)
	r.last = s
	return nil
}

// over reports whether a session cannot be alive any more, given the TTL of the group. One
// with a TTL of its own waits for a tick that has it expire.
func (s *session) over(clock, ttl uint64) bool {
	if s.ttl == 0 {
		return clock-s.renewed >= ttl
	}
	return s.pending != 0 && s.pending < s.id
}

// leastDataBytes is the length of the shortest encoded data of a result.
const leastDataBytes = 2

// sessionData takes the data of the results of a session.
func (r *Restorer) sessionData(d *codec.Reader, s *session) error {
	if s == nil || r.kept == nil {
		return fmt.Errorf("%w: data of no session", ErrFormat)
	}
	limits := &r.store.limits
	n := d.Count(leastDataBytes)
	if n == 0 {
		return fmt.Errorf("%w: no data in session %d", ErrFormat, s.id)
	}
	seq := s.floor
	for i := range n {
		distance, data := d.Uvarint(), d.Bytes()
		repeated, wrapped := distance == 0 && i > 0, seq+distance < seq
		seq += distance
		first := s.results.get(seq)
		if d.Bad() || repeated || wrapped || first.Position == 0 || first.Status != wire.StatusOK ||
			len(data) == 0 || len(data) > limits.maxTxnData() || s.dataBytes+len(data) > limits.maxSessionData() {
			return fmt.Errorf("%w: impossible data in session %d", ErrFormat, s.id)
		}
		r.store.sessions.recordData(s, seq, bytes.Clone(data))
	}
	return nil
}

func (r *Restorer) variable(d *codec.Reader) error {
	key, position, value := string(d.Bytes()), d.Uvarint(), d.Bytes()
	if d.Bad() || position == 0 || position > r.position || r.store.limits.checkVariable(key, value) != wire.StatusOK {
		return fmt.Errorf("%w: impossible variable %.40q", ErrFormat, key)
	}
	if e, _ := r.store.variables.find(key); e != nil {
		return fmt.Errorf("%w: variable %.40q twice", ErrFormat, key)
	}
	r.store.variables.set(nil, key, value, position)
	return nil
}

// quota takes the quota.
func (r *Restorer) quota(d *codec.Reader) error {
	q := Quota{Bytes: d.Uvarint(), Variables: d.Uvarint()}
	if d.Bad() || r.kept == nil || q == (Quota{}) || q.Bytes > math.MaxInt64 || r.store.quota.Quota != (Quota{}) {
		return fmt.Errorf("%w: impossible quota", ErrFormat)
	}
	r.store.quota = newQuota(q)
	return nil
}

// needsVariables reports whether a snapshot of the store needs formatVariables.
func (s *Store) needsVariables() bool {
	return s.sessions.data > 0 || s.sessions.timed.count > 0 || len(s.variables.timers.of) > 0 || len(s.variables.owners.of) > 0 ||
		s.quota.Quota != (Quota{}) || s.sessions.locked > 0
}

func (r *Restorer) trailer(d *codec.Reader) error {
	digest := d.Uint64()
	if d.Bad() {
		return fmt.Errorf("%w: malformed trailer", ErrFormat)
	}
	sum := r.store.Digest()
	if r.kept != nil {
		if !r.kept.began && !r.store.needsVariables() {
			return fmt.Errorf("%w: it has nothing for which it needs version %d", ErrFormat, formatVariables)
		}
		sum += r.kept.sum
	}
	if digest != hashTrailer(sum, r.position) {
		return ErrDigest
	}
	return nil
}
