package isistest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/isis/isistest"
)

// formed returns a group of so many members, and what each delivers, by Index.
func formed(t *testing.T, size int) (g *isistest.Group, logs [][]string) {
	t.Helper()
	g, logs = &isistest.Group{}, make([][]string, size)
	g.Config.MaxBatchCommands = 1
	g.Config.Window = 4
	g.Delivered = func(n *isistest.Node, d *isis.Delivery) {
		logs[n.Index()] = append(logs[n.Index()], string(d.Payload))
	}
	for i := range size {
		g.Start(string(rune('a' + i)))
	}
	if err := g.Form(); err != nil {
		t.Fatal(err)
	}
	return g, logs
}

func submit(t *testing.T, g *isistest.Group, n *isistest.Node, commands ...string) {
	t.Helper()
	for _, c := range commands {
		if !n.Core.Submit([]byte(c)) {
			t.Fatalf("%v refuses %s", n.ID, c)
		}
	}
	g.Turn(n)
}

func deliver(t *testing.T, g *isistest.Group, l *isistest.Link) {
	t.Helper()
	if err := g.Deliver(l); err != nil {
		t.Fatal(err)
	}
}

// What is sent waits on its link, in order, and the caller decides which link is next: here the
// message that was sent last arrives first.
func TestLinksAreFIFOAndDeliverInAnyOrder(t *testing.T) {
	g, logs := formed(t, 3)
	a, b, c := g.Nodes[0], g.Nodes[1], g.Nodes[2]
	submit(t, g, a, "1", "2")
	submit(t, g, b, "3")
	link := a.Links[c.Index()]
	if link.Len() != 2 || b.Links[c.Index()].Len() != 1 || len(g.Busy) != 4 {
		t.Fatalf("%d and %d messages wait on links, of which %d are busy", link.Len(), b.Links[c.Index()].Len(), len(g.Busy))
	}
	deliver(t, g, b.Links[c.Index()])
	for seq := range uint64(2) {
		if m := link.Oldest(); m.Kind != isis.KindPropose || m.Seq != seq+1 {
			t.Fatalf("%v %d is next, not message %d", m.Kind, m.Seq, seq+1)
		}
		deliver(t, g, link)
	}
	if link.Len() != 0 || slices.Contains(g.Busy, link) || len(g.Busy) != 2 {
		t.Errorf("%d messages wait on a link that has delivered all, and %d links are busy", link.Len(), len(g.Busy))
	}
	if len(logs[c.Index()]) != 0 || c.Links[a.Index()].Len() != 0 {
		t.Error("a node did something before its turn ended")
	}
	g.Turn(c)
	var answers []string // c has taken b's message first
	for _, to := range []*isistest.Node{b, a} {
		for l := c.Links[to.Index()]; l.Len() > 0; g.Turn(to) {
			m := l.Oldest()
			answers = append(answers, fmt.Sprintf("%v %s/%d priority %d", m.Kind, to.ID.ID, m.Seq, m.Priority))
			deliver(t, g, l)
		}
	}
	if want := "PROPOSAL b/1 priority 1, PROPOSAL a/1 priority 2, PROPOSAL a/2 priority 3"; strings.Join(answers, ", ") != want {
		t.Errorf("c answers %s, want %s", strings.Join(answers, ", "), want)
	}
	if err := g.Run(); err != nil {
		t.Fatal(err)
	}
	for i, log := range logs {
		if len(log) != 3 || !slices.Equal(log, logs[0]) || len(g.Busy) != 0 || g.Nodes[i].Applied != 3 {
			t.Errorf("%v delivers %v up to %d, and a delivers %v", g.Nodes[i].ID, log, g.Nodes[i].Applied, logs[0])
		}
	}
}

// Whichever links chance picks, all nodes deliver everything, and different choices bring
// different orders.
func TestOrderDependsOnWhatIsNext(t *testing.T) {
	orders := make(map[string]bool)
	for seed := range uint64(20) {
		g, logs := formed(t, 3)
		for _, n := range g.Nodes {
			submit(t, g, n, n.ID.ID+"1", n.ID.ID+"2")
		}
		for random := rand.New(rand.NewPCG(seed, 1)); len(g.Busy) > 0; {
			l := g.Busy[random.IntN(len(g.Busy))]
			deliver(t, g, l)
			g.Turn(l.To)
		}
		if err := g.Run(); err != nil {
			t.Fatal(err)
		}
		for i := range logs {
			if len(logs[i]) != 6 || !slices.Equal(logs[i], logs[0]) {
				t.Fatalf("seed %d: %v delivers %v, and a delivers %v", seed, g.Nodes[i].ID, logs[i], logs[0])
			}
		}
		orders[strings.Join(logs[0], " ")] = true
	}
	if len(orders) < 5 {
		t.Errorf("20 schedules bring %d orders", len(orders))
	}
}

