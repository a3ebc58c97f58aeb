package link

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

var (
	ida = isis.MemberID{ID: "a", Incarnation: 1} // is dialled
	idb = isis.MemberID{ID: "b", Incarnation: 2}
)

func newNode(self isis.MemberID, change ...func(*Config)) *Node {
	cfg := Config{
		Self: self, Group: 7, Generation: 3, Limits: Limits{MaxRecordBytes: 100, MaxKeptBytes: 1000}, ConfirmBytes: 50,
		SilenceLimit: time.Second, RedialMin: 10 * time.Millisecond, RedialMax: 50 * time.Millisecond,
		Random: func() float64 { return 0 },
	}
	for _, f := range change {
		f(&cfg)
	}
	return NewNode(cfg)
}

// What a Hello is refused for, and in which order that is looked at.
func TestJudge(t *testing.T) {
	hello := func(change func(*wire.Hello)) *wire.Hello {
		h, _ := newNode(idb).Link(ida).Hello()
		change(&h)
		return &h
	}
	as := func(from, to isis.MemberID) func(*wire.Hello) {
		return func(h *wire.Hello) { h.Extra = Greeting{From: from, To: to, Dial: 1}.append(nil) }
	}
	b8 := isis.MemberID{ID: "b", Incarnation: 8}
	for name, c := range map[string]struct {
		change func(*wire.Hello)
		peers  []isis.MemberID
		status wire.Status
		why    string
	}{
		"accepted":            {func(*wire.Hello) {}, []isis.MemberID{b8, idb}, wire.StatusOK, ""},
		"a later release":     {func(h *wire.Hello) { h.MinVersion, h.MaxVersion = 900, 901 }, nil, wire.StatusVersion, "the other side speaks 900 to 901"},
		"no greeting":         {func(h *wire.Hello) { h.Extra = nil; h.Group = 8 }, nil, wire.StatusBadRequest, "not the handshake of a peer"},
		"a client":            {func(h *wire.Hello) { h.Role = wire.RoleClient }, nil, wire.StatusBadRequest, "not the handshake of a peer"},
		"another group":       {func(h *wire.Hello) { h.Group = 8 }, nil, wire.StatusGeneration, "this node is of group 7, generation 3, not of group 8, generation 3"},
		"another generation":  {func(h *wire.Hello) { h.Generation = 2 }, nil, wire.StatusGeneration, "not of group 7, generation 2"},
		"another node":        {as(idb, isis.MemberID{ID: "a", Incarnation: 9}), []isis.MemberID{idb}, wire.StatusUnavailable, "this is a#1, not a#9"},
		"no peer":             {as(idb, ida), []isis.MemberID{{ID: "c", Incarnation: 2}}, wire.StatusUnavailable, "b#2 is not a peer of a#1 (yet)"},
		"another incarnation": {as(b8, ida), []isis.MemberID{idb}, wire.StatusUnavailable, "b#8 is linked as b#2"},
		"one that it dials":   {as(b8, ida), []isis.MemberID{{ID: "b"}}, wire.StatusUnavailable, "b#8 is linked as b#0"},
		"the wrong end":       {as(isis.MemberID{ID: "b"}, ida), []isis.MemberID{{ID: "b"}}, wire.StatusBadRequest, "the node with the higher incarnation dials"},
	} {
		t.Run(name, func(t *testing.T) {
			g, refusal := newNode(ida).Judge(hello(c.change), slices.Values(c.peers))
			if c.status == wire.StatusOK {
				if refusal != nil || g.From != idb || g.To != ida || g.Dial != 1 || g.version != wire.MaxVersion {
					t.Fatalf("%+v, %+v", g, refusal)
				}
				return
			}
			want := wire.Info{Group: 7, Generation: 3, NodeID: "a", Incarnation: 1}
			if refusal == nil || refusal.Status != c.status || !strings.Contains(refusal.Message, c.why) || refusal.Info != want {
				t.Fatalf("%+v, want %q", refusal, c.why)
			}
		})
	}
}

// Numbers of dials and epochs are not used again, by whatever link.
func TestNumbersOfANode(t *testing.T) {
	n := newNode(idb)
	l, again := n.Link(ida), n.Link(ida)
	_, first := l.Hello()
	if _, second := again.Hello(); first != 1 || second != 2 || l.out.epoch != 1 || again.out.epoch != 2 {
		t.Errorf("dials %d and %d, epochs %d and %d", first, second, l.out.epoch, again.out.epoch)
	}
}

// Pauses double from the shortest to the longest, and are shortened by up to a half.
func TestRedial(t *testing.T) {
	for random, want := range map[float64][]time.Duration{
		0:                       {10, 20, 40, 50, 50},
		0.5:                     {7, 15, 30, 37, 37},
		math.Nextafter(1, 0.99): {5, 10, 20, 25, 25},
	} {
		l := newNode(idb, func(c *Config) { c.Random = func() float64 { return random } }).Link(ida)
		for i := range want {
			if got := l.Redial(); got.Truncate(time.Millisecond) != want[i]*time.Millisecond {
				t.Errorf("random %v: pause %d is %v, want %v ms", random, i, got, int(want[i]))
			}
		}
	}
}
