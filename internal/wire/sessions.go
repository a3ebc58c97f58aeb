package wire

import (
	"encoding/binary"

	"github.com/seed-8247e700/dsm/internal/wire/codec"
)

// Bounds on the pages of a list of sessions. A member makes a page within one turn, so they are
// small.
const (
	MaxListedSessions = 256
	MaxOwnedKeys      = 256
	MaxOwnedBytes     = 32 << 10 // of keys, unless one is longer
)

// SessionsQuery asks for a page of the sessions of a group, in the order of their ids, or for one
// session with a page of the variables that it owns, in the order of the bytes of their keys. A
// RequestSessions carries it, encoded, as its Key.
type SessionsQuery struct {
	ID       uint64 // of the one session; 0: the list
	After    uint64 // of the list: the first that come after this id
	Limit    uint64 // of sessions, or of keys; 0 and all above the bound: as many as a page has
	AfterKey string // of one session: the first keys that come after this one; "": from the first
}

// Append appends the encoding of q.
func (q *SessionsQuery) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, q.ID)
	dst = binary.AppendUvarint(dst, q.After)
	dst = binary.AppendUvarint(dst, q.Limit)
	return append(dst, q.AfterKey...)
}

// DecodeSessionsQuery reads what Append has written. The string aliases b.
func DecodeSessionsQuery(b []byte) (SessionsQuery, error) {
	cur := codec.NewReader(b)
	q := SessionsQuery{ID: cur.Uvarint(), After: cur.Uvarint(), Limit: cur.Uvarint()}
	q.AfterKey = aliasString(cur.Rest())
	if err := end(&cur); err != nil {
		return SessionsQuery{}, err
	}
	if q.ID == 0 && q.AfterKey != "" || q.ID != 0 && q.After != 0 {
		return SessionsQuery{}, ErrMalformed
	}
	return q, nil
}

// ListedSession is a session in a list.
type ListedSession struct {
	ID      uint64
	Name    string // as the client calls itself, "" if it does not
	Address string // as the node that served it saw it, "" if not known
	Own     bool   // it has a TTL of its own, not that of the group
	TTL     uint64 // in milliseconds
	Left    uint64 // of it, by the group's clock; at most TTL
	Writes  uint64 // the highest number of its writes that have been executed
	Owned   uint64 // variables that it owns
}

// leastSessionBytes is the length of the shortest encoding.
const leastSessionBytes = 8

// SessionsPage is a part of a list of sessions, or of the variables of the only one that it has.
// It is the Data of the reply, whose Position is that of the state that the page shows.
type SessionsPage struct {
	More     bool // there are sessions, or keys, after the last of these
	Sessions []ListedSession
	Keys     []string
}

// Append appends the encoding of p.
func (p *SessionsPage) Append(dst []byte) []byte {
	dst = appendBool(dst, p.More)
	dst = binary.AppendUvarint(dst, uint64(len(p.Sessions)))
	for i := range p.Sessions {
		dst = p.Sessions[i].append(dst)
	}
	for _, key := range p.Keys {
		dst = appendBytes(dst, key)
	}
	return dst
}

func (s *ListedSession) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, s.ID)
	dst = appendBytes(dst, s.Name)
	dst = appendBytes(dst, s.Address)
	dst = appendBool(dst, s.Own)
	for _, n := range [...]uint64{s.TTL, s.Left, s.Writes, s.Owned} {
		dst = binary.AppendUvarint(dst, n)
	}
	return dst
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// DecodeSessionsPage reads what Append has written. The strings alias b.
func DecodeSessionsPage(b []byte) (SessionsPage, error) {
	cur := codec.NewReader(b)
	p := SessionsPage{More: readBool(&cur)}
	for range cur.Count(leastSessionBytes) {
		p.Sessions = append(p.Sessions, ListedSession{
			ID: cur.Uvarint(), Name: aliasString(cur.Bytes()), Address: aliasString(cur.Bytes()), Own: readBool(&cur),
			TTL: cur.Uvarint(), Left: cur.Uvarint(), Writes: cur.Uvarint(), Owned: cur.Uvarint(),
		})
	}
	for cur.Len() > 0 {
		p.Keys = append(p.Keys, aliasString(cur.Bytes()))
	}
	if err := end(&cur); err != nil {
		return SessionsPage{}, err
	}
	return p, nil
}

// readBool reads what appendBool has written.
func readBool(cur *codec.Reader) bool {
	b := cur.Uint8()
	if b > 1 {
		cur.Fail()
	}
	return b == 1
}
