package isis

import "testing"

// TestLeaverDeliversSafely has a member that wants to leave deliver nothing that
// another member does not hold the FINAL of, though the group delivers agreed.
func TestLeaverDeliversSafely(t *testing.T) {
	view := View{ID: 1, Members: []MemberID{{"a", 1}, {"b", 2}, {"c", 3}}}
	nodes := map[uint64]*Node{}
	for _, m := range view.Members {
		n := New(Config{Self: m, Agreed: true})
		if err := n.Commit(view); err != nil {
			t.Fatal(err)
		}
		nodes[m.Incarnation] = n
	}
	a, b, c := nodes[1], nodes[2], nodes[3]
	var withheld []Envelope // FINALs to c
	// run delivers messages until there are none, and counts a's deliveries.
	run := func() (delivered int) {
		for busy := true; busy; {
			busy = false
			for _, m := range view.Members {
				n := nodes[m.Incarnation]
				n.SendAcks()
				ready := n.Ready()
				if n == a {
					delivered += len(ready.Deliveries)
				}
				for _, e := range ready.Messages {
					busy = true
					if e.Kind == KindFinal && e.To == view.Members[2] {
						withheld = append(withheld, Envelope{To: m, Message: e.Message})
						continue
					}
					if err := nodes[e.To.Incarnation].Step(m, &e.Message); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		return delivered
	}
	b.Submit([]byte("one"))
	if got := run(); got != 1 || !a.Idle() {
		t.Fatalf("a delivered %d, idle: %v", got, a.Idle())
	}
	a.DeliverSafely(true)
	if a.Idle() {
		t.Error("idle, with a message delivered that c may not hold")
	}
	b.Submit([]byte("two"))
	if got := run(); got != 0 {
		t.Errorf("the leaver delivered %d messages that c may not hold", got)
	}
	for _, e := range withheld {
		if err := c.Step(e.To, &e.Message); err != nil {
			t.Fatal(err)
		}
	}
	if got := run(); got != 1 || !a.Idle() {
		t.Errorf("a delivered %d, idle: %v", got, a.Idle())
	}
	a.DeliverSafely(false)
	b.Submit([]byte("three"))
	if got := run(); got != 1 {
		t.Errorf("a stays, and delivered %d", got)
	}
}
