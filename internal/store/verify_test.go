package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// filled returns a feeder with n variables, sessions and results.
func filled(t *testing.T, n int) (f *feeder, session uint64) {
	t.Helper()
	f = newFeeder(t, Limits{})
	f.open()
	session = f.open()
	for i := range n {
		f.want(wire.StatusOK, set(session, uint64(i+1), uint64(max(i-20, 1)), fmt.Sprintf("key%d", i), fmt.Sprint("value", i)))
	}
	f.want(wire.StatusOK, wire.Command{Op: wire.OpTick, Delta: 5})
	return f, session
}

// audited orders an audit and verifies until the share is used up. It returns how
// many slices that took, and what they found.
func (f *feeder) audited() (slices int, found error) {
	f.t.Helper()
	f.want(wire.StatusOK, auditOf("a"))
	for f.s.verifier.items > 0 && f.s.verifier.bytes > 0 {
		slices++
		found = errors.Join(found, f.s.Verify())
	}
	return slices, found
}

// TestVerifySeesDamage changes each part of a state behind the store's back. The kept
// digest does not show it.
func TestVerifySeesDamage(t *testing.T) {
	for kind := range DamageKinds {
		for choice := range uint64(7) {
			f, session := filled(t, 30)
			f.want(wire.StatusOK, wire.Command{Op: wire.OpDelete, Session: session, Seq: 31, Floor: 25, Key: "key3"})
			f.want(wire.StatusOK, txn(session, 32, 25, expire("key1", 7), expire("key2", 8), wire.TxnOp{Kind: wire.TxnTTL, Key: "key2"}))
			f.want(wire.StatusOK, clock(1, f.s.Applied()))
			if _, err := f.audited(); err != nil {
				t.Fatalf("without damage: %v", err)
			}
			if f.s.CleanPasses() != 1 {
				t.Fatalf("%d clean passes, want 1", f.s.CleanPasses())
			}
			what := f.s.Damage(kind, choice)
			if what == "" {
				continue
			}
			_, err := f.audited()
			if !errors.Is(err, ErrDigest) {
				t.Errorf("%s is damaged: %v, want ErrDigest", what, err)
			}
			t.Logf("%s is damaged: %v", what, err)
			if f.s.CleanPasses() != 0 {
				t.Errorf("%s is damaged: %d clean passes, want 0", what, f.s.CleanPasses())
			}
			if _, err := encode(f.s.Snapshot(), 100); !errors.Is(err, ErrDigest) && kind != 4 {
				t.Errorf("%s is damaged: a snapshot's error is %v, want ErrDigest", what, err)
			}
		}
	}
}

// TestVerifyNamesDamage holds that what is damaged can be found and written again:
// then the state is whole.
func TestVerifyNamesDamage(t *testing.T) {
	f, session := filled(t, 30)
	value, _, _ := f.s.Get("key7")
	value[0] ^= 0x80
	if _, err := f.audited(); err == nil || !strings.Contains(err.Error(), `variable "key7"`) {
		t.Fatalf("error %v, want one that names key7", err)
	}
	if _, err := encode(f.s.Snapshot(), 100); err == nil || !strings.Contains(err.Error(), `variable "key7"`) {
		t.Errorf("a snapshot's error %v does not name key7", err)
	}
	f.want(wire.StatusOK, set(session, 31, 20, "key7", "again"))
	if _, err := f.audited(); err != nil || f.s.CleanPasses() != 1 {
		t.Errorf("after another write: %v, %d clean passes", err, f.s.CleanPasses())
	}
	if _, err := encode(f.s.Snapshot(), 100); err != nil {
		t.Errorf("a snapshot after another write: %v", err)
	}
}

// TestVerifySumMeanwhile holds that a sum which is damaged is found while there is doubt, also
// if variables and sessions change during each pass: until then no pass is clean. Without
// doubt it takes a pass during which nothing changes.
func TestVerifySumMeanwhile(t *testing.T) {
	const n = 2 * sliceItems
	for _, doubt := range []bool{true, false} {
		f, session := filled(t, n)
		for range n {
			f.open()
		}
		f.want(wire.StatusOK, txn(session, n+1, n, expire("key1", 7), wire.TxnOp{Kind: wire.TxnTTL, Key: "key1"}))
		seq := uint64(n + 2)
		pass := func() error {
			f.s.verifier = verifier{}
			if doubt {
				f.s.Suspect()
			}
			f.want(wire.StatusOK, auditOf("a"))
			for {
				if err := f.s.Verify(); err != nil || f.s.CleanPasses() > 0 {
					return err
				}
				f.want(wire.StatusOK, set(session, seq, seq-1, "key0", fmt.Sprint(seq)))
				seq++
			}
		}
		for name, sum := range map[string]*uint64{"variables": &f.s.variables.sum, "sessions": &f.s.sessions.sum} {
			if err := pass(); err != nil {
				t.Fatalf("without damage, doubt %v: %v", doubt, err)
			}
			*sum++
			if err := pass(); errors.Is(err, ErrDigest) != doubt {
				t.Errorf("the sum of the %s is damaged, doubt %v: %v", name, doubt, err)
			}
			*sum--
		}
	}
}

