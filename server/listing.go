package server

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Bounds on listings. There is no index of the keys, which would cost every write:
// a listing looks at all variables of a snapshot, and keeps the next keys of it.
const (
	// maxListings is how many are open on a node, each with one page under way at
	// most. Each may keep the snapshot that it shows, which costs what is
	// overwritten meanwhile, and keys.
	maxListings = 4

	// listAhead is how many keys are kept that come next, so that a look at all
	// variables serves many pages, and listAheadBytes how long they may be
	// together. During the look there are 64 bytes for each.
	listAhead      = 1 << 18
	listAheadBytes = 16 << 20

	// listIdle is how long a listing is kept open for its next page, and listLife
	// for how long it is kept at all.
	listIdle = 30 * time.Second
	listLife = 5 * time.Minute

	// listYields is after how many variables others get the processor.
	listYields = 1 << 12
)

// listings are those that are open, by number. They belong to the owner of the turn,
// but a listing with a page under way to the goroutine that makes the page.
type listings struct {
	open  map[uint64]*listing
	taken uint64 // the number of the latest
}

// listing shows the keys of one position, page by page.
type listing struct {
	number   uint64
	prefix   string
	position uint64
	snapshot *store.Snapshot // nil: all keys that are left are in next
	ahead    int             // listAhead
	after    string          // the latest page began after it, and so does next
	next     []wire.ListedKey
	begun    time.Time
	used     time.Time // the latest page was asked for
	busy     bool      // a page is under way
}

// list answers with a page of a listing. p has reached its position. Owner only.
func (f *front) list(m *member.Member, p *member.Read) {
	q, err := wire.DecodeListQuery([]byte(p.Key))
	if err != nil {
		m.Answer(p.Ticket, wire.Reply{Status: wire.StatusBadRequest, Data: []byte(err.Error())})
		return
	}
	l, refusal := f.listingOf(&q, time.Now())
	if l == nil {
		m.Answer(p.Ticket, refusal)
		return
	}
	l.busy = true
	f.goOn(func() {
		page := l.page(&q)
		reply := wire.Reply{Position: l.position, Version: l.number, Data: page.Append(nil)}
		f.turns.post(func(m *member.Member) { f.listed(m, p, l, page.More, reply) })
	})
}

// listed hands out a page. Owner only.
func (f *front) listed(m *member.Member, p *member.Read, l *listing, more bool, reply wire.Reply) {
	l.busy = false
	if !more {
		f.closeListing(l)
	}
	if !f.reader.Serves() && !p.Stale {
		reply = wire.Reply{Status: wire.StatusUnavailable}
	}
	m.Answer(p.Ticket, reply)
}

// listingOf finds the listing that a query goes on with, or begins one. Owner only.
func (f *front) listingOf(q *wire.ListQuery, now time.Time) (l *listing, refusal wire.Reply) {
	if q.Listing != 0 {
		l := f.listings.open[q.Listing]
		switch {
		case l != nil && l.busy: // and only its number may be looked at
			return nil, wire.Reply{Status: wire.StatusUnavailable, Data: fmt.Appendf(nil, "another page of this listing is under way")}
		case l == nil || l.prefix != q.Prefix || q.After < l.after:
			return nil, wire.Reply{Status: wire.StatusNotFound, Data: fmt.Appendf(nil, "this listing is not open here any more: begin it again")}
		}
		l.used = now
		return l, wire.Reply{}
	}
	f.expireListings(now)
	if len(f.listings.open) >= maxListings && !f.closeIdleListing(now) {
		return nil, wire.Reply{Status: wire.StatusUnavailable, Data: fmt.Appendf(nil, "%d listings are under way here, try again later", maxListings)}
	}
	f.listings.taken++
	s := f.reader.State().Snapshot()
	l = &listing{
		number: f.listings.taken, prefix: q.Prefix, position: s.Position(), snapshot: s, ahead: listAhead, after: q.After,
		begun: now, used: now,
	}
	if f.listings.open == nil {
		f.listings.open = map[uint64]*listing{}
	}
	f.listings.open[l.number] = l
	return l, wire.Reply{}
}

