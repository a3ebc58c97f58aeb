package store

import "github.com/seed-8247e700/dsm/internal/planted"

// A client that never says which results it has seen keeps them: 65,536 in a session, of
// which a group may have 100,000. So the results of all sessions are bounded together, in a
// group that has a quota: it takes members of a release that know of both.

// kept is how many results are kept, and the bytes of their data.
type kept struct{ results, bytes int }

// add adds, or takes off with a sign of -1.
func (k *kept) add(other kept, sign int) {
	k.results += sign * other.results
	k.bytes += sign * other.bytes
}

// kept returns what a session keeps.
func (s *session) kept() kept { return kept{s.results.kept, s.dataBytes} }

// crowds tells whether a session may keep no more results: all keep as much as they may, and
// this one more than its share. The others go on, and so does the write at the floor: what
// the session keeps is above it, until it has been executed and the floor can rise.
func (s *Store) crowds(sess *session) bool {
	t, l := s.sessions, &s.limits
	if planted.On(planted.ResultsUnbounded) || s.quota.Quota == (Quota{}) || t.kept.results < l.MaxResults && t.kept.bytes < l.MaxResultBytes {
		return false
	}
	n := len(t.byID)
	return t.kept.results >= l.MaxResults && sess.results.kept > l.MaxResults/n ||
		t.kept.bytes >= l.MaxResultBytes && sess.dataBytes > l.MaxResultBytes/n
}
