package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"

	"pgregory.net/rapid"

	driverside "github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// apply applies one command to a store.
func apply(s *store.Store, cmd wire.Command) {
	var out store.Outcome
	s.ApplyMessage(s.Applied()+1, 1, cmd.Append(nil), &out)
}

// A listing of many pages shows the keys of one position, each once and in order,
// however many are kept ahead and whatever happens to the variables meanwhile.
func TestListingShowsOnePosition(t *testing.T) { rapid.Check(t, listingShowsOnePosition) }

func listingShowsOnePosition(t *rapid.T) {
	s := store.New(store.Limits{})
	apply(s, wire.Command{Op: wire.OpOpenSession})
	seq := uint64(0)
	now := map[string]wire.ListedKey{}
	key := rapid.StringOfN(rapid.RuneFrom([]rune("ab")), 1, 4, -1)
	change := func() {
		seq++
		cmd := wire.Command{Op: wire.OpSet, Session: 1, Seq: seq, Floor: seq, Key: key.Draw(t, "key"), Value: make([]byte, rapid.IntRange(0, 3).Draw(t, "size"))}
		if rapid.IntRange(0, 2).Draw(t, "delete") == 0 {
			cmd.Op, cmd.Value = wire.OpDelete, nil
		}
		apply(s, cmd)
		delete(now, cmd.Key)
		if cmd.Op == wire.OpSet {
			now[cmd.Key] = wire.ListedKey{Key: cmd.Key, Version: s.Applied(), Bytes: uint64(len(cmd.Value))}
		}
	}
	for range rapid.IntRange(0, 60).Draw(t, "changes before") {
		change()
	}
	q := wire.ListQuery{Prefix: rapid.SampledFrom([]string{"", "a", "ab", "c"}).Draw(t, "prefix"), After: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "after")}
	var want, got []wire.ListedKey
	for _, k := range now {
		if strings.HasPrefix(k.Key, q.Prefix) && k.Key > q.After {
			want = append(want, k)
		}
	}
	sortKeys(want)
	snapshot := s.Snapshot()
	l := listing{prefix: q.Prefix, position: snapshot.Position(), snapshot: snapshot, ahead: rapid.IntRange(1, 8).Draw(t, "ahead"), after: q.After}
	for more := true; more; {
		q.Limit = uint64(rapid.IntRange(1, 5).Draw(t, "limit"))
		page := l.page(&q)
		if more = page.More; len(page.Keys) == 0 && more || len(page.Keys) > int(q.Limit) {
			// A page is empty in the end only: where the keys kept ahead were the last.
			t.Fatalf("a page of %d keys, and more: %v", len(page.Keys), more)
		}
		got = append(got, page.Keys...)
		if n := len(page.Keys); n > 0 {
			q.After = page.Keys[n-1].Key
		}
		for range rapid.IntRange(0, 3).Draw(t, "changes between") {
			change()
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("it shows\n%v, want\n%v", got, want)
	}
	if l.snapshot != nil {
		t.Fatal("the snapshot is open in the end")
	}
}

// What is open is bounded, and closed when nobody asks for it.
func TestListingsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := member.New(member.Config{})
		r := &replica{front: &front{reader: m.Reader()}}
		begin := func() (*listing, wire.Reply) { return r.front.listingOf(&wire.ListQuery{}, time.Now()) }
		var all []*listing
		for range maxListings {
			l, _ := begin()
			l.busy = true
			all = append(all, l)
		}
		time.Sleep(listLife) //nolint:forbidigo // of the bubble
		if l, reply := begin(); l != nil || reply.Status != wire.StatusUnavailable || !strings.Contains(string(reply.Data), "4 listings are under way") {
			t.Errorf("one more listing than may be open: %+v", reply)
		}
		if l, reply := r.front.listingOf(&wire.ListQuery{Listing: all[0].number}, time.Now()); l != nil || reply.Status != wire.StatusUnavailable {
			t.Errorf("a second page beside the first: %+v", reply)
		}
		for _, l := range all {
			l.busy, l.begun, l.used = false, time.Now(), time.Now()
		}
		if l, _ := begin(); l != nil {
			t.Error("a listing was closed for another while its client may go on")
		}
		time.Sleep(listGrace) //nolint:forbidigo // of the bubble
		if l, _ := begin(); l == nil {
			t.Error("no listing was closed for another although all clients are slow")
		}
		time.Sleep(listIdle) //nolint:forbidigo // of the bubble
		r.front.expireListings(time.Now())
		if n := len(r.front.listings.open); n != 0 {
			t.Errorf("%d listings are open, and nobody asks for them", n)
		}
		for _, l := range all {
			if l.snapshot != nil {
				t.Error("a listing was closed, and its snapshot was not")
			}
		}
		if l, reply := r.front.listingOf(&wire.ListQuery{Listing: all[0].number}, time.Now()); l != nil || reply.Status != wire.StatusNotFound {
			t.Errorf("a page of a listing that is closed: %+v", reply)
		}
	})
}

