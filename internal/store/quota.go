package store

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// All replicas have the same variables, so one client that writes without end would take
// the memory of all of them at once. A quota, which is part of the ordered state, bounds
// variables together: what would exceed it is refused at one position by every replica.

// Quota bounds all variables together.
type Quota struct {
	Bytes     uint64 // of keys and values; 0: any number
	Variables uint64 // 0: any number
}

// Usage is how much of a quota is used.
type Usage struct {
	Bytes, Variables uint64
}

// add counts a variable.
func (u *Usage) add(key string, size int) {
	u.Bytes += uint64(len(key) + size)
	u.Variables++
}

// drop takes off a variable.
func (u *Usage) drop(key string, size int) {
	u.Bytes -= uint64(len(key) + size)
	u.Variables--
}

// Quota returns the quota and how much of it is used. It is for the owner.
func (s *Store) Quota() (Quota, Usage) { return s.quota.Quota, s.variables.used }

// quota is a Quota and its part of the digest.
type quota struct {
	Quota
	hash uint64
}

func newQuota(q Quota) quota { return quota{q, hashQuota(q)} }

// setQuota takes over another quota. What exceeds it stays.
func (s *Store) setQuota(c *wire.Command) wire.Status {
	if c.Delta < 0 {
		return wire.StatusBadRequest
	}
	s.quota = newQuota(Quota{Bytes: uint64(c.Delta), Variables: c.Expect})
	return wire.StatusOK
}

// exceeds tells whether the quota forbids that usage becomes what it says, and makes the
// result say so. Less is never forbidden, even if it is still too much.
func (s *Store) exceeds(next Usage, r *wire.Result) bool {
	q, used := &s.quota, &s.variables.used
	switch {
	case planted.On(planted.QuotaIgnored):
		return false
	case q.Variables != 0 && next.Variables > q.Variables && next.Variables > used.Variables:
		r.Number, r.Version = wire.QuotaOfVariables, q.Variables
	case q.Bytes != 0 && next.Bytes > q.Bytes && next.Bytes > used.Bytes:
		r.Number, r.Version = wire.QuotaOfBytes, q.Bytes
	default:
		return false
	}
	r.Status = wire.StatusQuota
	return true
}

// allows tells whether a variable, which has a version or nil, may have a value of so many
// bytes, and makes the result say if it may not.
func (s *Store) allows(key string, old *version, size int, r *wire.Result) bool {
	if s.quota.Quota == (Quota{}) {
		return true
	}
	next := s.variables.used
	if old != nil {
		next.drop(key, int(old.size))
	}
	next.add(key, size)
	return !s.exceeds(next, r)
}

// allows tells whether the quota allows what a transaction has done, and makes the result
// say if it does not.
func (t *txnRun) allows(s *Store, r *wire.Result) bool {
	if s.quota.Quota == (Quota{}) {
		return true
	}
	next := s.variables.used
	for i := range t.cells {
		c := &t.cells[i]
		if !c.written {
			continue
		}
		if c.old != nil {
			next.drop(c.key, int(c.old.size))
		}
		if c.exists {
			next.add(c.key, len(c.value))
		}
	}
	return !s.exceeds(next, r)
}

// hashQuota hashes a quota. None hashes to 0, as before there were any.
func hashQuota(q Quota) uint64 {
	if q == (Quota{}) || planted.On(planted.QuotaNotInSnapshot) {
		return 0
	}
	var b [16]byte
	binary.LittleEndian.PutUint64(b[0:], q.Bytes)
	binary.LittleEndian.PutUint64(b[8:], q.Variables)
	return xxh3.HashSeed(b[:], seedQuota)
}

// appendQuota appends a record of a quota, if there is one.
func appendQuota(dst []byte, q Quota) []byte {
	if q == (Quota{}) || planted.On(planted.QuotaNotInSnapshot) {
		return dst
	}
	dst = binary.AppendUvarint(append(dst, recordQuota), q.Bytes)
	return binary.AppendUvarint(dst, q.Variables)
}
