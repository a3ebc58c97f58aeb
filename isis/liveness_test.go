package isis

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestNoTimerForSenders holds that a member never needs the timer of
// acknowledgements to deliver its own messages, for which clients wait: in any
// schedule without faults, once all is delivered that was sent, without a single
// SendAcks, all that a member submitted is delivered at it.
func TestNoTimerForSenders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(2, 5).Draw(t, "members")
		cfg := Config{Window: rapid.IntRange(1, 3).Draw(t, "window"), MaxBatchCommands: rapid.IntRange(1, 3).Draw(t, "batch")}
		cfg.DirectAcks = rapid.SampledFrom([]int{1, 5}).Draw(t, "direct")
		view := View{ID: 1}
		nodes := make([]*Node, size)
		for i := range nodes {
			cfg.Self = MemberID{ID: fmt.Sprint("n", i), Incarnation: uint64(i + 1)}
			view.Members = append(view.Members, cfg.Self)
			nodes[i] = New(cfg)
		}
		links := map[[2]int][]Message{}
		turn := func(i int) {
			ready := nodes[i].Ready()
			for _, e := range ready.Messages {
				e.Acks = slices.Clone(e.Acks)
				link := [2]int{i, int(e.To.Incarnation - 1)}
				links[link] = append(links[link], e.Message)
			}
		}
		deliver := func(from, to int) bool {
			link := [2]int{from, to}
			if len(links[link]) == 0 {
				return false
			}
			m := links[link][0]
			links[link] = links[link][1:]
			if err := nodes[to].Step(view.Members[from], &m); err != nil {
				t.Fatal(err)
			}
			return true
		}
		for i, n := range nodes {
			if err := n.Commit(view); err != nil {
				t.Fatal(err)
			}
			turn(i)
		}
		member := rapid.IntRange(0, size-1)
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			i := member.Draw(t, "member")
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				nodes[i].Submit([]byte("c"))
				turn(i)
			case 1:
				turn(i)
			default:
				deliver(member.Draw(t, "from"), i)
				if rapid.Bool().Draw(t, "end turn") {
					turn(i)
				}
			}
		}
		for busy := true; busy; {
			busy = false
			for i := range nodes {
				for from := range nodes {
					for deliver(from, i) {
						busy = true
					}
				}
				turn(i)
			}
			for _, queue := range links {
				busy = busy || len(queue) > 0
			}
		}
		for i, n := range nodes {
			if !n.Idle() {
				t.Fatalf("%s still waits for its own messages: %d held back", view.Members[i].ID, n.HeldBack())
			}
		}
	})
}
