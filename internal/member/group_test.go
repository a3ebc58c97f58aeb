package member

import (
	"testing"
	"time"
)

// The tests' own group works: members write, a joiner joins, one leaves, one is lost.
func TestGroup(t *testing.T) {
	g := newGroup(t, 3)
	g.open()
	for _, n := range g.nodes {
		if !n.m.Reader().Serves() {
			t.Fatalf("%s does not serve", n.named.ID)
		}
		var c client
		n.write(g.set(n.named.ID, "written"), &c)
		g.settle()
		if got := c.take(); len(got) != 1 || got[0].reply.Status != 0 {
			t.Fatalf("answers: %+v", got)
		}
	}
	n4 := g.join(options{})
	g.advance(5 * time.Second)
	if !n4.m.Reader().Serves() || n4.value("n3") != "written" {
		t.Fatalf("n4 has not joined: %v", n4.did)
	}
	g.crash("n2")
	g.advance(5 * time.Second)
	n3 := g.node("n3")
	n3.do(func(m *Member) { m.Leave(false) })
	g.advance(5 * time.Second)
	if n3.err == nil || len(g.node("n1").m.Status().Members) != 2 {
		t.Fatalf("n3 ended with %v; %+v", n3.err, g.node("n1").m.Status())
	}
}
