package link

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// pipe is a connection of the model: the bytes on their way to end 0 and to end 1.
type pipe struct {
	number uint64
	to     [2][]byte
	over   bool // nothing more is written
}

// host is one end of a link in the model, and what a dumb oracle knows of it.
type host struct {
	t       *rapid.T
	i       int
	l       *Link
	bound   uint64
	top     uint64 // the highest bound so far
	cur     *pipe
	in      *Inbound
	partial []byte

	epochs []uint64          // of its streams, in order
	sent   map[uint64]int    // by epoch: how many messages
	of     map[uint64]uint64 // by epoch: the highest bound at which one was sent
	got    uint64            // the peer's epoch from which a message came last
	next   int               // the number of the next of that epoch
}

// do does what the link wants done.
func (h *host) do() {
	for do := h.l.Todo(); do != 0; do = h.l.Todo() {
		if do&Drop != 0 {
			h.cur.over = true
			h.cur = nil
		}
	}
}

// begin gives a host an end that knows nothing, as after SetPeers without the peer.
func (h *host) begin(bound uint64) {
	if h.l != nil {
		h.l.Close()
		h.do()
	}
	h.l = h.l.node.Link(ids[1-h.i])
	h.got, h.next = 0, 0
	h.set(bound)
}

var ids = [2]isis.MemberID{ida, idb}

func (h *host) set(bound uint64) {
	h.bound, h.top = bound, max(h.top, bound)
	h.l.Set(Peer{MemberID: ids[1-h.i], Addr: "x", Bound: bound})
	h.do()
}

// send sends the next message of the present epoch: the epoch, and its number.
func (h *host) send(size int) {
	if b := h.l.Reserve(size); b != nil {
		epoch := h.l.out.epoch
		b = append(b, 1)
		b = binary.LittleEndian.AppendUint64(b, epoch)
		b = binary.LittleEndian.AppendUint64(b, h.bound)
		b = binary.LittleEndian.AppendUint32(b, uint32(h.sent[epoch]))
		h.l.Commit(append(b, make([]byte, size)...))
		if h.l.out.epoch == epoch {
			if h.sent[epoch] == 0 {
				h.epochs = append(h.epochs, epoch)
			}
			h.sent[epoch]++
			h.of[epoch] = max(h.of[epoch], h.bound)
		}
	}
	h.do()
}

// receive reads n bytes, and checks what they bring.
func (h *host) receive(n int, from *host) {
	p, in := h.cur, h.in
	h.partial = append(h.partial, p.to[h.i][:n]...)
	p.to[h.i] = p.to[h.i][n:]
	h.partial = records(h.partial, func(body []byte) {
		message, err := in.Take(body)
		if err != nil {
			h.t.Fatal(err)
		}
		if message {
			h.check(binary.LittleEndian.Uint64(body[1:]), binary.LittleEndian.Uint64(body[9:]), int(binary.LittleEndian.Uint32(body[17:])), from)
		}
	})
	in.Publish()
	if in.Overdue() {
		h.l.Confirm(p.number)
		h.do()
	}
}

// check holds that a message is the next, or the first of a later epoch: then what is
// missing was sent at a lower bound, if this one was sent at any.
func (h *host) check(epoch, bound uint64, number int, from *host) {
	if epoch != h.got {
		for _, e := range from.epochs {
			lost := from.sent[e]
			if e == h.got {
				lost -= h.next
			}
			if e >= h.got && e < epoch && lost > 0 && bound > 0 && from.of[e] >= bound {
				h.t.Fatalf("%d messages of epoch %d, bound by %d, are missing before one of epoch %d, bound by %d", lost, e, from.of[e], epoch, bound)
			}
		}
		if epoch < h.got {
			h.t.Fatalf("epoch %d after %d", epoch, h.got)
		}
		h.got, h.next = epoch, 0
	}
	if number != h.next {
		h.t.Fatalf("message %d of epoch %d, where %d is the next", number, epoch, h.next)
	}
	h.next++
}

// write writes up to n bytes.
func (h *host) write(n int) {
	if h.cur == nil {
		return
	}
	b := h.l.Unsent()
	n = min(n, len(b))
	if !h.cur.over {
		h.cur.to[1-h.i] = append(h.cur.to[1-h.i], b[:n]...)
	}
	h.l.Wrote(h.cur.number, h.l.Sent()+uint64(n))
}

// attach puts a connection into use.
func (h *host) attach(p *pipe, now time.Duration) {
	in, err := h.l.Attach(p.number, now)
	if err == nil {
		h.cur, h.in, h.partial = p, in, nil
	} else {
		p.over = true
	}
	h.do()
}

// TestLinksModel has two ends send over connections that are delayed and break at any
// byte, and handshakes get lost or come late; ends overflow, and lose what they know. What
// comes is what was sent, in order, once. What is missing was sent at a lower bound.
func TestLinksModel(t *testing.T) { rapid.Check(t, linksModel) }

