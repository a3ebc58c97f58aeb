package crowd_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/sim/crowd"
	"github.com/seed-8247e700/dsm/internal/sim/wires"
	"github.com/seed-8247e700/dsm/registry/membership"
)

var nodes = flag.Int("nodes", 0, "simulate this many nodes alone, with a port of 1 Gbit/s each")

const (
	gigabit wires.Rate = 125e6
	mebi    wires.Rate = 1 << 20
)

// group is one whose members write values of 1 MiB.
type group struct {
	name      string
	nodes     int
	port      wires.Rate // of each node
	detection time.Duration
}

// What members have under way passes a port in less than the time of an attempt, or in many
// times that.
var cases = []group{
	{"4 nodes, 3 MiB/s", 4, 3 * mebi, 2 * time.Second},
	{"4 nodes, 1 MiB/s", 4, mebi, 2 * time.Second},
	{"4 nodes, 0.3 MiB/s", 4, 0.3 * mebi, 2 * time.Second},
	{"5 nodes, 39 MiB/s, fast detection", 5, 39 * mebi, 200 * time.Millisecond},
	{"16 nodes, 1 Gbit/s", 16, gigabit, 2 * time.Second},
	{"16 nodes, 60 Mbit/s", 16, gigabit / 16, 2 * time.Second},
}

// crash has a member crash under full load. It says what is wrong if the view does not change
// within the detection time and three times that in which what is under way passes a port, or
// if another one goes, too.
func (g *group) crash(t *testing.T) (complaint string) {
	t.Helper()
	cfg := crowd.Config{
		Nodes: g.nodes, Port: g.port, CommandBytes: 1 << 20,
		Settings: membership.Settings{Detection: g.detection}.Over(membership.DefaultSettings()),
	}
	if testing.Verbose() {
		cfg.Trace = func(line string) { t.Log(line) }
	}
	all := g.port.Time(g.nodes * (4<<20 + cfg.CommandBytes))
	cfg.Load, cfg.Bound = 2*time.Second+2*all, g.detection+3*all
	r, err := crowd.Run(cfg)
	t.Logf("%s: %+v", g.name, r)
	bound := g.detection + 3*g.port.Time(r.UnderWay)
	switch {
	case err != nil:
		return err.Error()
	case r.View > bound:
		return fmt.Sprintf("a view after %v, and after %v at most one was due", r.View, bound)
	}
	return ""
}

func TestCrashUnderLoad(t *testing.T) {
	if *nodes > 0 {
		cases = []group{{fmt.Sprintf("%d nodes, 1 Gbit/s", *nodes), *nodes, gigabit, 2 * time.Second}}
	}
	for _, g := range cases {
		t.Run(g.name, func(t *testing.T) {
			if complaint := g.crash(t); complaint != "" {
				t.Error(complaint)
			}
		})
	}
}
