package store

import (
	"bytes"
	"errors"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// locked is a command that opens a session with a lock, for a client at an address.
func locked(lock wire.Lock, ttl int64, address string) wire.Command {
	return wire.Command{Op: wire.OpOpenLocked, Key: "client", Value: wire.AppendLocked(nil, lock, address), Delta: ttl}
}

// A session has its lock, and its client, from its beginning to its end, and in snapshots.
func TestLockOfASession(t *testing.T) {
	f := newFeeder(t, Limits{})
	one, two := wire.Lock{1}, wire.Lock{15: 2}
	open := f.open()
	a := f.want(wire.StatusOK, locked(one, 0, "10.0.0.1")).Position
	b := f.want(wire.StatusOK, locked(two, 100, "10.0.0.1")).Position
	chunks, err := encode(f.s.Snapshot(), 50)
	if err != nil {
		t.Fatal(err)
	}
	restored, err := restore(Limits{}, chunks)
	if err != nil || restored.Digest() != f.s.Digest() {
		t.Fatalf("%v, digest %x, want %x", err, restored.Digest(), f.s.Digest())
	}
	for _, s := range []*Store{f.s, restored} {
		for id, want := range map[uint64]wire.Lock{open: {}, a: one, b: two} {
			if lock, alive := s.SessionLock(id); !alive || lock != want {
				t.Errorf("session %d: lock %x, alive %v, want %x", id, lock, alive, want)
			}
		}
		if lock, alive := s.SessionLock(b + 1); alive || lock != (wire.Lock{}) {
			t.Errorf("a session that is none: lock %x, alive %v", lock, alive)
		}
		page, _ := s.ListSessions(&wire.SessionsQuery{After: open})
		if l := page.Sessions; len(l) != 2 || l[0].Name != "client" || l[0].Address != "10.0.0.1" || l[0].Own || !l[1].Own || l[1].TTL != 100 {
			t.Errorf("listed %+v", l)
		}
	}
	f.want(wire.StatusOK, wire.Command{Op: wire.OpCloseSession, Session: a})
	if _, alive := f.s.SessionLock(a); alive || f.s.sessions.locked != 1 {
		t.Errorf("closed, and alive %v; %d sessions have a lock, want 1", alive, f.s.sessions.locked)
	}
}

// Sessions with a lock and without count together, for the client that opens them.
func TestLockedSessionsOfAClient(t *testing.T) {
	f := newFeeder(t, Limits{MaxClientSessions: 1})
	open := locked(wire.Lock{1}, 0, "10.0.0.1")
	if crowd, _ := f.s.Full(&open); crowd != nil {
		t.Errorf("there is no room: %+v", crowd)
	}
	f.want(wire.StatusOK, open)
	other := locked(wire.Lock{2}, 0, "10.0.0.1")
	for _, c := range []wire.Command{open, other, {Op: wire.OpOpenSession, Key: "client", Value: []byte("10.0.0.1")}} {
		if crowd, r := f.s.Full(&c); crowd == nil || crowd.Client.Address != "10.0.0.1" || r.Status != wire.StatusTooManySessions {
			t.Errorf("%s: %+v, %+v", c.Op, crowd, r)
		}
		f.want(wire.StatusTooManySessions, c)
	}
	f.want(wire.StatusOK, locked(wire.Lock{1}, 0, "10.0.0.2"))
}

func TestImpossibleLocks(t *testing.T) {
	f := newFeeder(t, Limits{})
	for name, c := range map[string]wire.Command{
		"short":            {Op: wire.OpOpenLocked, Value: bytes.Repeat([]byte{1}, 15)},
		"zero":             locked(wire.Lock{}, 0, "10.0.0.1"),
		"a TTL of 99 ms":   locked(wire.Lock{1}, 99, ""),
		"a negative TTL":   locked(wire.Lock{1}, -1, ""),
		"a wrong address":  locked(wire.Lock{1}, 0, "\x1b"),
		"nothing, no lock": {Op: wire.OpOpenLocked},
	} {
		if r, effect := f.apply(c); r.Status != wire.StatusBadRequest || effect {
			t.Errorf("%s: %+v, took effect: %v", name, r, effect)
		}
	}
}

// A lock that is changed behind the store's back is found, and is part of the digest.
func TestLockIsVerified(t *testing.T) {
	f := newFeeder(t, Limits{})
	id := f.want(wire.StatusOK, locked(wire.Lock{1}, 0, "")).Position
	if err := f.s.VerifyAll(); err != nil {
		t.Fatal(err)
	}
	f.s.sessions.byID[id].lock[3] = 9
	if err := f.s.VerifyAll(); !errors.Is(err, ErrDigest) {
		t.Errorf("%v, want ErrDigest", err)
	}
	other := newFeeder(t, Limits{})
	other.want(wire.StatusOK, locked(wire.Lock{2}, 0, ""))
	if other.s.Digest() == f.s.Digest() {
		t.Error("the digest does not show the lock")
	}
}

// A state without locks is encoded as before there were any, for members of that time.
func TestSnapshotWithoutLocks(t *testing.T) {
	f := newFeeder(t, Limits{})
	id := f.want(wire.StatusOK, locked(wire.Lock{1}, 0, "")).Position
	if header := appendHeader(nil, f.s.Snapshot()); header[1] != formatVariables {
		t.Errorf("with a lock the format has version %d", header[1])
	}
	f.want(wire.StatusOK, wire.Command{Op: wire.OpCloseSession, Session: id})
	if header := appendHeader(nil, f.s.Snapshot()); header[1] != formatBefore {
		t.Errorf("without a lock the format has version %d", header[1])
	}
}

// TestRestoreRefusesImpossibleLocks feeds records that no store can have encoded.
func TestRestoreRefusesImpossibleLocks(t *testing.T) {
	f := newFeeder(t, Limits{})
	f.want(wire.StatusOK, locked(wire.Lock{1}, 0, ""))
	header := appendHeader(nil, f.s.Snapshot())
	named := newFeeder(t, Limits{})
	named.want(wire.StatusOK, wire.Command{Op: wire.OpOpenSession, Key: "client"})
	lock := appendLock(nil, &session{lock: wire.Lock{1}})
	plain, timed := session{id: 1, floor: 1}, session{id: 1, floor: 1, ttl: 100}
	for name, tc := range map[string]struct {
		header, records []byte
		fits            bool
	}{
		"of a session":          {header, appendSession(lock, &plain), true},
		"of one with a TTL":     {header, appendSession(lock, &timed), true},
		"behind the TTL":        {header, appendSession(append(appendTimed(nil, &timed), lock...), &plain), false},
		"two of one":            {header, appendSession(append(lock, lock...), &plain), false},
		"zero":                  {header, appendSession(append([]byte{recordLock}, make([]byte, 16)...), &plain), false},
		"of nothing":            {header, append(lock, recordTrailer), false},
		"cut":                   {header, lock[:16], false},
		"before there were any": {appendHeader(nil, named.s.Snapshot()), appendSession(lock, &plain), false},
	} {
		r := Restore(Limits{})
		if err := r.Chunk(tc.header); err != nil {
			t.Fatal(err)
		}
		if err := r.Chunk(tc.records); tc.fits != (err == nil) || !tc.fits && !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
