package fault

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Times of a random schedule.
const (
	quietBegin  = 2 * time.Second // before the first fault
	leastLength = 500 * time.Millisecond
	mostLength  = 6 * time.Second // well above the detection time
	leastGap    = 5 * time.Second // for what was away to be a member again
	mostGap     = 9 * time.Second
	grain       = 100 * time.Millisecond // all times are multiples
)

// overlaps is how many of so many faults begin while another one stands.
const overlaps, ofFaults = 1, 4

// LeastRandom is the shortest time that Random takes. However long the first fault,
// and one that overlaps it, are made, they fit into it with the healing after them.
const LeastRandom = 20 * time.Second

// ErrTooShort says that the time is below LeastRandom.
var ErrTooShort = errors.New("no room for random faults")

// Random makes up a schedule, always the same for the same arguments. It has
// faults of all kinds, one at a time and sometimes two, and between them time to
// heal. While faults stand, and for a time after, there is a node that none of
// them touches, so that the group keeps its state. The error wraps ErrTooShort.
func Random(seed uint64, nodes int, duration time.Duration) (Schedule, error) {
	if duration < LeastRandom {
		return nil, fmt.Errorf("%w: %v is too short, they need at least %v", ErrTooShort, duration, LeastRandom)
	}
	g := &generator{random: rand.New(rand.NewPCG(seed, uint64(nodes)<<32^uint64(duration/grain))), nodes: nodes}
	var s Schedule
	for at := quietBegin; ; {
		first, end := g.draw(at, nil)
		if g.random.IntN(ofFaults) < overlaps && nodes > 1 {
			// It begins while the first one stands.
			second, secondEnd := g.draw(at+g.between(grain, end-at), first)
			first, end = append(first, second...), max(end, secondEnd)
		}
		if end+leastGap > duration {
			break
		}
		s = append(s, first...)
		at = end + g.between(leastGap, mostGap)
	}
	s.sort()
	return s, nil
}

// generator makes up one fault after another.
type generator struct {
	random *rand.Rand
	nodes  int
	deck   []maker
}

// draw makes up a fault that may stand beside others, and tells when it is over.
// All makers that the group is large enough for come before any comes again.
func (g *generator) draw(at time.Duration, beside []Fault) (faults []Fault, end time.Duration) {
	free := g.free(beside)
	for i := 0; ; i++ {
		if i >= len(g.deck) {
			g.deck, i = nil, 0
			for _, k := range kinds {
				g.deck = append(g.deck, k.random...)
			}
			g.random.Shuffle(len(g.deck), func(i, j int) { g.deck[i], g.deck[j] = g.deck[j], g.deck[i] })
		}
		if faults = g.deck[i](g, at, free); !fits(faults, beside) {
			continue // it is for another time, or for larger groups
		}
		g.deck = slices.Delete(g.deck, i, i+1)
		for j := range faults {
			end = max(end, faults[j].End(0))
		}
		return faults, end
	}
}

// fits reports whether there are faults, and the registry is not concerned twice.
func fits(faults, beside []Fault) bool {
	about := func(f Fault) bool { return f.aboutRegistry() }
	twice := slices.ContainsFunc(faults, about) && slices.ContainsFunc(beside, about)
	return len(faults) > 0 && !twice
}

// free is the nodes that others do not touch, but one, in random order.
func (g *generator) free(beside []Fault) []string {
	var free []string
	for _, i := range g.random.Perm(g.nodes) {
		name := NodeName(i + 1)
		touched := slices.ContainsFunc(beside, func(f Fault) bool {
			return slices.Contains(f.Nodes, name) || f.A == name || f.B == name
		})
		if !touched {
			free = append(free, name)
		}
	}
	return free[:max(0, len(free)-1)]
}

// between is a time from least up to, and not with, most.
func (g *generator) between(least, most time.Duration) time.Duration {
	steps := max(int64((most-least)/grain), 1)
	return least.Truncate(grain) + time.Duration(g.random.Int64N(steps))*grain
}

