package store

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

func openOf(name, address string) wire.Command {
	c := wire.Command{Op: wire.OpOpenSession, Key: name}
	if address != "" {
		c.Value = []byte(address)
	}
	return c
}

// A client that opens sessions without end is refused at its own bound, others at
// its address at theirs, and those elsewhere not at all.
func TestSessionsOfAClientAreBounded(t *testing.T) {
	f := newFeeder(t, Limits{MaxSessions: 20, MaxClientSessions: 4, MaxAddressSessions: 6})
	refused := func(name, address string, of int64, most uint64) {
		t.Helper()
		cmd := openOf(name, address)
		full, before := f.s.Full(&cmd)
		r, effect := f.apply(cmd)
		if before.Position = r.Position; full == nil || before != r || f.out.Notes.Crowds[0] != *full {
			t.Errorf("%s at %s: %+v, %+v before, %+v in the order", name, address, full, before, r)
		}
		if r.Status != wire.StatusTooManySessions || r.Number != of || r.Version != most || effect {
			t.Errorf("%s at %s: %+v, want the bound %d of %d", name, address, r, of, most)
		}
	}
	open := func(name, address string) uint64 {
		t.Helper()
		cmd := openOf(name, address)
		if full, _ := f.s.Full(&cmd); full != nil {
			t.Errorf("%s at %s: %+v", name, address, full)
		}
		r, _ := f.apply(cmd)
		if r.Status != wire.StatusOK {
			t.Errorf("%s at %s: %+v", name, address, r)
		}
		return r.Position
	}
	first := open("leaks", "1")
	for range 3 {
		open("leaks", "1")
	}
	refused("leaks", "1", wire.BoundOfClient, 4)
	open("leaks", "2") // another client of the same name
	open("well", "1")
	open("", "1")
	refused("another", "1", wire.BoundOfAddress, 6)
	for i := range 9 {
		open(fmt.Sprint("elsewhere ", i), "3."+fmt.Sprint(i))
	}
	// Of those that nobody knows only the group's bound is kept.
	for range 4 {
		open("", "")
	}
	refused("", "", wire.BoundOfGroup, 20)
	refused("leaks", "1", wire.BoundOfGroup, 20)

	alive, clients, most := f.s.Sessions(2)
	if want := []ClientSessions{{"leaks", "1", 4}, {"", "1", 1}}; alive != 20 || clients != 13 || !reflect.DeepEqual(most, want) {
		t.Errorf("%d sessions of %d clients, %+v, want %+v", alive, clients, most, want)
	}
	// What is closed or expires counts no more.
	f.apply(wire.Command{Op: wire.OpCloseSession, Session: first})
	open("leaks", "1")
	refused("leaks", "1", wire.BoundOfGroup, 20)
	f.apply(tick(60_000))
	for range 4 {
		open("leaks", "1")
	}
	refused("leaks", "1", wire.BoundOfClient, 4)
	if alive, clients, _ := f.s.Sessions(0); alive != 4 || clients != 1 {
		t.Errorf("%d sessions of %d clients", alive, clients)
	}
}

// From four fifths of a bound on the owner is told who is near it.
func TestCrowdedIsTold(t *testing.T) {
	f := newFeeder(t, Limits{MaxSessions: 100, MaxClientSessions: 10, MaxAddressSessions: 15})
	var told []string
	open := func(name, address string) {
		f.apply(openOf(name, address))
		for _, crowd := range f.out.Notes.Crowds {
			c, b := crowd.Client, crowd.Bound
			told = append(told, fmt.Sprintf("%s@%s has %d; %d of %d of %d", c.Name, c.Address, c.Sessions, b.Sessions, b.Most, b.Of))
		}
	}
	for range 7 {
		open("a", "1")
	}
	if len(told) > 0 {
		t.Errorf("below four fifths: %q", told)
	}
	for range 4 {
		open("a", "1")
	}
	for range 3 {
		open("b", "1")
	}
	want := []string{
		"a@1 has 8; 8 of 10 of 1", "a@1 has 9; 9 of 10 of 1", "a@1 has 10; 10 of 10 of 1", "a@1 has 10; 10 of 10 of 1",
		"b@1 has 2; 12 of 15 of 2", "b@1 has 3; 13 of 15 of 2",
	}
	if !reflect.DeepEqual(told, want) {
		t.Errorf("%q, want %q", told, want)
	}
}

// A state without clients that are known is given in the format that nodes of
// before there were clients can take.
func TestStateWithoutClientsHasTheFormatOfBefore(t *testing.T) {
	for name, version := range map[string]byte{"": formatBefore, "c": formatClients} {
		f := newFeeder(t, smallLimits)
		f.apply(openOf(name, ""))
		chunks, err := encode(f.s.Snapshot(), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if got := chunks[0][1]; got != version {
			t.Errorf("client %q: format version %d, want %d", name, got, version)
		}
		s, err := restore(smallLimits, chunks)
		if err != nil {
			t.Fatal(err)
		}
		if _, clients, _ := s.Sessions(1); s.Digest() != f.s.Digest() || clients != len(name) {
			t.Errorf("client %q: digest %x, want %x; %d clients", name, s.Digest(), f.s.Digest(), clients)
		}
	}
}
