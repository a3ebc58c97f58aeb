package transport

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/isis"
)

// inbox checks what a node receives against what the sender must have sent.
// Sequence numbers say what a message looks like, so nothing else is kept.
type inbox struct {
	t    *testing.T
	self isis.MemberID
	net  *Network

	mu   sync.Mutex // guards what follows
	next map[isis.MemberID]uint64
	sum  int
	kept []keptPayload
}

// keptPayload is a payload that the node keeps after Receive, as it may.
type keptPayload struct{ got, want []byte }

func (in *inbox) checkKept() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for i, p := range in.kept {
		if !bytes.Equal(p.got, p.want) {
			in.t.Fatalf("payload %d of %d kept was overwritten", i, len(in.kept))
		}
	}
}

// numbered is message i from one node to another: of all shapes and sizes.
func numbered(from, to isis.MemberID, i uint64) isis.Message {
	rnd := rand.New(rand.NewPCG(from.Incarnation<<32+to.Incarnation, i))
	m := isis.Message{View: 1, Seq: i, Priority: rnd.Uint64()}
	switch k := rnd.IntN(1000); {
	case k < 2:
		m.Kind, m.Count, m.Payload = isis.KindPropose, 1, patterned(i, rnd.IntN(192<<10))
	case k < 300:
		m.Kind, m.Count, m.Payload = isis.KindPropose, 1, patterned(i, 1+rnd.IntN(300))
	case k < 600:
		m.Kind = isis.KindProposal
	case k < 800:
		m.Kind = isis.KindFinal
	case k < 810:
		m = isis.Message{Kind: isis.KindFlushState, View: i, State: &isis.FlushState{
			Clock: m.Priority, Entries: []isis.Entry{{Seq: i, Payload: patterned(i, rnd.IntN(500))}},
		}}
	default:
		m = isis.Message{Kind: isis.KindAck, View: 1, Acks: []uint64{i, i + 1, i + 2}[:1+rnd.IntN(3)]}
	}
	return m
}

func patterned(i uint64, size int) []byte {
	b := make([]byte, size)
	for j := range b {
		b[j] = byte(i + uint64(j)*7)
	}
	return b
}

func (in *inbox) Receive(from isis.MemberID, msgs []isis.Message) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for i := range msgs {
		want := numbered(from, in.self, in.next[from])
		if string(AppendMessage(nil, &want)) != string(AppendMessage(nil, &msgs[i])) {
			in.t.Errorf("message %d from %s is not what was sent, but of kind %s", in.next[from], from, msgs[i].Kind)
			return
		}
		in.next[from]++
		in.kept = append(in.kept, keptPayload{msgs[i].Payload, want.Payload})
		if want.State != nil {
			in.kept = append(in.kept, keptPayload{msgs[i].State.Entries[0].Payload, want.State.Entries[0].Payload})
		}
		in.sum++
	}
}

func (in *inbox) received() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.sum
}

// group starts nodes that are linked with one another.
func group(t *testing.T, f *fakeNet, size int, adapt func(*Config)) ([]*Network, []*inbox) {
	t.Helper()
	var peers []Peer
	nets, boxes := make([]*Network, size), make([]*inbox, size)
	for i := range size {
		self := isis.MemberID{ID: fmt.Sprintf("n%d", i+1), Incarnation: uint64(i + 1)}
		boxes[i] = &inbox{t: t, self: self, next: map[isis.MemberID]uint64{}}
		cfg := Config{Self: self, Group: 1, Generation: 1, Handler: boxes[i], Dial: f.dial, ConfirmBytes: 2000}
		if adapt != nil {
			adapt(&cfg)
		}
		n, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		nets[i], boxes[i].net = n, n
		peers = append(peers, Peer{MemberID: self, Addr: self.ID})
		f.nodes[self.ID] = n
	}
	for _, n := range nets {
		n.SetPeers(peers)
	}
	return nets, boxes
}

func closeAll(f *fakeNet, nets []*Network) {
	f.setBlocked(true)
	f.heal()
	f.servers.Wait()
	for _, n := range nets {
		n.Close()
	}
}

// TestCuts sends over connections that break all the time, at any byte, at one
// end or at both. Each side receives exactly what was sent.
func TestCuts(t *testing.T) {
	const nodes, turns = 3, 1500
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runCuts(t, seed, nodes, turns) })
		})
	}
}

func runCuts(t *testing.T, seed uint64, nodes, turns int) {
	f := newFakeNet(seed)
	nets, boxes := group(t, f, nodes, func(c *Config) {
		// Short pauses, so that there is time for many cuts.
		c.PingInterval, c.SilenceLimit, c.RedialMax = 10*time.Millisecond, 50*time.Millisecond, 40*time.Millisecond
	})
	defer closeAll(f, nets)
	var wg sync.WaitGroup
	totals := make([]int, nodes)
	for i, n := range nets {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(i)))
			sent := make([]uint64, nodes)
			for range turns {
				for j := range nets {
					for range rnd.IntN(4) {
						if i != j {
							m := numbered(boxes[i].self, boxes[j].self, sent[j])
							n.Send(boxes[j].self, &m)
							sent[j]++
							totals[i]++
						}
					}
				}
				n.Flush()
				if rnd.IntN(3) == 0 {
					after(t, time.Duration(rnd.IntN(30))*time.Millisecond)
				}
			}
		})
	}
	stop := make(chan struct{})
	var cutter sync.WaitGroup
	cutter.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(3 * time.Millisecond):
				f.cutOne()
			}
		}
	})
	wg.Wait()
	close(stop)
	cutter.Wait()
	f.heal()
	total := 0
	for _, n := range totals {
		total += n
	}
	for waited := 0; ; waited++ {
		synctest.Wait()
		got := 0
		for _, in := range boxes {
			got += in.received()
		}
		if got == total {
			break
		}
		if t.Failed() || waited > 600 {
			t.Fatalf("%d of %d messages came, %+v", got, total, nets[0].AppendPeers(nil))
		}
		after(t, 100*time.Millisecond)
	}
	f.mu.Lock()
	cuts := f.cuts
	f.mu.Unlock()
	t.Logf("%d messages, %d cuts", total, cuts)
	if cuts < 1000 {
		t.Fatalf("only %d cuts: the test shows nothing", cuts)
	}
	for _, in := range boxes {
		in.checkKept()
	}
	// Confirmations follow, with the pings at the latest.
	after(t, time.Second)
	for _, n := range nets {
		for _, p := range n.AppendPeers(nil) {
			if !p.Connected || p.Dead != nil || p.KeptBytes > 1000 {
				t.Errorf("at the end: %+v", p)
			}
		}
	}
}
