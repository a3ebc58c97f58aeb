package store

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// The format's version is the first thing in an encoded snapshot. A state is given
// only to a node that knows the version. One without a client that is known has the
// version before there were clients, for nodes of that time, and one with nothing that
// came with LevelVariables that of before.
const (
	formatBefore    = 1
	formatClients   = 2
	formatVariables = 3
)

// The records of an encoded snapshot: a header, sessions and variables in any
// order, a trailer. Each begins with its kind; all numbers are varints.
const (
	recordHeader   = 1 // format version, limits, position, clock, audit
	recordSession  = 2 // id, renewed, floor, number of results, results
	recordVariable = 3 // key, version, value
	recordTrailer  = 4 // digest tied to the position (8 bytes)
	recordClient   = 5 // name, address, and a session of that client as in 2
	recordData     = 6 // number of results with data, and the data of each; of the session in the record before
	recordKept     = 7 // position from which on changes are kept; they follow, the newest first
	recordChange   = 8 // key, position, and the version before: nothing, its deletion, or its value
	recordTimer    = 9 // key, TTL, position, deadline, 0 if it is not known yet

	recordOwner = 10 // key, session
	recordTimed = 11 // TTL, position of the last command, 0 if its time has begun; of the session in the next record

	recordQuota = 12 // bytes, variables; after the header
	recordLock  = 13 // the lock (16 bytes) of the session in the next record of one
)

func appendHeader(dst []byte, s *Snapshot) []byte {
	limits := s.store.limits.numbers()
	version, told := byte(formatBefore), limits[:limitsBefore]
	switch {
	case s.data || s.timed || s.locked || s.kept != nil || s.timers != nil || s.owners != nil || s.quota.Quota != (Quota{}):
		version, told = formatVariables, limits[:]
	case s.named:
		version, told = formatClients, limits[:]
	}
	dst = append(dst, recordHeader, version)
	for _, limit := range told {
		dst = binary.AppendUvarint(dst, limit)
	}
	dst = binary.AppendUvarint(dst, s.position)
	dst = binary.AppendUvarint(dst, s.clock)
	return appendQuota(appendAudit(dst, &s.audit), s.quota.Quota)
}

// appendAudit appends the position, 0 without an audit, and the votes.
func appendAudit(dst []byte, a *audit) []byte {
	dst = binary.AppendUvarint(dst, a.position)
	if a.position == 0 {
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(len(a.votes)))
	for _, v := range a.votes {
		dst = appendBytes(dst, v.voter)
		if !v.cast {
			dst = append(dst, 0)
			continue
		}
		dst = append(dst, 1)
		dst = binary.LittleEndian.AppendUint64(dst, v.digest)
	}
	return dst
}

// appendSession appends a session. Each result has the distance of its sequence
// from the one before, the first from the floor.
func appendSession(dst []byte, s *session) []byte {
	dst = appendTimed(appendLock(dst, s), s)
	if c := s.client; c == nil || planted.On(planted.ClientsNotInSnapshot) {
		dst = append(dst, recordSession)
	} else {
		dst = appendBytes(appendBytes(append(dst, recordClient), c.name), c.address)
	}
	dst = binary.AppendUvarint(dst, s.id)
	dst = binary.AppendUvarint(dst, s.renewed)
	dst = binary.AppendUvarint(dst, s.floor)
	if planted.On(planted.ResultsNotInSnapshot) {
		return binary.AppendUvarint(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(s.results.count()))
	last := s.floor
	for seq, r := range s.results.all() {
		dst = binary.AppendUvarint(dst, seq-last)
		dst = append(dst, byte(r.Status))
		dst = binary.AppendUvarint(dst, r.Position)
		dst = binary.AppendUvarint(dst, r.Version)
		dst = binary.AppendVarint(dst, r.Number)
		last = seq
	}
	return appendData(dst, s)
}

// appendData appends a record of the data of a session's results, if there is any. Each has
// the distance of its sequence from the one before, the first from the floor.
func appendData(dst []byte, s *session) []byte {
	if len(s.data) == 0 || planted.On(planted.TxnDataNotInSnapshot) {
		return dst
	}
	dst = append(dst, recordData)
	dst = binary.AppendUvarint(dst, uint64(len(s.data)))
	last := s.floor
	for _, seq := range slices.Sorted(maps.Keys(s.data)) {
		dst = binary.AppendUvarint(dst, seq-last)
		dst = appendBytes(dst, s.data[seq])
		last = seq
	}
	return dst
}

func appendVariable(dst []byte, key string, v *version) []byte {
	dst = append(dst, recordVariable)
	dst = appendBytes(dst, key)
	dst = binary.AppendUvarint(dst, v.position)
	return appendBytes(dst, v.value())
}

func appendTrailer(dst []byte, s *Snapshot) []byte {
	dst = append(dst, recordTrailer)
	sum := s.digest
	if s.kept != nil {
		sum += s.kept.sum
	}
	return binary.LittleEndian.AppendUint64(dst, hashTrailer(sum, s.position))
}

// appendBytes appends a length and the bytes.
func appendBytes[T string | []byte](dst []byte, b T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}
