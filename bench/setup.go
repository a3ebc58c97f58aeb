package bench

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/bench/workload"
	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/console"
)

// SetUp is one line that states all that a run depends on.
func (c *Config) SetUp() string {
	var b strings.Builder
	switch {
	case c.Target != "":
		fmt.Fprintf(&b, "group at %s", client.Redact(client.TrimAddress(c.Target)))
	case c.Processes || c.Faults != "":
		fmt.Fprintf(&b, "%s and a registry, each a process, %s delivery", report.Count(c.Nodes, "node"), c.Delivery)
	default:
		fmt.Fprintf(&b, "%s and a registry in this process, %s delivery", report.Count(c.Nodes, "node"), c.Delivery)
	}
	if c.Embedded {
		fmt.Fprintf(&b, "; %s on embedded handles", report.Count(c.Clients, "client"))
	} else {
		fmt.Fprintf(&b, "; %s over TCP, %s a node", report.Count(c.Clients, "client"), report.Count(c.Conns, "connection"))
	}
	if c.Watchers > 0 {
		fmt.Fprintf(&b, ", %s", report.Count(c.Watchers, "watcher"))
	}
	if c.Stuck > 0 {
		fmt.Fprintf(&b, " (%d of which do not read)", c.Stuck)
	}
	if c.Rate > 0 {
		fmt.Fprintf(&b, ", open loop at %g ops/s", c.Rate)
	} else {
		b.WriteString(", closed loop")
	}
	b.WriteString(c.asks())
	if s, err := c.schedule(); err == nil && c.Faults == RandomFaults {
		fmt.Fprintf(&b, "; %s from the seed", report.Count(len(s), "random fault"))
	} else if err == nil && len(s) > 0 {
		fmt.Fprintf(&b, "; %s: %s", report.Count(len(s), "fault"), s)
	}
	fmt.Fprintf(&b, "; %v after %v of warm-up; seed %d", c.Duration, c.Warmup, c.Seed)
	fmt.Fprintf(&b, "; %s, %s/%s, GOMAXPROCS %d", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	return b.String()
}

// asks says what clients ask for, as far as the workload does not decide it.
func (c *Config) asks() string {
	var b strings.Builder
	row, err := workload.Find(c.Name)
	takes := func(flag string) bool { return err == nil && row.Refuses(flag) == nil }
	if err == nil && row.Name != workload.Mixed {
		fmt.Fprintf(&b, "; workload %s", row.Name)
	}
	if takes("writes") {
		fmt.Fprintf(&b, "; %s writes", program.ShowShare(c.Writes))
	}
	if takes("writes") && c.Writes > 0 {
		fmt.Fprintf(&b, " (%s add, %s cas, %s del, the rest set)", program.ShowShare(c.Adds), program.ShowShare(c.CAS), program.ShowShare(c.Dels))
	}
	if takes("writes") && c.Writes < 1 {
		fmt.Fprintf(&b, ", %s of the reads strong", program.ShowShare(c.Strong))
	}
	fmt.Fprintf(&b, "; %s", report.Count(c.Keys, "key"))
	if takes("dist") {
		fmt.Fprintf(&b, ", %s", c.Dist)
	}
	if takes("value-size") {
		fmt.Fprintf(&b, ", values of %d bytes", c.ValueBytes)
	}
	for _, quota := range []struct {
		of string
		n  int64
	}{{"bytes", c.QuotaBytes}, {"variables", c.QuotaVariables}} {
		if quota.n != 0 {
			fmt.Fprintf(&b, ", quota of %s: %s", quota.of, console.QuotaText(quota.n))
		}
	}
	if takes("ttl") {
		fmt.Fprintf(&b, ", TTL %v", c.TTL)
	}
	if c.AtOnce {
		b.WriteString(" at once")
	}
	return b.String()
}