// TestVerifyIsBounded holds the bounds of a slice and of a share, and that a pass takes
// the audits that it should.
func TestVerifyIsBounded(t *testing.T) {
	f, session := filled(t, 2)
	n := leastShare * auditsPerPass * 2
	for i := range n {
		seq := uint64(i + 3)
		f.want(wire.StatusOK, set(session, seq, seq, fmt.Sprint("tiny", i), "v"))
	}
	audits := 0
	for f.s.CleanPasses() == 0 {
		f.want(wire.StatusOK, auditOf("a"))
		audits++
		if share := f.s.verifier.items; share < n/auditsPerPass || share > n/auditsPerPass+2 {
			t.Fatalf("a share has %d of %d variables", share, n)
		}
		for f.s.verifier.items > 0 {
			before := f.s.verifier.next
			if err := f.s.Verify(); err != nil {
				t.Fatal(err)
			}
			if after := f.s.verifier.next; after > before && after-before > sliceItems {
				t.Fatalf("a slice has %d variables", after-before)
			}
		}
	}
	if audits > auditsPerPass+1 {
		t.Errorf("%d audits until all was verified, want %d", audits, auditsPerPass)
	}
	// Long values: a slice ends with the one that exceeds its bytes.
	long := strings.Repeat("x", sliceBytes)
	for i := range 10 {
		seq := uint64(n + i + 3)
		f.want(wire.StatusOK, set(session, seq, seq, fmt.Sprint("long", i), long))
	}
	f.s.verifier = verifier{under: true, inVariables: true, next: uint32(n + 3)}
	f.s.beginShare()
	for range 10 {
		before := f.s.verifier.next
		if err := f.s.Verify(); err != nil || f.s.verifier.next != before+1 {
			t.Fatalf("a slice has %d long values, error %v", f.s.verifier.next-before, err)
		}
	}
	f.s.beginShare()
	f.s.verifier.bytes = 3 * sliceBytes
	for f.s.verifier.under, f.s.verifier.next = true, uint32(n+3); f.s.verifier.bytes > 0; {
		if err := f.s.Verify(); err != nil {
			t.Fatal(err)
		}
	}
	if read := f.s.verifier.next - uint32(n+3); read != 3 {
		t.Errorf("a share of the bytes of 3 values read %d", read)
	}
}

// TestVerifyBesideWrites holds that what is written while a pass is under way is no
// damage.
func TestVerifyBesideWrites(t *testing.T) {
	f, session := filled(t, 2000)
	seq := uint64(2000)
	for i := range 400 {
		if i%4 == 0 {
			f.want(wire.StatusOK, auditOf("a"))
		}
		seq++
		f.want(wire.StatusOK, set(session, seq, seq, fmt.Sprintf("key%d", i*37%2500), "new"))
		seq++
		f.apply(wire.Command{Op: wire.OpDelete, Session: session, Seq: seq, Floor: seq, Key: fmt.Sprintf("key%d", i*53%2500)})
		if i%10 == 0 {
			f.open()
		}
		if err := f.s.Verify(); err != nil {
			t.Fatal(err)
		}
	}
	if f.s.CleanPasses() < 10 {
		t.Errorf("%d passes", f.s.CleanPasses())
	}
}

// A command whose outcome depends on damaged bytes says so, at once: its result is not
// that of the other replicas.
func TestAddMeetsDamage(t *testing.T) {
	f := newFeeder(t, Limits{})
	session := f.open()
	f.want(wire.StatusOK, set(session, 1, 1, "n", "50"))
	f.want(wire.StatusOK, set(session, 2, 1, "text", "a"))
	add := func(seq uint64, key string) wire.Command {
		return wire.Command{Op: wire.OpAdd, Session: session, Seq: seq, Floor: 1, Key: key, Delta: 1}
	}
	f.want(wire.StatusOK, add(3, "n"))
	f.want(wire.StatusOK, add(4, "new"))
	if err := f.out.Notes.Damage; err != nil {
		t.Fatalf("without damage: %v", err)
	}
	if _, err := f.audited(); err != nil || f.s.CleanPasses() != 1 {
		t.Fatalf("%v, %d clean passes", err, f.s.CleanPasses())
	}
	for _, key := range []string{"n", "text"} {
		value, _, _ := f.s.Get(key)
		value[0] ^= 1
	}
	for seq, key := range map[uint64]string{5: "text", 6: "n"} {
		status := wire.StatusOK
		if key == "text" {
			status = wire.StatusNotInteger
		}
		f.want(status, add(seq, key))
		if err := f.out.Notes.Damage; !errors.Is(err, ErrDigest) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v, want ErrDigest", key, err)
		}
		f.want(wire.StatusOK, wire.Command{Op: wire.OpBarrier})
		if err := f.out.Notes.Damage; err != nil {
			t.Errorf("it is told again: %v", err)
		}
	}
	if n := f.s.CleanPasses(); n != 0 {
		t.Errorf("%d clean passes", n)
	}
}
