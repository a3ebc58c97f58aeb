package sim

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/sim/wires"
)

// What a donor sends through narrow ports comes in pieces, small ones among them, but they do not get smaller and
// smaller as the joiner reads each by itself and makes room for as much.
func TestPiecesDoNotShrink(t *testing.T) {
	for _, room := range []int{100, 1000, 8 << 10} {
		w := newWorld(1, Options{})
		w.traits.bandwidth.port = 1 << 20
		n := wires.NewNetwork(wires.Config{Time: &w.Time, Delays: w.random.delays, Tears: w.random.tears, Sites: 2})
		c := n.Connect(0, nil, 1, nil)
		f := &feed{r: &replica{w: w}, c: c}
		f.begin(room)
		come, pieces, small := 0, 0, 0
		c.Ends[0].OnData = func(b []byte) {
			come += len(b)
			pieces++
			if len(b) < f.least {
				small++
			}
			c.Send(1, 0, func() { f.hasRoom(len(b)) })
		}
		f.writing = make([]byte, 1000*room)
		f.pump()
		for come < 900*room {
			w.Step()
		}
		if most := 900 * leastRoom; pieces > most || small == 0 {
			t.Errorf("%d bytes of room: %d bytes came in %d pieces, want %d at most; %d were small", room, come, pieces, most, small)
		}
	}
}
