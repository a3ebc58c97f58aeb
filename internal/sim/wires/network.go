package wires

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Network is what lies between the sites: delays, bandwidth, and cuts in one direction or
// both.
type Network struct {
	Config
	blocked []uint8         // [from*Sites+to]: so many faults cut this direction
	slow    []time.Duration // [from*Sites+to]: delay on top
	ways    []lane          // [from*Sites+to]
	ports   []port          // by site
	stalled []stalled
}

// Config says what a network is like.
type Config struct {
	Time            *Time
	Delays, Tears   *rand.Rand // where it draws delays, and where a connection breaks off
	Sites           int
	Latency, Jitter time.Duration
	Spikes          float64 // chance of one
	Spike           time.Duration

	// KeepAlive is after how long a system gives a connection up whose other end is
	// silent.
	KeepAlive time.Duration

	// Buffer is how many bytes of a connection may be under way in one direction before
	// it takes no more. 0: any number.
	Buffer int
}

// NewNetwork returns a network that nothing cuts, and that carries any number of bytes at once.
func NewNetwork(cfg Config) *Network {
	ways := cfg.Sites * cfg.Sites
	return &Network{
		Config: cfg, blocked: make([]uint8, ways), slow: make([]time.Duration, ways),
		ways: make([]lane, ways), ports: make([]port, cfg.Sites),
	}
}

// stalled is a direction of a connection in which bytes wait for a cut to heal,
// as TCP has them wait.
type stalled struct {
	c  *Conn
	to int
}

// Cut reports whether nothing passes from one site to another.
func (n *Network) Cut(from, to int) bool { return n.blocked[from*n.Sites+to] > 0 }

// CutAnywhere reports whether any way is cut.
func (n *Network) CutAnywhere() bool {
	return slices.ContainsFunc(n.blocked, func(faults uint8) bool { return faults > 0 })
}

// Slow makes a way slower by so much, or faster again.
func (n *Network) Slow(from, to int, by time.Duration) { n.slow[from*n.Sites+to] += by }

// Block cuts a way, once more if it is cut.
func (n *Network) Block(from, to int) {
	if from != to {
		n.blocked[from*n.Sites+to]++
	}
}

// Unblock ends one cut of a way.
func (n *Network) Unblock(from, to int) {
	if from == to {
		return
	}
	n.blocked[from*n.Sites+to]--
	if n.Cut(from, to) {
		return
	}
	waiting := n.stalled
	n.stalled = nil
	for _, s := range waiting {
		if s.c.Ends[1-s.to].Site == from && s.c.Ends[s.to].Site == to {
			s.c.Ends[s.to].scheduled = true
			n.Time.After(n.Delay(from, to), func() { s.c.arrive(s.to) })
		} else {
			n.stalled = append(n.stalled, s)
		}
	}
}

// Delay is how long the next bytes take from one site to another.
func (n *Network) Delay(from, to int) time.Duration {
	d := n.Latency + UpTo(n.Delays, n.Jitter)
	if n.Spikes > 0 && Chance(n.Delays, n.Spikes) {
		d += UpTo(n.Delays, n.Spike)
	}
	return d + n.slow[from*n.Sites+to]
}

// Chance is true with probability p.
func Chance(r *rand.Rand, p float64) bool { return p > 0 && r.Float64() < p }

// UpTo is a random time below d.
func UpTo(r *rand.Rand, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(r.Int64N(int64(d)))
}