// A link that is cut loses the newest messages, and a node that stops those on their way to it.
func TestWhatIsLost(t *testing.T) {
	g, logs := formed(t, 3)
	a, b, c := g.Nodes[0], g.Nodes[1], g.Nodes[2]
	submit(t, g, a, "1", "2", "3")
	submit(t, g, c, "4")
	g.Truncate(a.Links[b.Index()], 1)
	if l := a.Links[b.Index()]; l.Len() != 1 || l.Oldest().Seq != 1 || !slices.Contains(g.Busy, l) {
		t.Errorf("%d messages are left of 1, the oldest is %d", l.Len(), l.Oldest().Seq)
	}
	g.Stop(c)
	if a.Links[c.Index()].Len() != 0 || c.Links[a.Index()].Len() != 1 || c.Links[b.Index()].Len() != 1 {
		t.Error("what c has sent is lost, or what is on its way to it is not")
	}
	submit(t, g, a, "5")
	if a.Links[c.Index()].Len() != 0 || a.Links[b.Index()].Len() != 2 {
		t.Error("what is sent to a node that has stopped waits on its link, or what is sent to another does not")
	}
	g.Truncate(a.Links[b.Index()], 0)
	if err := g.Run(); err != nil || len(logs[0])+len(logs[1])+len(logs[2]) != 0 {
		t.Errorf("%v: without the answers of c, %v are delivered", err, logs)
	}
}

// Cores go on writing into the counters of an acknowledgement that they have sent. What is on
// its way keeps those that were sent, also when the link moves what it holds.
func TestCountersOnTheirWayStay(t *testing.T) {
	g, _ := formed(t, 3)
	sent := make(map[*isistest.Link][][]uint64)
	g.Sent = func(from, to *isistest.Node, m *isis.Message) {
		l := from.Links[to.Index()]
		sent[l] = append(sent[l], slices.Clone(m.Acks))
	}
	random, acks, longest := rand.New(rand.NewPCG(1, 1)), 0, 0
	for i := range 3000 {
		n := g.Nodes[random.IntN(3)]
		if i%3 == 0 {
			submit(t, g, n, fmt.Sprint(i))
		}
		n.Core.SendAcks()
		g.Turn(n)
		l := n.Links[(n.Index()+1+random.IntN(2))%3]
		if l.Len() < 2 { // no link is ever empty again
			continue
		}
		longest = max(longest, l.Len())
		if got, want := l.Oldest().Acks, sent[l][0]; !slices.Equal(got, want) {
			t.Fatalf("counters %v arrive, and %v were sent", got, want)
		} else if len(got) > 0 {
			acks++
		}
		sent[l] = sent[l][1:]
		deliver(t, g, l)
		g.Turn(l.To)
	}
	if acks < 100 || longest < 3 {
		t.Errorf("%d acknowledgements arrived, and the longest queue had %d messages", acks, longest)
	}
}

// A delivery that is left out or comes twice is seen at once, at a member and on the stream to
// a joiner.
func TestGapsAreSeen(t *testing.T) {
	for by := range uint64(3) {
		g, logs := formed(t, 1)
		a := g.Nodes[0]
		submit(t, g, a, "1")
		j := g.Start("j")
		j.Observe(a)
		submit(t, g, a, "2")
		submit(t, g, a, "3")
		if len(j.Stream) != 2 || j.Applied != 1 || j.Donor != a || len(logs[0]) != 3 {
			t.Fatalf("%d deliveries are on the stream from %v, after %d", len(j.Stream), j.Donor.ID, j.Applied)
		}
		switch by {
		case 1: // one is lost
			j.Stream = j.Stream[1:]
		case 2: // one comes twice
			j.Stream = slices.Insert(j.Stream, 1, j.Stream[0])
		}
		gap, positions := follow(j)
		if want := []string{"2 3", "", "2"}[by]; (by > 0) != gap || !strings.HasPrefix(positions, want) {
			t.Errorf("case %d: positions %q are followed; a gap: %v", by, positions, gap)
		}
		a.Applied++
		if !panics(func() { submit(t, g, a, "4") }) {
			t.Error("a member that leaves a position out is not seen")
		}
	}
}

// follow reads all of a joiner's stream: it returns the positions that were applied, and whether
// something was missing.
func follow(j *isistest.Node) (gap bool, positions string) {
	gap = panics(func() {
		for len(j.Stream) > 0 {
			d, applies, err := j.Follow()
			if err != nil {
				panic(err)
			}
			if applies {
				positions += fmt.Sprintf("%d ", d.First)
			}
		}
	})
	return gap, positions
}

func panics(do func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	do()
	return false
}

// The words of the schedules' registry are lost and doubled as asked.
func TestMailIsLostAndDoubled(t *testing.T) {
	w := &world{rng: rand.New(rand.NewPCG(1, 1))}
	for _, c := range []struct{ loss, double float64 }{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
		w.traits.loss, w.traits.double = c.loss, c.double
		m := mail[int]{7}
		x, lost := m.arrive(w)
		if x != 7 || lost != (c.loss == 1) || (len(m) == 1) != (c.double == 1) {
			t.Errorf("%+v: %d is lost: %v, and %d are left", c, x, lost, len(m))
		}
	}
	var m mail[int]
	for i := range 2 * maxMail {
		m.send(i)
	}
	if len(m) != maxMail {
		t.Errorf("%d words are on their way, which are more than %d", len(m), maxMail)
	}
}
