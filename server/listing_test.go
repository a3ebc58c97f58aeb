package server

import (
	"errors"
	"fmt"
	"reflect"
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
	var refused *driverside.StatusError
	if _, _, err := conn.Sessions(t.Context(), wire.SessionsQuery{}, 0); !errors.As(err, &refused) || refused.Status != wire.StatusUnavailable {
		t.Errorf("a list of sessions without a lease: %v", err)
	}
	if page, _, err := stale.Sessions(t.Context(), wire.SessionsQuery{}, 0); err != nil || len(page.Sessions) != 1 {
		t.Errorf("one that may be stale: %+v, %v", page, err)
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
	if none, err := list(wire.ListQuery{Prefix: strings.Repeat("x", wire.MaxKeyBytes)}); err != nil || len(none.Keys) != 0 || none.More {
		t.Errorf("none: %+v, %v", none, err)
	}
	r := g.nodes["n2"].current.Load()
	eventually(t, "no listing is open", func() bool {
		n := 1
		r.do(func(*member.Member) { n = len(r.front.listings.open) })
		return n == 0
	})
}

// hasClosed reports whether a snapshot was closed, which the store learns with its next
// message only.
func hasClosed(s *store.Snapshot) bool {
	return !reflect.ValueOf(s).Elem().FieldByName("closed").FieldByName("v").IsZero()
}

// A listing goes on for those who name it, its prefix, and a key that it has not passed.
func TestListingGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &front{reader: member.New(member.Config{}).Reader()}
		l, _ := f.listingOf(&wire.ListQuery{Prefix: "k", After: "k1"}, time.Now())
		for q, want := range map[wire.ListQuery]wire.Status{
			{Listing: l.number, Prefix: "k", After: "k1"}:     wire.StatusOK,
			{Listing: l.number, Prefix: "k", After: "k2"}:     wire.StatusOK,
			{Listing: l.number, Prefix: "k", After: "k"}:      wire.StatusNotFound,
			{Listing: l.number, Prefix: "", After: "k1"}:      wire.StatusNotFound,
			{Listing: l.number + 1, Prefix: "k", After: "k1"}: wire.StatusNotFound,
		} {
			if got, reply := f.listingOf(&q, time.Now()); reply.Status != want || (got == l) != (want == wire.StatusOK) {
				t.Errorf("%+v: %+v", q, reply)
			}
		}
		// It is open for as long as somebody asks for its pages, up to a time.
		snapshot := l.snapshot
		for begun := time.Now(); time.Since(begun) < listLife-listIdle; {
			time.Sleep(listIdle - time.Second) //nolint:forbidigo // of the bubble
			if f.expireListings(time.Now()); len(f.listings.open) != 1 || hasClosed(snapshot) {
				t.Fatalf("it is closed after %v", time.Since(begun))
			}
			if got, _ := f.listingOf(&wire.ListQuery{Listing: l.number, Prefix: "k", After: "k1"}, time.Now()); got != l {
				t.Fatal("it is not found")
			}
		}
		time.Sleep(listIdle - time.Second) //nolint:forbidigo // of the bubble
		if f.expireListings(time.Now()); len(f.listings.open) != 0 || !hasClosed(snapshot) {
			t.Error("it is open for longer than its life")
		}
	})
}

// Whoever goes back to keys that the listing has passed is told, and does not miss them.
func TestListingDoesNotGoBack(t *testing.T) {
	s := store.New(store.Limits{})
	apply(s, wire.Command{Op: wire.OpOpenSession})
	for i, key := range []string{"a", "b", "c", "d"} {
		apply(s, wire.Command{Op: wire.OpSet, Session: 1, Seq: uint64(i + 1), Floor: uint64(i + 1), Key: key})
	}
	l := &listing{number: 1, snapshot: s.Snapshot(), ahead: listAhead}
	f := &front{listings: listings{open: map[uint64]*listing{1: l}}}
	for _, after := range []string{"", "a", "a", "c"} {
		q := wire.ListQuery{Listing: 1, Limit: 1, After: after}
		got, reply := f.listingOf(&q, time.Now())
		if got != l {
			t.Fatalf("after %q: %+v", after, reply)
		}
		if page := l.page(&q); page.Keys[0].Key <= after || len(page.Keys) != 1 {
			t.Errorf("after %q: %+v", after, page)
		}
	}
	for _, after := range []string{"", "a", "b"} {
		if got, reply := f.listingOf(&wire.ListQuery{Listing: 1, After: after}, time.Now()); got != nil || reply.Status != wire.StatusNotFound {
			t.Errorf("back to %q: %+v", after, reply)
		}
	}
}

