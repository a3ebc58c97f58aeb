package delays_test

import (
	"fmt"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/seed-8247e700/dsm/internal/sim/delays"
	"github.com/seed-8247e700/dsm/isis"
)

// sizes are the groups that are measured.
var sizes = []int{1, 2, 3, 4, 5, 7, 9, 12, 16, 24, 32}

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

// networks are the delays that are measured.
var networks = []struct {
	name          string
	delay, jitter time.Duration
}{
	{"LAN", 50 * time.Microsecond, 0},
	{"LAN", 50 * time.Microsecond, 20 * time.Microsecond},
	{"zone", 500 * time.Microsecond, 0},
	{"zone", 500 * time.Microsecond, 100 * time.Microsecond},
	{"WAN", 40 * time.Millisecond, 0},
	{"WAN", 40 * time.Millisecond, 5 * time.Millisecond},
}

// TestDelays prints what the order costs, by the size of the group:
//
//	go test ./internal/sim/delays -run TestDelays -v
func TestDelays(t *testing.T) {
	if testing.Short() || !testing.Verbose() {
		t.Skip("it prints a table: see it with -v")
	}
	for _, net := range networks {
		for _, load := range []struct {
			name             string
			writers, clients int
		}{{"a lone writer", 1, 1}, {"1 client at every member", -1, 1}, {"64 clients at every member", -1, 64}} {
			fmt.Fprintf(t.Output(), "\n%s: delay D = %v, jitter up to %v; %s, closed loop, 100 B, safe delivery\n", net.name, net.delay, net.jitter, load.name)
			w := tabwriter.NewWriter(t.Output(), 0, 0, 2, ' ', tabwriter.AlignRight)
			fmt.Fprintln(w, "members\tsender p50\tp99\tothers p50\tp99\tcommands/message\tmessages/command\tof them ACK\tB/command\tof them ACK\twrites/command/member\tonly ACK\t")
			for _, n := range sizes {
				cfg := delays.Config{
					Members: n, Core: isis.Config{}, Delay: net.delay, Jitter: net.jitter, Seed: 1,
					Writers: load.writers, Clients: load.clients, Commands: 30 * load.clients,
				}
				if load.writers < 0 {
					cfg.Writers = n
				}
				r := run(t, cfg)
				total := r.Total()
				d := func(v time.Duration) string { return fmt.Sprintf("%.2f D", float64(v)/float64(net.delay)) }
				c := float64(r.Commands)
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t%.2f\t%.2f\t\n", n,
					d(r.Sender.Quantile(0.5)), d(r.Sender.Quantile(0.99)), d(r.Others.Quantile(0.5)), d(r.Others.Quantile(0.99)),
					c/float64(r.Messages), float64(total.Messages)/c, float64(total.Acks)/c, float64(total.Bytes)/c, float64(total.AckBytes)/c,
					float64(total.Writes)/c/float64(n), float64(total.AckWrites)/c/float64(n))
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
