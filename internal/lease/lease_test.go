package lease_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/lease"
)

func TestLease(t *testing.T) {
	const s = time.Second
	l := lease.Lease{Time: 2 * s}
	expect := func(what string, until time.Duration) {
		t.Helper()
		if l.Until() != until {
			t.Errorf("%s: until %v, want %v", what, l.Until(), until)
		}
	}
	expect("nobody has vouched", 0)
	l.Probed(1, 1*s)
	l.Probed(2, 2*s)
	l.Probed(3, 3*s)
	expect("probes alone", 0)
	l.Answered(0, 9*s)
	expect("no answer", 0)
	l.Answered(2, 9*s)
	expect("the second probe was answered", 4*s)
	l.Answered(1, 9*s)
	expect("an older answer", 4*s)
	l.Vouched(1*s, 9*s)
	expect("a late answer of the registry", 4*s)
	l.Vouched(5*s, 9*s)
	expect("the registry's answer", 7*s)
	l.Answered(3, 9*s)
	expect("the third probe was answered late", 7*s)
	l.Time = 10 * s
	l.Vouched(4*s, 9*s)
	expect("with a longer lease time", 14*s)
	l.Time = 20 * s
	l.Answered(3, 9*s)
	expect("the third probe was answered before", 14*s)
	l.Answered(4, 9*s)
	expect("a probe that was never asked", 14*s)
}

// TestLeaseIsTheLatestQuestion holds the lease against all that was ever asked.
func TestLeaseIsTheLatestQuestion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const leaseTime = 10 * time.Second
		l := lease.Lease{Time: leaseTime}
		var sent []time.Duration // of probe i+1
		var now, best time.Duration
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now += time.Duration(rapid.IntRange(0, 500).Draw(t, "ms")) * time.Millisecond
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				sent = append(sent, now)
				l.Probed(uint64(len(sent)), now)
			case 1:
				number := rapid.IntRange(0, len(sent)).Draw(t, "answered")
				l.Answered(uint64(number), now)
				// What is forgotten brings less, never more.
				if number > 0 && number > len(sent)-32 {
					best = max(best, sent[number-1]+leaseTime)
				}
			case 2:
				asked := time.Duration(rapid.Int64Range(0, int64(now)).Draw(t, "asked"))
				l.Vouched(asked, now)
				best = max(best, asked+leaseTime)
			}
			if l.Until() != best {
				t.Fatalf("at %v: until %v, want %v", now, l.Until(), best)
			}
		}
	})
}

func TestClockSetBack(t *testing.T) {
	l := lease.Lease{Time: 2 * time.Second}
	l.Vouched(time.Hour, 5*time.Second)
	if until := l.Until(); until != 7*time.Second {
		t.Errorf("a lease until %v from an answer at 5s", until)
	}
}

// By a clock that is set back, a lease and its questions are older than they say.
func TestSetBack(t *testing.T) {
	const s = time.Second
	l := lease.Lease{Time: 10 * s}
	l.Vouched(100*s, 101*s)
	l.Probed(1, 101*s)
	l.SetBack(60 * s)
	if until := l.Until(); until != 50*s {
		t.Errorf("the lease ends at %v, want 50s", until)
	}
	l.Answered(1, 42*s)
	if until := l.Until(); until != 51*s {
		t.Errorf("after the answer it ends at %v, want 51s", until)
	}
}