// Where a node has no lease, a listing is refused, but to clients that accept that it
// is stale.
func TestListingWithoutLease(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	restart := g.durableRegistry(fast())
	g.startAll(2)
	c := g.client("n1")
	c.set("k", "v")
	conn := g.dial("n1")
	stale, err := driverside.Dial(t.Context(), g.nodes["n1"].Addr(), driverside.Options{Stale: true})
	if err != nil {
		t.Fatal(err)
	}
	g.stopRegistry()
	g.kill("n2")
	eventually(t, "a listing is refused", func() bool {
		_, err := conn.List(t.Context(), wire.ListQuery{}, 0)
		var refused *driverside.StatusError
		return errors.As(err, &refused) && refused.Status == wire.StatusUnavailable
	})
	if page, err := stale.List(t.Context(), wire.ListQuery{}, 0); err != nil || len(page.Keys) != 1 || page.Keys[0].Key != "k" {
		t.Errorf("a listing that may be stale: %+v, %v", page, err)
	}
	if err := stale.Close(); err != nil {
		t.Error(err)
	}
	restart()
}

// A query that is none is refused, and harms nobody.
func TestListingOfGarbage(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(1)
	r := g.nodes["n1"].current.Load()
	for _, garbage := range []string{"", "\x00", "\x80\x00\x00", "\x00\x00\xff"} {
		answers := make(replies, 1)
		r.do(func(m *member.Member) {
			r.front.list(m, &member.Read{Key: garbage, Ticket: member.Ticket{Waiter: answers}})
		})
		if reply := <-answers; reply.Status != wire.StatusBadRequest {
			t.Errorf("%q: %+v", garbage, reply)
		}
	}
}

// A listing reads what its session has written, over any number of pages, and is
// refused where a read is.
func TestListingOverTheNetwork(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	c := g.client("n1")
	for i := range 5 {
		c.set(fmt.Sprintf("k%d", i), "v")
	}
	conn := g.dial("n2")
	list := func(q wire.ListQuery) (driverside.Listing, error) {
		page, err := conn.List(t.Context(), q, c.seen)
		var refused *driverside.StatusError
		for errors.As(err, &refused) && again(refused.Status) {
			page, err = conn.List(t.Context(), q, c.seen)
		}
		return page, err
	}
	first, err := list(wire.ListQuery{Prefix: "k", Limit: 2})
	if err != nil || len(first.Keys) != 2 || first.Keys[1].Key != "k1" || !first.More || first.Position < c.seen {
		t.Fatalf("the first page: %+v, %v", first, err)
	}
	c.set("k2", "later")
	c.set("k9", "new")
	rest, err := list(wire.ListQuery{Listing: first.Number, Prefix: "k", After: "k1"})
	if err != nil || len(rest.Keys) != 3 || rest.More || rest.Position != first.Position || rest.Keys[0].Version > first.Position {
		t.Errorf("the second page: %+v, %v", rest, err)
	}
	for name, q := range map[string]wire.ListQuery{
		"one that has ended":     {Listing: first.Number, Prefix: "k", After: "k1"},
		"one that was never":     {Listing: 1 << 60, Prefix: "k", After: "k1"},
		"one with other keys":    {Listing: first.Number, Prefix: "", After: "k1"},
		"one that has passed on": {Listing: first.Number, Prefix: "k"},
	} {
		var refused *driverside.StatusError
		if page, err := list(q); !errors.As(err, &refused) || refused.Status != wire.StatusNotFound {
			t.Errorf("%s: %+v, %v", name, page, err)
		}
	}
	if all, err := list(wire.ListQuery{Limit: 1 << 63}); err != nil || len(all.Keys) != 6 || all.Keys[2].Bytes != 5 {
		t.Errorf("all: %+v, %v", all, err)
	}
	if none, err := list(wire.ListQuery{Prefix: strings.Repeat("x", 5000)}); err != nil || len(none.Keys) != 0 || none.More {
		t.Errorf("none: %+v, %v", none, err)
	}
	r := g.nodes["n2"].current.Load()
	eventually(t, "no listing is open", func() bool {
		n := 1
		r.do(func(*member.Member) { n = len(r.front.listings.open) })
		return n == 0
	})
}
