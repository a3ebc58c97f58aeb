package bench

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/seed-8247e700/dsm/internal/client"
)

// SetUp is one line that states all that a run depends on.
func (c *Config) SetUp() string {
	var b strings.Builder
	switch {
	case c.Target != "":
		fmt.Fprintf(&b, "group at %s", client.Redact(client.TrimAddress(c.Target)))
	case c.Processes || c.Faults != "":
		fmt.Fprintf(&b, "%s and a registry, each a process, %s delivery", count(c.Nodes, "node"), c.Delivery)
	default:
		fmt.Fprintf(&b, "%s and a registry in this process, %s delivery", count(c.Nodes, "node"), c.Delivery)
	}
	if c.Embedded {
		fmt.Fprintf(&b, "; %s on embedded handles", count(c.Clients, "client"))
	} else {
		fmt.Fprintf(&b, "; %s over TCP, %s a node", count(c.Clients, "client"), count(c.Conns, "connection"))
	}
	if c.Rate > 0 {
		fmt.Fprintf(&b, ", open loop at %g ops/s", c.Rate)
	} else {
		b.WriteString(", closed loop")
	}
	fmt.Fprintf(&b, "; %s writes", showShare(c.Writes))
	if c.Writes > 0 {
		fmt.Fprintf(&b, " (%s add, %s cas, %s del, the rest set)", showShare(c.Adds), showShare(c.CAS), showShare(c.Dels))
	}
	if c.Writes < 1 {
		fmt.Fprintf(&b, ", %s of the reads strong", showShare(c.Strong))
	}
	fmt.Fprintf(&b, "; %s, %s, values of %d bytes", count(c.Keys, "key"), c.Dist, c.ValueBytes)
	if s, err := c.schedule(); err == nil && c.Faults == RandomFaults {
		fmt.Fprintf(&b, "; %s from the seed", count(len(s), "random fault"))
	} else if err == nil && len(s) > 0 {
		fmt.Fprintf(&b, "; %s: %s", count(len(s), "fault"), s)
	}
	fmt.Fprintf(&b, "; %v after %v of warm-up; seed %d", c.Duration, c.Warmup, c.Seed)
	fmt.Fprintf(&b, "; %s, %s/%s, GOMAXPROCS %d", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	return b.String()
}

// count is n with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