func (g *generator) length() time.Duration { return g.between(leastLength, mostLength) }

// rate is 256 KiB/s to 4 MiB/s.
func (g *generator) rate() int64 { return 256 << 10 << g.random.IntN(5) }

func (g *generator) kill(at time.Duration, free []string) []Fault {
	if len(free) == 0 {
		return nil
	}
	return []Fault{{Kind: Kill, Nodes: free[:1], At: at, For: g.length()}}
}

func (g *generator) killMany(at time.Duration, free []string) []Fault {
	if len(free) < 2 {
		return nil
	}
	return []Fault{{Kind: Kill, Nodes: free[:2+g.random.IntN(len(free)-1)], At: at, For: g.length()}}
}

func (g *generator) leave(at time.Duration, free []string) []Fault {
	if len(free) == 0 {
		return nil
	}
	return []Fault{{Kind: Leave, Nodes: free[:1], At: at, For: g.length()}}
}

func (g *generator) killAndRestart(at time.Duration, free []string) []Fault {
	if len(free) == 0 {
		return nil
	}
	return []Fault{
		{Kind: Kill, Nodes: free[:1], At: at},
		{Kind: Restart, Nodes: free[:1], At: at + g.length()},
	}
}

func (g *generator) pause(at time.Duration, free []string) []Fault {
	if len(free) == 0 {
		return nil
	}
	return []Fault{{Kind: Pause, Nodes: free[:1], At: at, For: g.length()}}
}

func (g *generator) cutPair(at time.Duration, free []string) []Fault {
	if len(free) < 2 {
		return nil
	}
	return []Fault{{Kind: Cut, A: free[0], B: free[1], At: at, For: g.length()}}
}

func (g *generator) cutOneWay(at time.Duration, free []string) []Fault {
	if len(free) < 2 {
		return nil
	}
	ends := []string{free[0], free[1]}
	switch g.random.IntN(4) {
	case 0:
		ends[1] = Registry
	case 1:
		ends[0] = Registry
	}
	return []Fault{{Kind: Cut, A: ends[0], B: ends[1], OneWay: true, At: at, For: g.length()}}
}

func (g *generator) cutFromRegistry(at time.Duration, free []string) []Fault {
	if len(free) == 0 {
		return nil
	}
	return []Fault{{Kind: Cut, A: free[0], B: Registry, At: at, For: g.length()}}
}

func (g *generator) isolate(at time.Duration, free []string) []Fault {
	if len(free) == 0 {
		return nil
	}
	return []Fault{{Kind: Cut, A: free[0], At: at, For: g.length()}}
}

func (g *generator) reset(at time.Duration, free []string) []Fault {
	if len(free) < 2 {
		return nil
	}
	return []Fault{{Kind: Reset, A: free[0], B: free[1], At: at}}
}

func (g *generator) slowLink(at time.Duration, free []string) []Fault {
	if len(free) < 2 {
		return nil
	}
	return []Fault{{Kind: Slow, A: free[0], B: free[1], OneWay: g.random.IntN(3) == 0, At: at, For: g.length(), Rate: g.rate()}}
}

func (g *generator) slowPort(at time.Duration, free []string) []Fault {
	if len(free) == 0 {
		return nil
	}
	return []Fault{{Kind: Slow, A: free[0], At: at, For: g.length(), Rate: g.rate()}}
}

func (g *generator) slowAll(at time.Duration, _ []string) []Fault {
	if g.nodes < 2 {
		return nil // there are no links
	}
	return []Fault{{Kind: Slow, At: at, For: g.length(), Rate: g.rate()}}
}

func (g *generator) registryAway(at time.Duration, _ []string) []Fault {
	return []Fault{{Kind: RegistryAway, At: at, For: g.length()}}
}

func (g *generator) diskFull(at time.Duration, _ []string) []Fault {
	return []Fault{{Kind: DiskFull, At: at, For: g.length()}}
}
