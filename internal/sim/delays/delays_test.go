package delays_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/sim/delays"
)

func run(t *testing.T, cfg delays.Config) delays.Result {
	t.Helper()
	r, err := delays.Run(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// delay is long enough for no acknowledgement to find company.
const delay = 50 * time.Millisecond

// TestTheory holds that a lone writer delivers after 4 message delays, with agreed
// delivery after 2, whatever the size of the group and however FINALs are acknowledged,
// and what that takes in messages.
func TestTheory(t *testing.T) {
	for n := 2; n <= 32; n++ {
		for _, agreed := range []bool{false, true} {
			for _, direct := range []int{1, 32} {
				cfg := delays.Config{Members: n, Delay: delay, Commands: 4}
				cfg.Core.Agreed, cfg.Core.DirectAcks = agreed, direct
				name := fmt.Sprintf("%d members, agreed %v, direct acknowledgements up to %d", n, agreed, direct)
				r := run(t, cfg)
				all(t, name+": the sender", r.Sender, senderDelay(agreed))
				all(t, name+": the others", r.Others, othersDelays(n, agreed, direct == 1)...)
				messages := 3 * (n - 1)
				if got := r.Sent.Messages - r.Sent.Acks; got != messages*r.Commands {
					t.Errorf("%s: %d messages without acknowledgements, want %d each", name, got, messages)
				}
				acks := (n - 1) * (n - 1)
				if direct == 1 {
					acks = 2 * (n - 1)
				}
				if r.Sent.Acks != acks*r.Commands {
					t.Errorf("%s: %d acknowledgements of %d commands, want %d each", name, r.Sent.Acks, r.Commands, acks)
				}
			}
		}
	}
}

func senderDelay(agreed bool) time.Duration {
	if agreed {
		return 2 * delay
	}
	return 4 * delay
}

// othersDelays are after how long the others may deliver. What nobody waits for may wait
// for company for a millisecond.
func othersDelays(members int, agreed, relayed bool) []time.Duration {
	switch {
	case agreed:
		return []time.Duration{3 * delay}
	case members == 2: // the FINAL says that its sender holds it
		return []time.Duration{3 * delay}
	case relayed: // with the sender's next message, or alone after its last
		return []time.Duration{5 * delay, 5*delay + time.Millisecond}
	default:
		return []time.Duration{4*delay + time.Millisecond}
	}
}

// all holds that times are among some, and that each of these occurs.
func all(t *testing.T, what string, times delays.Times, want ...time.Duration) {
	t.Helper()
	got := slices.Compact(slices.Sorted(slices.Values(times)))
	if !slices.Equal(got, want) {
		t.Errorf("%s deliver after %v, want %v", what, got, want)
	}
}

// TestLone holds that a lone member waits for nobody.
func TestLone(t *testing.T) {
	r := run(t, delays.Config{Members: 1, Delay: delay})
	all(t, "a lone member", r.Sender, 0)
	if r.Sent.Messages != 0 {
		t.Errorf("a lone member has sent %+v", r.Sent)
	}
}

// TestTables prints what dsmbench delays prints, of small groups.
func TestTables(t *testing.T) {
	var first, second strings.Builder
	for _, to := range []*strings.Builder{&first, &second} {
		if err := delays.WriteTables(to, []int{1, 2, 3}); err != nil {
			t.Fatal(err)
		}
	}
	if first.String() != second.String() || !strings.Contains(first.String(), "4.00D") {
		t.Errorf("tables %s and %s", first.String(), second.String())
	}
}
