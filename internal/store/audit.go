package store

import (
	"encoding/binary"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Bounds of an audit's list of voters.
const (
	maxVoters      = 1024
	maxVotersBytes = 64 << 10
)

// An audit is the one under way: members vote with the digests they had at its
// position. The zero value is none.
type audit struct {
	position uint64
	votes    []vote // by the place of the voter in the list
	missing  int    // votes not cast yet
	hash     uint64 // its part of the digest
}

type vote struct {
	voter  string
	cast   bool
	digest uint64
}

// decodeVoters returns the voters that an OpAudit names.
func decodeVoters(b []byte) (voters []string, ok bool) {
	if len(b) > maxVotersBytes {
		return nil, false
	}
	voters, err := wire.DecodeStrings(b)
	return voters, err == nil && validVoters(voters)
}

// validVoters tells whether an audit may have these voters: at least one, none
// twice, all with a name.
func validVoters(voters []string) bool {
	if len(voters) == 0 || len(voters) > maxVoters {
		return false
	}
	sorted := slices.Sorted(slices.Values(voters))
	return sorted[0] != "" && len(slices.Compact(sorted)) == len(voters)
}

// begin replaces the audit under way, if any.
func (a *audit) begin(position uint64, voters []string) {
	*a = audit{position: position, votes: make([]vote, len(voters)), missing: len(voters)}
	for i, voter := range voters {
		a.votes[i].voter = voter
	}
	a.rehash()
}

// cast takes a vote, and reports whether it counts: who votes is a voter of
// this audit that has not voted.
func (a *audit) cast(position uint64, voter string, digest []byte) bool {
	if a.position == 0 || position != a.position || len(digest) != 8 {
		return false
	}
	i := slices.IndexFunc(a.votes, func(v vote) bool { return v.voter == voter })
	if i < 0 || a.votes[i].cast {
		return false
	}
	a.votes[i].cast = true
	a.votes[i].digest = binary.LittleEndian.Uint64(digest)
	a.missing--
	a.rehash()
	return true
}

// verdict returns the voters whose digest is not the one that most have. Of
// digests with as many votes, the one of the earliest voter in the list holds.
func (a *audit) verdict() (differing []string) {
	count := make(map[uint64]int, len(a.votes))
	for _, v := range a.votes {
		count[v.digest]++
	}
	holds := a.votes[0].digest
	for _, v := range a.votes {
		if count[v.digest] > count[holds] {
			holds = v.digest
		}
	}
	for _, v := range a.votes {
		if v.digest != holds {
			differing = append(differing, v.voter)
		}
	}
	return differing
}

// rehash brings the hash up to date.
func (a *audit) rehash() {
	a.hash = a.digest()
}

// digest computes the audit's part of the digest, 0 without one.
func (a *audit) digest() uint64 {
	if a.position == 0 {
		return 0
	}
	return xxh3.HashSeed(appendAudit(nil, a), seedAudit)
}

// clone returns a copy that shares nothing with a.
func (a *audit) clone() audit {
	copied := *a
	copied.votes = slices.Clone(a.votes)
	return copied
}
