package store

import (
	"fmt"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// The digest is kept by adding and subtracting hashes, and so it does not show
// that memory has changed behind the store's back. Verifying does: it hashes
// what is in memory and compares that with the hash kept for it. It goes over
// the state again and again, a share with each audit and a slice of that at a
// time, because the owner does nothing else meanwhile. It adds nothing to a
// read or a write.

// An audit's share is a sixteenth of the sessions and variables, or leastShare of
// them if that is more. It ends early at maxShareBytes.
const (
	auditsPerPass = 16
	leastShare    = 4 << 10
	maxShareBytes = 64 << 20
)

// A slice ends after sliceItems variables and sessions or sliceBytes, whichever comes
// first. It may have one variable or session that is longer. It takes about 0.3 ms.
const (
	sliceItems = 256
	sliceBytes = 256 << 10
)

// resultPageBytes is how many bytes a page of results counts for.
const resultPageBytes = 1 << 10

// verifier is how far verifying has come. The zero value begins a first pass.
type verifier struct {
	under       bool   // a pass is under way
	inVariables bool   // the pass has come to the variables
	next        uint32 // slot that is looked at next
	found       bool   // the pass has found damage
	doubt       bool   // damage was found, and no pass has been clean since
	clean       uint64 // passes that found nothing, since the last damage

	// The sums of the hashes, as they were kept when the pass came to them, and as
	// far as they have been computed.
	kept, computed uint64

	items, bytes int // left of the share
}

// beginShare lets Verify go on for another share. What is left of the one before is
// no part of it, so that a store that cannot keep up does not fall behind.
func (s *Store) beginShare() {
	total := int(s.variables.slots.used) + int(s.sessions.slots.used)
	s.verifier.items = max(leastShare, (total+auditsPerPass-1)/auditsPerPass)
	s.verifier.bytes = maxShareBytes
}

// Verify compares the next slice of the state with the hashes kept for it, as
// long as something is left of the share of the last audit. It returns an error
// that wraps [ErrDigest] and names the first thing that is damaged; the next call
// goes on behind that. It is for the owner, who should call it after each audit and
// then now and then: 8 times a second is enough. It takes about 0.3 ms at most, if
// no value is longer than 1 MiB.
func (s *Store) Verify() error {
	v := &s.verifier
	items, bytes := min(sliceItems, v.items), min(sliceBytes, v.bytes)
	v.items, v.bytes = v.items-items, v.bytes-bytes
	if planted.On(planted.AuditByKeptDigest) {
		return nil
	}
	for items > 0 && bytes > 0 {
		size, err := s.verifyNext()
		if err != nil {
			s.Suspect()
			return err
		}
		if !v.under {
			// The pass has come to its end. The share may have more items than there are.
			v.items, v.bytes = 0, 0
			return nil
		}
		items--
		bytes -= size
	}
	v.bytes += min(bytes, 0) // by how much the last item was longer
	return nil
}

// meets compares a variable whose value a command depends on with the hash kept for it:
// what the command makes of damaged bytes would have a right hash, here and nowhere else,
// and no audit of two members could say who is right. old is nil if there is no variable.
func (s *Store) meets(e *entry, old *version) {
	if old == nil || old.hash == hashVariable(e.keyHash, old.value(), old.position) || planted.On(planted.AuditByKeptDigest) {
		return
	}
	s.notes.Damage = damaged("variable %.80q, version %d, which a command has used,", e.key, old.position)
	s.Suspect()
}

// VerifyAll compares all of the state with the hashes kept for it, at once. It is for
// tests and for the simulation, and for the owner.
func (s *Store) VerifyAll() error {
	before := s.verifier
	defer func() { s.verifier = before }()
	s.verifier = verifier{}
	for {
		if _, err := s.verifyNext(); err != nil || !s.verifier.under {
			return err
		}
	}
}

// CleanPasses returns how many times on end the whole state was verified without any
// damage.
func (s *Store) CleanPasses() uint64 { return s.verifier.clean }

// Suspect has CleanPasses count from the next pass on: damage was found otherwise. It
// is for the owner.
func (s *Store) Suspect() {
	v := &s.verifier
	v.found, v.doubt, v.clean = true, true, 0
}

// verifyNext verifies one thing. The pass is not under way any more once it has
// come to its end.
func (s *Store) verifyNext() (size int, err error) {
	v := &s.verifier
	switch {
	case !v.under:
		*v = verifier{under: true, next: 1, doubt: v.doubt, clean: v.clean, items: v.items, bytes: v.bytes, kept: s.sessions.sum}
		return 0, s.verifyRest()
	case !v.inVariables && v.next <= s.sessions.slots.used:
		v.next++
		return s.verifySession(v.next - 1)
	case !v.inVariables:
		err := v.verifySum("sessions", s.sessions.sum, s.sessions.hashes)
		v.inVariables, v.next, v.kept, v.computed = true, 1, s.variables.allSums(), 0
		return 0, err
	case v.next <= s.variables.slots.used:
		v.next++
		return s.verifyVariable(v.next - 1)
	default:
		v.under = false
		err := v.verifySum("variables", s.variables.allSums(), s.variables.hashes)
		if err == nil && !v.found {
			v.clean++
			v.doubt = false
		}
		return 0, err
	}
}

// verifySum compares what all hashes came to with the sum kept. If anything has changed since
// the first was computed, it cannot tell; if there is doubt, it adds up all that are kept then.
// That takes long, 12 ns for each of a million variables, and is done once after damage.
func (v *verifier) verifySum(of string, sum uint64, hashes func() uint64) error {
	computed := v.computed
	switch {
	case v.kept == sum:
	case v.doubt:
		computed = hashes()
	default:
		return nil
	}
	if computed != sum {
		return damaged("the sum of the %s' hashes", of)
	}
	return nil
}

// hashes adds up the hashes that are kept.
func (t *sessions) hashes() (sum uint64) {
	for slot := range t.slots.used {
		if s := t.slots.cell(slot + 1).Load(); s != nil {
			sum += s.base + s.sum
		}
	}
	return sum
}

// hashes adds up the hashes that are kept, of timers and owners, too.
func (t *variables) hashes() (sum uint64) {
	for slot := range t.slots.used {
		e := t.slots.cell(slot + 1).Load()
		if e == nil {
			continue
		}
		sum += e.current.Load().hash
		if e.timed {
			r := t.timers.of[e]
			sum += r.hash()
		}
		if e.owned {
			o := owned{t.owners.of[e], e}
			sum += o.hash()
		}
	}
	return sum
}

// verifyRest verifies what there is one of.
func (s *Store) verifyRest() error {
	t, u := s.sessions, s.variables
	switch {
	case t.clockHash != hashClock(t.clock):
		return damaged("the group's clock, %d ms", t.clock)
	case s.quota.hash != hashQuota(s.quota.Quota):
		return damaged("the quota, %d bytes and %d variables", s.quota.Bytes, s.quota.Variables)
	case s.audit.hash != s.audit.digest():
		return damaged("the audit under way since position %d", s.audit.position)
	case len(t.byID) != int(t.slots.used)-len(t.slots.free):
		return damaged("the table of %d sessions", len(t.byID))
	case len(t.byID) != t.order.Len():
		return damaged("the list of %d sessions", t.order.Len())
	case u.entries.count != int(u.slots.used)-len(u.slots.free):
		return damaged("the table of %d variables", u.entries.count)
	case u.entries.count != u.index.tree.Len():
		return damaged("the index of %d variables", u.index.tree.Len())
	case len(u.timers.of) != u.timers.queue.Len():
		return damaged("the table of %d timers", len(u.timers.of))
	case len(u.owners.of) != u.owners.list.Len():
		return damaged("the table of %d variables that have an owner", len(u.owners.of))
	}
	return nil
}

func (s *Store) verifySession(slot uint32) (size int, err error) {
	t := s.sessions
	sess := t.slots.cell(slot).Load()
	if sess == nil {
		return 0, nil
	}
	size = resultPageBytes*len(sess.results.pages) + sess.dataBytes
	base, all := sess.hash(), sess.digest()
	s.verifier.computed += all
	if base != sess.base || all-base != sess.sum || sess.slot != slot || t.byID[sess.id] != sess ||
		sess.dataBytes != bytesOf(sess.data) {
		return size, damaged("session %d", sess.id)
	}
	if at, ok := t.order.Get(sess); !ok || at != sess {
		return size, damaged("the place of session %d among all", sess.id)
	}
	if c := sess.client; c != nil && (c.hash != hashClient(c.clientID) || c.sessions < 1 || t.clients.byID[c.clientID] != c) {
		return size, damaged("the client of session %d", sess.id)
	}
	if l := t.list(sess); l == nil {
		if at, ok := t.timed.deadlines.Get(sess); !ok || at != sess {
			return size, damaged("the place of session %d among those that expire", sess.id)
		}
	} else if sess.older == nil && l.oldest != sess || sess.older != nil && renewedLater(sess.older, sess) ||
		sess.newer == nil && l.newest != sess {
		return size, damaged("the place of session %d among those that expire", sess.id)
	}
	return size, nil
}

// renewedLater reports whether a was renewed later than b, which is in the same list.
func renewedLater(a, b *session) bool {
	return a.pending > b.pending || a.pending == b.pending && a.renewed > b.renewed
}

func (s *Store) verifyVariable(slot uint32) (size int, err error) {
	e := s.variables.slots.cell(slot).Load()
	if e == nil {
		return 0, nil
	}
	v := e.current.Load()
	if err := e.verify(v, s.limits.MaxValueBytes, s.applied.Load()); err != nil {
		return 0, err
	}
	if e.slot != slot || s.variables.entries.find(e.key) != e {
		return 0, damaged("the place of variable %.80q", e.key)
	}
	s.verifier.computed += v.hash
	if r, timed := s.variables.timers.of[e]; timed != e.timed || timed && v.deleted {
		return 0, damaged("the timer of variable %.80q", e.key)
	} else if timed {
		if queued, ok := s.variables.timers.queue.Get(r); !ok || queued != r || r.entry != e {
			return 0, damaged("the place of variable %.80q among those that expire", e.key)
		}
		s.verifier.computed += r.hash()
	}
	if session, has := s.variables.owners.of[e]; has != e.owned || has && v.deleted {
		return 0, damaged("the owner of variable %.80q", e.key)
	} else if has {
		o := owned{session, e}
		if listed, ok := s.variables.owners.list.Get(o); !ok || listed != o {
			return 0, damaged("the place of variable %.80q among those of session %d", e.key, session)
		}
		s.verifier.computed += o.hash()
	}
	return len(e.key) + int(v.size), nil
}

// verify compares a version with the hash kept for it.
func (e *entry) verify(v *version, maxValueBytes int, applied uint64) error {
	switch {
	case xxh3.HashString(e.key) != e.keyHash:
		return damaged("the key of variable %.80q", e.key)
	case v.position > applied || v.position == 0:
		return damaged("the version, %d, of variable %.80q", v.position, e.key)
	case v.deleted && v.hash != 0 || int(v.size) > maxValueBytes ||
		!v.deleted && v.hash != hashVariable(e.keyHash, v.value(), v.position):
		return damaged("variable %.80q, version %d", e.key, v.position)
	}
	return nil
}

// damaged says what does not have its hash.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s is damaged", ErrDigest, fmt.Sprintf(format, args...))
}
