package store

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seed-8247e700/dsm/internal/wire"
)

func auditOf(voters ...string) wire.Command {
	return wire.Command{Op: wire.OpAudit, Value: wire.AppendStrings(nil, voters)}
}

func voteOf(audit uint64, voter string, digest uint64) wire.Command {
	return wire.Command{Op: wire.OpAuditVote, Key: voter, Expect: audit, Value: binary.LittleEndian.AppendUint64(nil, digest)}
}

func TestAuditTellsTheDigestBeforeIt(t *testing.T) {
	f := newFeeder(t, Limits{})
	session := f.open()
	f.want(wire.StatusOK, set(session, 1, 1, "k", "v"))
	before := f.s.Digest()
	f.want(wire.StatusOK, auditOf("b", "a"))
	want := Notes{Audits: []AuditNote{{Position: 3, Digest: before, Voters: []string{"b", "a"}}}}
	if diff := cmp.Diff(want, f.out.Notes, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	f.want(wire.StatusOK, wire.Command{Op: wire.OpBarrier})
	if diff := cmp.Diff(Notes{}, f.out.Notes, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("notes of the message before (-want +got):\n%s", diff)
	}
	if f.s.Digest() == before {
		t.Error("the audit under way is no part of the digest")
	}
}

func TestVerdicts(t *testing.T) {
	for _, tc := range []struct {
		digests   []uint64 // of a, b, c ...
		differing []string
	}{
		{[]uint64{1}, nil},
		{[]uint64{1, 1, 1}, nil},
		{[]uint64{1, 2, 2}, []string{"a"}},
		{[]uint64{2, 1, 2}, []string{"b"}},
		{[]uint64{1, 2}, []string{"b"}},                       // the first voter decides
		{[]uint64{1, 2, 3}, []string{"b", "c"}},               // again
		{[]uint64{1, 2, 2, 3, 3}, []string{"a", "d", "e"}},    // the first of those with most
		{[]uint64{3, 2, 2, 1, 1, 1}, []string{"a", "b", "c"}}, // later, but more
	} {
		f := newFeeder(t, Limits{})
		voters := []string{"a", "b", "c", "d", "e", "f"}[:len(tc.digests)]
		before := f.s.Digest()
		audit := f.want(wire.StatusOK, auditOf(voters...)).Position
		for i := len(voters) - 1; i >= 0; i-- {
			if len(f.out.Notes.Verdicts) != 0 {
				t.Errorf("%v: a verdict before the last vote", tc.digests)
			}
			f.want(wire.StatusOK, voteOf(audit, voters[i], tc.digests[i]))
		}
		want := []Verdict{{Position: audit, Differing: tc.differing}}
		if diff := cmp.Diff(want, f.out.Notes.Verdicts); diff != "" {
			t.Errorf("%v: verdicts (-want +got):\n%s", tc.digests, diff)
		}
		f.want(wire.StatusBadRequest, voteOf(audit, "a", 1))
		if len(f.out.Notes.Verdicts) != 0 {
			t.Errorf("%v: a second verdict", tc.digests)
		}
		if f.s.Digest() != before {
			t.Errorf("%v: a decided audit left something behind", tc.digests)
		}
	}
}

func TestVotesThatDoNotCount(t *testing.T) {
	f := newFeeder(t, Limits{})
	f.want(wire.StatusBadRequest, voteOf(0, "", 0))
	f.want(wire.StatusOK, auditOf("a", "b")) // at 2
	f.want(wire.StatusOK, voteOf(2, "a", 1))
	f.want(wire.StatusBadRequest, voteOf(2, "a", 2))
	f.want(wire.StatusBadRequest, voteOf(2, "c", 1))
	f.want(wire.StatusBadRequest, voteOf(1, "b", 1))
	short := voteOf(2, "b", 1)
	short.Value = short.Value[:7]
	f.want(wire.StatusBadRequest, short)
	for _, bad := range [][]byte{nil, {9}, wire.AppendStrings(nil, []string{"a", "a"}), wire.AppendStrings(nil, []string{"a", ""})} {
		f.want(wire.StatusBadRequest, wire.Command{Op: wire.OpAudit, Value: bad})
	}
	long := make([]string, maxVoters+1)
	for i := range long {
		long[i] = fmt.Sprint(i)
	}
	f.want(wire.StatusBadRequest, auditOf(long...))
	f.want(wire.StatusBadRequest, auditOf(string(make([]byte, maxVotersBytes))))
	if len(f.out.Notes.Verdicts) != 0 {
		t.Errorf("verdicts: %+v", f.out.Notes.Verdicts)
	}
	f.want(wire.StatusOK, voteOf(2, "b", 1))
	if diff := cmp.Diff([]Verdict{{Position: 2}}, f.out.Notes.Verdicts); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}

func TestNewerAuditReplacesOneUnderWay(t *testing.T) {
	f := newFeeder(t, Limits{})
	f.want(wire.StatusOK, auditOf("a", "b"))
	f.want(wire.StatusOK, voteOf(1, "a", 1))
	f.want(wire.StatusOK, auditOf("a", "b"))
	f.want(wire.StatusBadRequest, voteOf(1, "b", 1))
	f.want(wire.StatusOK, voteOf(3, "b", 1))
	if len(f.out.Notes.Verdicts) != 0 {
		t.Error("the vote in the older audit counted")
	}
	f.want(wire.StatusOK, voteOf(3, "a", 1))
	if len(f.out.Notes.Verdicts) != 1 {
		t.Errorf("verdicts: %+v", f.out.Notes.Verdicts)
	}
}

// TestAuditOfASnapshot holds that a restored store comes to the same verdict.
func TestAuditOfASnapshot(t *testing.T) {
	f := newFeeder(t, Limits{})
	f.want(wire.StatusOK, auditOf("a", "b", "c"))
	f.want(wire.StatusOK, voteOf(1, "b", 5))
	chunks, err := encode(f.s.Snapshot(), 1)
	if err != nil {
		t.Fatal(err)
	}
	restored, err := restore(Limits{}, chunks)
	if err != nil {
		t.Fatal(err)
	}
	f.s = restored
	f.want(wire.StatusOK, voteOf(1, "a", 4))
	f.want(wire.StatusBadRequest, voteOf(1, "b", 4))
	f.want(wire.StatusOK, voteOf(1, "c", 5))
	if diff := cmp.Diff([]Verdict{{Position: 1, Differing: []string{"a"}}}, f.out.Notes.Verdicts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