func linksModel(t *rapid.T) {
	small := func(c *Config) { c.Limits, c.ConfirmBytes = Limits{MaxRecordBytes: 60, MaxKeptBytes: 500}, 100 }
	var hosts [2]*host
	for i := range hosts {
		h := &host{t: t, i: i, sent: map[uint64]int{}, of: map[uint64]uint64{}, l: newNode(ids[i], small).Link(ids[1-i])}
		hosts[i] = h
		h.begin(1)
	}
	a, b := hosts[0], hosts[1]
	now := time.Hour
	type dial struct {
		p     *pipe
		hello wire.Hello
	}
	type answer struct {
		p     *pipe
		reply wire.HelloReply
	}
	var dials []dial
	var answers []answer
	pick := func(t *rapid.T) (h, other *host) {
		i := rapid.IntRange(0, 1).Draw(t, "end")
		return hosts[i], hosts[1-i]
	}
	greet := func() {
		hello, number := b.l.Hello()
		dials = append(dials, dial{&pipe{number: number}, hello})
	}
	arrive := func(d dial) {
		g, refusal := a.l.node.Judge(&d.hello, slices.Values(ids[1:]))
		if refusal != nil {
			t.Fatalf("%+v", refusal)
		}
		if a.l.Greeted(g) != nil {
			return
		}
		r := a.l.Meet(g)
		a.do()
		answers = append(answers, answer{d.p, r})
		if r.Status == wire.StatusOK {
			a.attach(d.p, now)
		}
	}
	answered := func(x answer) {
		if b.cur != nil || b.l.Answered(x.p.number, &x.reply) != nil {
			b.do()
			return
		}
		b.attach(x.p, now)
	}
	t.Repeat(map[string]func(*rapid.T){
		"send": func(t *rapid.T) {
			h, _ := pick(t)
			h.send(rapid.IntRange(0, 40).Draw(t, "size"))
		},
		"flush": func(t *rapid.T) {
			h, _ := pick(t)
			h.l.Flush()
			h.do()
		},
		"write": func(t *rapid.T) {
			h, _ := pick(t)
			h.write(rapid.IntRange(0, 200).Draw(t, "n"))
		},
		"read": func(t *rapid.T) {
			if h, other := pick(t); h.cur != nil && len(h.cur.to[h.i]) > 0 {
				h.l.Heard(now, 1)
				h.receive(rapid.IntRange(1, len(h.cur.to[h.i])).Draw(t, "n"), other)
			}
		},
		"tick": func(t *rapid.T) {
			h, _ := pick(t)
			now += rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second}).Draw(t, "passed")
			h.l.Tick(now)
			h.do()
		},
		"cut": func(t *rapid.T) {
			if h, _ := pick(t); h.cur != nil {
				h.cur.over = true
				rest := h.cur.to[h.i]
				h.cur.to[h.i] = rest[:rapid.IntRange(0, len(rest)).Draw(t, "rest")]
				h.l.Broke(h.cur.number, errConn)
				h.do()
			}
		},
		"dial": func(*rapid.T) {
			if b.cur == nil {
				greet()
			}
		},
		"arrive": func(t *rapid.T) {
			if len(dials) > 0 {
				i := rapid.IntRange(0, len(dials)-1).Draw(t, "dial")
				d := dials[i]
				dials = slices.Delete(dials, i, i+1)
				arrive(d)
			}
		},
		"answer": func(t *rapid.T) {
			if len(answers) > 0 {
				i := rapid.IntRange(0, len(answers)-1).Draw(t, "answer")
				x := answers[i]
				answers = slices.Delete(answers, i, i+1)
				answered(x)
			}
		},
		"bind": func(t *rapid.T) {
			h, other := pick(t)
			switch next := max(h.top, other.top) + rapid.Uint64Range(0, 1).Draw(t, "later"); {
			case next > h.top:
				h.set(next)
			case rapid.Bool().Draw(t, "no more"):
				h.set(0)
			default:
				h.set(h.bound)
			}
		},
		"forget": func(t *rapid.T) {
			if h, _ := pick(t); rapid.IntRange(0, 9).Draw(t, "rarely") == 0 {
				h.begin(rapid.SampledFrom([]uint64{0, h.top + 1}).Draw(t, "bound"))
			}
		},
	})
	// With a later bound all comes together, and nothing is left. Without any it takes no
	// bound, but each end may find out by a handshake of its own that the other has begun again.
	later := max(a.top, b.top) + 1
	if rapid.Bool().Draw(t, "unbound in the end") {
		later = 0
	}
	for range 3 {
		for _, h := range hosts {
			h.set(later)
			h.l.Broke(h.l.conn, errConn)
			h.do()
		}
		if later > 0 {
			later++
		}
		dials, answers = nil, nil
		greet()
		arrive(dials[0])
		answered(answers[0])
	}
	for range 3 {
		for i, h := range hosts {
			h.l.Flush()
			h.write(1 << 20)
			if other := hosts[1-i]; other.cur == nil {
				t.Fatalf("no connection: %+v, %+v", a.l.Status(), b.l.Status())
			} else {
				other.receive(len(other.cur.to[other.i]), h)
			}
		}
	}
	for i, h := range hosts {
		if epoch := h.l.out.epoch; h.sent[epoch] > 0 && (hosts[1-i].got != epoch || hosts[1-i].next != h.sent[epoch]) {
			t.Fatalf("%d messages of epoch %d were sent, and the peer has %d of epoch %d", h.sent[epoch], epoch, hosts[1-i].next, hosts[1-i].got)
		}
	}
}
