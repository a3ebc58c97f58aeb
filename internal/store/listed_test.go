package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// listed is the list of all sessions.
func (o *oracle) listed() (list []wire.ListedSession) {
	for _, id := range slices.Sorted(maps.Keys(o.sessions)) {
		s := o.sessions[id]
		l := wire.ListedSession{ID: id, Name: s.client.name, Address: s.client.address, Own: s.ttl != 0, TTL: uint64(s.ttl), Left: uint64(s.ttl)}
		passed := o.clock - s.renewed
		switch {
		case s.ttl == 0:
			l.TTL = o.limits.ttlMillis()
			l.Left = l.TTL - uint64(passed)
		case s.pending == 0 && passed > 0:
			l.Left = uint64(max(s.ttl+1-passed, 0)) // an old tick lets nothing of its own TTL expire
		}
		l.Writes = s.floor - 1
		for seq := range s.results {
			l.Writes = max(l.Writes, seq)
		}
		for _, owner := range o.owners {
			if owner == id {
				l.Owned++
			}
		}
		list = append(list, l)
	}
	return list
}

// compareSessions compares the lists of sessions, and of the variables that each owns, page by
// page.
func compareSessions(t *rapid.T, s *Store, o *oracle) {
	want := o.listed()
	limit := rapid.IntRange(1, 4).Draw(t, "sessions of a page")
	var got []wire.ListedSession
	q := wire.SessionsQuery{Limit: uint64(limit)}
	for more := true; more; {
		page, found := s.ListSessions(&q)
		if !found || len(page.Sessions) > limit || len(page.Keys) > 0 || page.More && len(page.Sessions) < limit {
			t.Fatalf("%+v, %v", page, found)
		}
		got, more = append(got, page.Sessions...), page.More
		if more {
			q.After = got[len(got)-1].ID
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("sessions (-want +got):\n%s", diff)
	}
	for _, l := range want {
		var keys, found []string
		for key, owner := range o.owners {
			if owner == l.ID {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		q := wire.SessionsQuery{ID: l.ID, Limit: 2}
		for more := true; more; {
			page, alive := s.ListSessions(&q)
			if !alive || len(page.Keys) > 2 || len(page.Sessions) != 1 || page.Sessions[0] != l {
				t.Fatalf("%+v, %v, want %+v", page, alive, l)
			}
			if found, more = append(found, page.Keys...), page.More; more {
				q.AfterKey = found[len(found)-1]
			}
		}
		if diff := cmp.Diff(keys, found); diff != "" {
			t.Fatalf("variables of session %d (-want +got):\n%s", l.ID, diff)
		}
	}
	if page, found := s.ListSessions(&wire.SessionsQuery{ID: o.position + 1}); found || len(page.Sessions) > 0 {
		t.Fatalf("a session of the future: %+v", page)
	}
}

func listOf(f *feeder, q wire.SessionsQuery) wire.SessionsPage {
	f.t.Helper()
	page, found := f.s.ListSessions(&q)
	if !found {
		f.t.Fatalf("%+v: no session", q)
	}
	return page
}

// What a list shows of a session as time passes and it writes.
func TestListedSession(t *testing.T) {
	f := newFeeder(t, Limits{})
	f.want(wire.StatusOK, wire.Command{Op: wire.OpTick, Delta: 700})
	plain := f.want(wire.StatusOK, wire.Command{Op: wire.OpOpenSession, Key: "app", Value: []byte("10.0.0.1")}).Position
	own := f.openFor(5000)
	check := func(want ...wire.ListedSession) {
		t.Helper()
		if diff := cmp.Diff(want, listOf(f, wire.SessionsQuery{}).Sessions); diff != "" {
			t.Error(diff)
		}
	}
	a := wire.ListedSession{ID: plain, Name: "app", Address: "10.0.0.1", TTL: 60_000, Left: 60_000}
	b := wire.ListedSession{ID: own, Own: true, TTL: 5000, Left: 5000}
	check(a, b)
	f.want(wire.StatusOK, clock(1000, own-1)) // the time of b has not begun
	a.Left = 59_000
	check(a, b)
	f.pass(0)
	check(a, b)
	f.pass(1200)
	a.Left, b.Left = 57_800, 3801
	check(a, b)
	f.want(wire.StatusOK, set(plain, 1, 1, "k", "v"))
	a.Left, a.Writes = 60_000, 1
	check(a, b)
	f.want(wire.StatusOK, set(plain, 40, 2, "k", "v"))
	a.Writes = 40
	check(a, b)
	f.want(wire.StatusOK, set(plain, 18, 2, "k", "v")) // in a page before
	check(a, b)
	f.want(wire.StatusOK, txn(own, 1, 1, ephemeral("a"), ephemeral("b"), ephemeral("c")))
	b.Left, b.Writes, b.Owned = 5000, 1, 3
	check(a, b)
	f.want(wire.StatusOK, set(plain, 41, 41, "b", "mine"))
	f.want(wire.StatusBadRequest, txn(plain, 42, 42, ephemeral("c"))) // it has no TTL of its own
	a.Writes, b.Owned = 42, 2
	check(a, b)
	if diff := cmp.Diff(wire.SessionsPage{Sessions: []wire.ListedSession{b}, Keys: []string{"a", "c"}}, listOf(f, wire.SessionsQuery{ID: own})); diff != "" {
		t.Error(diff)
	}
	f.want(wire.StatusOK, wire.Command{Op: wire.OpCloseSession, Session: own})
	check(a)
	if _, found := f.s.ListSessions(&wire.SessionsQuery{ID: own}); found {
		t.Error("a session that was closed is alive")
	}
}

// Pages are bounded, and end where they should.
func TestSessionPagesAreBounded(t *testing.T) {
	f := newFeeder(t, Limits{})
	var ids []uint64
	for range wire.MaxListedSessions + 1 {
		ids = append(ids, f.open())
	}
	for _, limit := range []uint64{0, wire.MaxListedSessions, wire.MaxListedSessions + 1, 1 << 63} {
		page := listOf(f, wire.SessionsQuery{Limit: limit})
		if len(page.Sessions) != wire.MaxListedSessions || !page.More {
			t.Errorf("limit %d: %d sessions, more: %v", limit, len(page.Sessions), page.More)
		}
	}
	if page := listOf(f, wire.SessionsQuery{After: ids[0]}); len(page.Sessions) != wire.MaxListedSessions || page.More || page.Sessions[0].ID != ids[1] {
		t.Errorf("%d sessions, more: %v", len(page.Sessions), page.More)
	}
	if page := listOf(f, wire.SessionsQuery{After: 1<<64 - 1}); len(page.Sessions) > 0 || page.More {
		t.Errorf("%+v", page)
	}
	own, seq := f.openFor(5000), uint64(0)
	put := func(key string) {
		seq++
		f.want(wire.StatusOK, txn(own, seq, seq, ephemeral(key)))
	}
	for n := range wire.MaxOwnedKeys {
		put(fmt.Sprintf("k%03d", n))
	}
	if page := listOf(f, wire.SessionsQuery{ID: own}); len(page.Keys) != wire.MaxOwnedKeys || page.More {
		t.Errorf("%d keys, more: %v", len(page.Keys), page.More)
	}
	put("l")
	if page := listOf(f, wire.SessionsQuery{ID: own, Limit: 1 << 63}); len(page.Keys) != wire.MaxOwnedKeys || !page.More {
		t.Errorf("%d keys, more: %v", len(page.Keys), page.More)
	}
	for n := range wire.MaxOwnedBytes/wire.MaxKeyBytes + 1 {
		put(fmt.Sprintf("m%02d", n) + strings.Repeat("x", wire.MaxKeyBytes-3))
	}
	page := listOf(f, wire.SessionsQuery{ID: own, AfterKey: "l"})
	if len(page.Keys) != wire.MaxOwnedBytes/wire.MaxKeyBytes || !page.More {
		t.Errorf("%d keys, more: %v", len(page.Keys), page.More)
	}
	page = listOf(f, wire.SessionsQuery{ID: own, AfterKey: page.Keys[0]})
	if len(page.Keys) != wire.MaxOwnedBytes/wire.MaxKeyBytes || page.More || page.Keys[0][:3] != "m01" {
		t.Errorf("%d keys, more: %v", len(page.Keys), page.More)
	}
}

// What was restored is listed as it was.
func TestListedSessionsAreRestored(t *testing.T) {
	f := newFeeder(t, Limits{})
	f.open()
	own := f.openFor(5000)
	f.want(wire.StatusOK, txn(own, 1, 1, ephemeral("a"), ephemeral("b")))
	f.pass(0)
	f.pass(100)
	snapshot := f.s.Snapshot()
	snapshot.IncludeHistory()
	chunks, err := encode(snapshot, 100)
	if err != nil {
		t.Fatal(err)
	}
	restored, err := restore(Limits{}, chunks)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []wire.SessionsQuery{{}, {ID: own}} {
		want, _ := f.s.ListSessions(&q)
		got, _ := restored.ListSessions(&q)
		if diff := cmp.Diff(want, got); diff != "" || len(got.Sessions) == 0 {
			t.Errorf("%+v (-want +got):\n%s", q, diff)
		}
	}
}

// The list of sessions is part of the audit.
func TestVerifySeesTheList(t *testing.T) {
	for name, spoil := range map[string]func(*sessions, *session){
		"missing": func(t *sessions, s *session) { t.order.Delete(s) },
		"another": func(t *sessions, s *session) { t.order.Set(&session{id: s.id}) },
	} {
		f := newFeeder(t, Limits{})
		f.open()
		id := f.open()
		if err := f.s.VerifyAll(); err != nil {
			t.Fatal(err)
		}
		spoil(f.s.sessions, f.s.sessions.byID[id])
		if err := f.s.VerifyAll(); err == nil {
			t.Errorf("%s: not seen", name)
		}
	}
}

// BenchmarkListSessions makes one full page of 100,000 sessions, which the owner does within a
// turn.
func BenchmarkListSessions(b *testing.B) {
	s := New(Limits{})
	var out Outcome
	open := (&wire.Command{Op: wire.OpOpenSession}).Append(nil)
	for position := range uint64(100_000) {
		s.ApplyMessage(position+1, 1, open, &out)
	}
	for b.Loop() {
		if page, _ := s.ListSessions(&wire.SessionsQuery{After: 50_000}); len(page.Append(nil)) == 0 || len(page.Sessions) != wire.MaxListedSessions {
			b.Fatal(len(page.Sessions))
		}
	}
}
