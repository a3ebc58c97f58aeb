package delays_test

import (
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

// TestTheory holds that a lone writer delivers after 4 message delays, with agreed
// delivery after 2, whatever the size of the group, and what that takes in messages.
func TestTheory(t *testing.T) {
	const delay = 50 * time.Millisecond // so that no acknowledgement finds company
	for n := 1; n <= 32; n++ {
		cfg := delays.Config{Members: n, Delay: delay}
		for _, agreed := range []bool{false, true} {
			cfg.Core.Agreed = agreed
			r := run(t, cfg)
			sender, others := 4*delay, 4*delay+time.Millisecond
			if agreed {
				sender, others = 2*delay, 3*delay
			}
			if n == 1 {
				sender = 0
			}
			if n == 2 && !agreed {
				// The sender's FINAL says that it holds it: nobody else has to.
				others = 3 * delay
			}
			if got := [2]time.Duration{r.Sender.Quantile(0), r.Sender.Quantile(1)}; got != [2]time.Duration{sender, sender} {
				t.Errorf("%d members, agreed %v: the sender delivers after %v to %v, want %v", n, agreed, got[0], got[1], sender)
			}
			if got := [2]time.Duration{r.Others.Quantile(0), r.Others.Quantile(1)}; n > 1 && got != [2]time.Duration{others, others} {
				t.Errorf("%d members, agreed %v: the others deliver after %v to %v, want %v", n, agreed, got[0], got[1], others)
			}
			total := r.Total()
			if want := 3 * (n - 1) * r.Commands; total.Messages-total.Acks != want {
				t.Errorf("%d members, agreed %v: %d messages without acknowledgements, want %d", n, agreed, total.Messages-total.Acks, want)
			}
		}
	}
}

// TestTables prints what dsmbench delays prints, of small groups.
func TestTables(t *testing.T) {
	var first, second strings.Builder
	for _, to := range []*strings.Builder{&first, &second} {
		if err := delays.WriteTables(to, []int{1, 2, 3, 5}); err != nil {
			t.Fatal(err)
		}
	}
	if first.String() != second.String() || !strings.Contains(first.String(), "4.00 D") {
		t.Errorf("tables %s and %s", first.String(), second.String())
	}
}