// The listing that nobody has asked for the longest makes room for another.
func TestOldestListingMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &front{reader: member.New(member.Config{}).Reader()}
		begin := func() *listing {
			l, _ := f.listingOf(&wire.ListQuery{}, time.Now())
			time.Sleep(time.Second) //nolint:forbidigo // of the bubble
			return l
		}
		var all []*listing
		for range maxListings {
			all = append(all, begin())
		}
		f.listingOf(&wire.ListQuery{Listing: all[0].number}, time.Now()) // and all[1] is the oldest
		time.Sleep(listGrace)                                            //nolint:forbidigo // of the bubble
		begin()
		for i, l := range all {
			if open := f.listings.open[l.number] != nil; open != (i != 1) || open == (l.snapshot == nil) {
				t.Errorf("number %d is open: %v", i, open)
			}
		}
		time.Sleep(listIdle) //nolint:forbidigo // of the bubble
		if begin(); len(f.listings.open) != 1 {
			t.Errorf("%d are open", len(f.listings.open))
		}
	})
}

// A page has no more keys, and no more bytes, than it may have, but one key at least.
func TestPageIsBounded(t *testing.T) {
	keys := func(n, bytes int) (list []wire.ListedKey) {
		for i := range n {
			list = append(list, wire.ListedKey{Key: fmt.Sprintf("%0*d", bytes, i)})
		}
		return list
	}
	l := &listing{next: keys(1000, 1000)}
	page := l.page(&wire.ListQuery{})
	if size := len(page.Append(nil)); size > wire.MaxListedBytes || size < wire.MaxListedBytes-2*1025*25 || !page.More {
		t.Errorf("%d bytes, more %v", size, page.More)
	}
	if n := len(page.Keys); n != wire.MaxListedBytes/1025 {
		t.Errorf("%d keys of 1000 bytes", n)
	}
	l = &listing{next: keys(2, wire.MaxListedBytes)}
	if page := l.page(&wire.ListQuery{}); len(page.Keys) != 1 || !page.More {
		t.Errorf("%d long keys, more %v", len(page.Keys), page.More)
	}
	for _, limit := range []uint64{0, wire.MaxListedKeys, wire.MaxListedKeys + 1} {
		l = &listing{next: slices.Repeat([]wire.ListedKey{{Key: "k"}}, wire.MaxListedKeys+1)} // longer ones do not fit
		if page := l.page(&wire.ListQuery{Limit: limit}); len(page.Keys) != wire.MaxListedKeys || !page.More {
			t.Errorf("%d keys for a limit of %d, more %v", len(page.Keys), limit, page.More)
		}
	}
}

// The keys that a listing keeps ahead are bounded in bytes, and the others come with
// another look at the snapshot, which is closed after the last.
func TestKeysAheadAreBounded(t *testing.T) {
	const keyBytes, most = 1000, listAheadBytes / 1000
	s := store.New(store.Limits{})
	apply(s, wire.Command{Op: wire.OpOpenSession})
	key := func(i int) string { return fmt.Sprintf("%0*d", keyBytes, i) }
	for i := range most + 2 {
		apply(s, wire.Command{Op: wire.OpSet, Session: 1, Seq: uint64(i + 1), Floor: uint64(i + 1), Key: key(i)})
	}
	snapshot := s.Snapshot()
	l := listing{snapshot: snapshot, ahead: listAhead}
	if l.gather(); len(l.next) != most || l.snapshot == nil || hasClosed(snapshot) {
		t.Fatalf("%d keys are ahead, of %d that may be", len(l.next), most)
	}
	page := l.page(&wire.ListQuery{After: key(most - 1)})
	if len(page.Keys) != 2 || page.Keys[0].Key != key(most) || page.More || l.snapshot != nil || !hasClosed(snapshot) {
		t.Errorf("%d keys are left, more %v", len(page.Keys), page.More)
	}
}

// A listing has one page under way, and whoever may not read what is stale gets none
// from a node without a lease.
func TestOnePageAtATime(t *testing.T) {
	h := newLone(t, Config{})
	var work []func()
	h.front.goOn = func(fn func()) { work = append(work, fn) }
	answers := make(replies, 2)
	ask := func(q wire.ListQuery, stale bool) {
		h.do(func(m *member.Member) {
			h.front.list(m, &member.Read{Key: string(q.Append(nil)), Stale: stale, Ticket: member.Ticket{Waiter: answers}})
		})
	}
	ask(wire.ListQuery{}, true)
	for _, prefix := range []string{"", "of another"} {
		ask(wire.ListQuery{Listing: 1, Prefix: prefix}, true)
		if reply := <-answers; reply.Status != wire.StatusUnavailable || !strings.Contains(string(reply.Data), "another page") {
			t.Errorf("a second page: %+v", reply)
		}
	}
	ask(wire.ListQuery{}, false)
	for i, want := range []wire.Status{wire.StatusOK, wire.StatusUnavailable} {
		work[i]()
		reply := <-answers
		if reply.Status != want || want == wire.StatusOK && (reply.Version != 1 || len(reply.Data) == 0) {
			t.Errorf("number %d: %+v", i, reply)
		}
	}
	h.do(func(*member.Member) {
		if n := len(h.front.listings.open); n != 0 || len(work) != 2 {
			t.Errorf("%d are open, %d pages were made", n, len(work))
		}
	})
}