// listGrace is for how long a listing is not closed for another.
const listGrace = 2 * time.Second

// closeIdleListing makes room for another listing, and reports whether it could.
func (f *front) closeIdleListing(now time.Time) bool {
	var idle *listing
	for _, l := range f.listings.open {
		if !l.busy && now.Sub(l.used) >= listGrace && (idle == nil || l.used.Before(idle.used)) {
			idle = l
		}
	}
	if idle == nil {
		return false
	}
	f.closeListing(idle)
	return true
}

// expireListings closes those whose client has gone away. Owner only.
func (f *front) expireListings(now time.Time) {
	for _, l := range f.listings.open {
		if !l.busy && (now.Sub(l.used) >= listIdle || now.Sub(l.begun) >= listLife) {
			f.closeListing(l)
		}
	}
}

// closeListing forgets a listing that is not busy. Owner only.
func (f *front) closeListing(l *listing) {
	delete(f.listings.open, l.number)
	if l.snapshot != nil {
		l.snapshot.Close()
		l.snapshot = nil
	}
}

// page makes the page that a query asks for.
func (l *listing) page(q *wire.ListQuery) wire.ListPage {
	l.skip(q.After)
	l.after = q.After
	if len(l.next) == 0 && l.snapshot != nil {
		l.gather()
	}
	limit := q.Limit
	if limit == 0 || limit > wire.MaxListedKeys {
		limit = wire.MaxListedKeys
	}
	count, bytes := 0, 0
	for count < len(l.next) && uint64(count) < limit {
		bytes += len(l.next[count].Key) + 25 // a length and two numbers, at most
		if bytes > wire.MaxListedBytes && count > 0 {
			break
		}
		count++
	}
	return wire.ListPage{Keys: l.next[:count], More: count < len(l.next) || l.snapshot != nil}
}

// skip passes over the keys up to after.
func (l *listing) skip(after string) {
	at, found := slices.BinarySearchFunc(l.next, after, compareKey)
	if found {
		at++
	}
	l.next = l.next[at:]
}

func compareKey(k wire.ListedKey, key string) int { return strings.Compare(k.Key, key) }

// gather looks at all variables of the snapshot, and keeps as many keys as it may of
// those that come next. If there are no more it closes the snapshot.
func (l *listing) gather() {
	keys := make([]wire.ListedKey, 0, 1024)
	highest, cut, seen := "", false, 0 // none of the keys after highest is kept, once keys were cut
	l.snapshot.Walk(func(key string, version uint64, bytes int) bool {
		if seen++; seen%listYields == 0 {
			runtime.Gosched()
		}
		if key <= l.after && l.after != "" || cut && key > highest || !strings.HasPrefix(key, l.prefix) {
			return true
		}
		keys = append(keys, wire.ListedKey{Key: key, Version: version, Bytes: uint64(bytes)})
		if len(keys) == 2*l.ahead {
			sortKeys(keys)
			clear(keys[l.ahead:])
			keys = keys[:l.ahead]
			highest, cut = keys[l.ahead-1].Key, true
		}
		return true
	})
	sortKeys(keys)
	if len(keys) > l.ahead {
		clear(keys[l.ahead:])
		keys, cut = keys[:l.ahead], true
	}
	bytes := 0
	for i := range keys {
		if bytes += len(keys[i].Key); bytes > listAheadBytes && i > 0 {
			clear(keys[i:])
			keys, cut = keys[:i], true
			break
		}
		keys[i].Key = strings.Clone(keys[i].Key)
	}
	l.next = keys
	if !cut {
		l.snapshot.Close()
		l.snapshot = nil
	}
}

func sortKeys(keys []wire.ListedKey) {
	slices.SortFunc(keys, func(a, b wire.ListedKey) int { return strings.Compare(a.Key, b.Key) })
}
