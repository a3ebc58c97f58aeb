package store

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/tidwall/btree"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/internal/wire/codec"
)

// ownerImage is what a snapshot has of the owners: a copy of their list, which shares what
// the store's owner does not change, and how far it is encoded.
type ownerImage struct {
	list  *btree.BTreeG[owned]
	last  owned
	began bool
}

// image returns the owners as they are now, nil if there are none.
func (t *owners) image() *ownerImage {
	if len(t.of) == 0 || planted.On(planted.TimersNotInSnapshot) {
		return nil
	}
	return &ownerImage{list: t.list.Copy()}
}

// encodeOwners encodes the owners with their variables.
func (s *Snapshot) encodeOwners(p *part) bool {
	t := s.owners
	if t == nil {
		return true
	}
	done := true
	t.list.Ascend(t.last, func(o owned) bool {
		if t.began && o == t.last {
			return true
		}
		dst := appendBytes(append(p.bytes, recordOwner), o.entry.key)
		if done = p.add(binary.AppendUvarint(dst, o.session)); !done {
			return false
		}
		s.recomputed += o.hash()
		t.last, t.began = o, true
		return true
	})
	return done
}

// owner takes the owner of a variable that has been taken before.
func (r *Restorer) owner(d *codec.Reader) error {
	key, session := string(d.Bytes()), d.Uvarint()
	e, v := r.store.variables.find(key)
	sess := r.store.sessions.byID[session]
	if d.Bad() || r.kept == nil || r.kept.began || v == nil || e.owned || session == 0 || session > r.position ||
		sess != nil && sess.ttl == 0 {
		return fmt.Errorf("%w: impossible owner of variable %.40q", ErrFormat, key)
	}
	t := &r.store.variables.owners
	t.set(e, session)
	if sess == nil {
		if i, found := slices.BinarySearch(t.dead, session); !found {
			t.dead = slices.Insert(t.dead, i, session)
		}
	}
	return nil
}

// appendTimed appends what comes before the record of a session that has a TTL of its own.
func appendTimed(dst []byte, s *session) []byte {
	if s.ttl == 0 {
		return dst
	}
	dst = binary.AppendUvarint(append(dst, recordTimed), s.ttl)
	return binary.AppendUvarint(dst, s.pending)
}

// timed takes the TTL of the session in the next record.
func (r *Restorer) timed(d *codec.Reader) error {
	r.ttl, r.pending = d.Uvarint(), d.Uvarint()
	if d.Bad() || r.kept == nil || r.ttl < wire.MinSessionTTL || r.ttl > wire.MaxSessionTTL || r.pending > r.position {
		return fmt.Errorf("%w: impossible TTL of a session", ErrFormat)
	}
	return nil
}
