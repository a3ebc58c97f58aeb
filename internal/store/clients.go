package store

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// clientID names who opens sessions: by what it calls itself, and by the address
// at which the node that serves it sees it. Nothing is known of the zero value.
type clientID struct{ name, address string }

// valid reports whether a client may have such a name and address.
func (id clientID) valid() bool {
	for _, s := range []string{id.name, id.address} {
		if len(s) > wire.MaxClientBytes || !utf8.ValidString(s) || containsControl(s) {
			return false
		}
	}
	return true
}

func containsControl(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) {
			return true
		}
	}
	return false
}

// client is one that has sessions. Only the number changes.
type client struct {
	clientID
	hash     uint64
	sessions int // alive
}

// clients are those that have sessions, of which something is known. There are at
// most as many as sessions.
type clients struct {
	byID      map[clientID]*client
	atAddress map[string]int // sessions alive, of all clients at an address
}

func newClients() clients {
	return clients{byID: make(map[clientID]*client), atAddress: make(map[string]int)}
}

// Bound is a bound on sessions, and how many there are.
type Bound struct {
	Of       int64 // wire.BoundOfGroup, BoundOfClient or BoundOfAddress
	Sessions int
	Most     int
}

// reached reports whether there may be no more. The zero Bound is none.
func (b Bound) reached() bool { return b.Most > 0 && b.Sessions >= b.Most }

// near reports whether four fifths are taken.
func (b Bound) near() bool { return b.Most > 0 && 5*b.Sessions >= 4*b.Most }

// admit returns the client that an id names, nil if nothing is known of it, and the
// bound that it has reached, if there is one. It keeps nothing of the id.
func (t *clients) admit(id clientID, limits *Limits) (c *client, reached Bound) {
	if id == (clientID{}) {
		return nil, Bound{}
	}
	if c = t.byID[id]; c == nil {
		id = clientID{name: strings.Clone(id.name), address: strings.Clone(id.address)} // not the message's bytes
		c = &client{clientID: id, hash: hashClient(id)}
	}
	for _, b := range t.bounds(c, limits) {
		if b.reached() {
			return c, b
		}
	}
	return c, Bound{}
}

// admitClient returns the client that an id names, nil if nothing is known of it, and the bound
// that forbids it another session, if one does.
func (s *Store) admitClient(id clientID) (c *client, reached Bound) {
	c, reached = s.sessions.clients.admit(id, &s.limits)
	if alive := len(s.sessions.byID); alive >= s.limits.MaxSessions {
		reached = Bound{Of: wire.BoundOfGroup, Sessions: alive, Most: s.limits.MaxSessions}
	}
	return c, reached
}

// Full returns why the state as it is has no room for the session that a command opens, and
// the result that the command would have, but for its position. It returns nil if there is room.
// It is for the owner, and takes the same time however many sessions there are.
func (s *Store) Full(cmd *wire.Command) (*Crowd, wire.Result) {
	id := opener(cmd)
	c, bound := s.admitClient(id)
	if !bound.reached() {
		return nil, wire.Result{}
	}
	crowd := crowdOf(id, c, bound)
	return &crowd, bound.refusal()
}

// refusal is the result of opening a session where the bound is reached.
func (b Bound) refusal() wire.Result {
	return wire.Result{Status: wire.StatusTooManySessions, Number: b.Of, Version: uint64(b.Most)}
}

// bounds are those of one client.
func (t *clients) bounds(c *client, limits *Limits) [2]Bound {
	bounds := [2]Bound{{Of: wire.BoundOfClient, Sessions: c.sessions, Most: limits.MaxClientSessions}}
	if c.address != "" {
		bounds[1] = Bound{Of: wire.BoundOfAddress, Sessions: t.atAddress[c.address], Most: limits.MaxAddressSessions}
	}
	return bounds
}

// nearest returns a bound of which four fifths are taken, if there is one, now that
// a client, which may be nil, has another session, and there are so many in all.
func (t *clients) nearest(c *client, limits *Limits, alive int) Bound {
	if c != nil {
		for _, b := range t.bounds(c, limits) {
			if b.near() {
				return b
			}
		}
	}
	return Bound{Of: wire.BoundOfGroup, Sessions: alive, Most: limits.MaxSessions}
}

// add counts a session of a client, which may be nil, in.
func (t *clients) add(c *client) {
	if c == nil {
		return
	}
	if c.sessions == 0 {
		t.byID[c.clientID] = c
	}
	c.sessions++
	if c.address != "" {
		t.atAddress[c.address]++
	}
}

// remove counts a session of a client, which may be nil, out.
func (t *clients) remove(c *client) {
	if c == nil {
		return
	}
	if c.sessions--; c.sessions == 0 {
		delete(t.byID, c.clientID)
	}
	if c.address == "" {
		return
	}
	if t.atAddress[c.address]--; t.atAddress[c.address] == 0 {
		delete(t.atAddress, c.address)
	}
}

// crowded tells of a bound of which four fifths are taken.
func (s *Store) crowded(id clientID, c *client, b Bound) {
	if b.near() {
		s.notes.Crowds = append(s.notes.Crowds, crowdOf(id, c, b))
	}
}

// crowdOf is a client, nil if nothing is known of it, that opens a session where many are open.
func crowdOf(id clientID, c *client, b Bound) Crowd {
	of := ClientSessions{Name: id.name, Address: id.address}
	if c != nil {
		of.Sessions = c.sessions
	}
	return Crowd{Client: of, Bound: b}
}

// ClientSessions is how many sessions a client has.
type ClientSessions struct {
	Name     string // as it calls itself, "" if it does not
	Address  string // as the node that served it saw it, "" if not known
	Sessions int
}

// Sessions returns how many sessions there are, how many clients of which something
// is known have some, and those of them that have the most, at most so many, first
// the one that has the most. It is for the owner, and looks at each client once.
func (s *Store) Sessions(most int) (alive, clients int, first []ClientSessions) {
	byCount := func(a, b ClientSessions) int {
		return cmp.Or(cmp.Compare(b.Sessions, a.Sessions), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Address, b.Address))
	}
	for _, c := range s.sessions.clients.byID {
		of := ClientSessions{Name: c.name, Address: c.address, Sessions: c.sessions}
		if len(first) == most && (most == 0 || byCount(of, first[most-1]) > 0) {
			continue
		}
		i, _ := slices.BinarySearchFunc(first, of, byCount)
		first = slices.Insert(first, i, of)[:min(len(first)+1, most)]
	}
	return len(s.sessions.byID), len(s.sessions.clients.byID), first
}
