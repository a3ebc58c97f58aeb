package member

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// parks has a read of an account wait, with a key of some bytes, and returns it.
func (n *node) parks(a *Account, c *client, tag uint64, bytes int) *Read {
	p := &Read{
		Ticket: Ticket{Waiter: c, Tag: tag}, Account: a, Position: n.position() + 100, Key: strings.Repeat("k", bytes), Deadline: n.soon(),
	}
	n.m.Park(p)
	return p
}

// The reads of one client that wait are bounded by what they cost, whatever their kind, and leave
// those of others alone.
func TestAccountIsBounded(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	var c client
	told := 0
	a := Account{Changed: func(bytes int) { told = bytes }}
	const most = maxAccountBytes / (readBytes + wire.MaxKeyBytes)
	for tag := range uint64(most) {
		n.parks(&a, &c, tag, wire.MaxKeyBytes)
	}
	if len(c.got) > 0 || n.m.parked.reads.Len() != most || a.bytes > maxAccountBytes {
		t.Fatalf("%d wait, which cost %d: %+v", n.m.parked.reads.Len(), a.bytes, c.got)
	}
	n.m.ReadStrong(&Read{Ticket: Ticket{Waiter: &c, Tag: 1}, Account: &a, Key: strings.Repeat("k", wire.MaxKeyBytes), Deadline: n.soon()})
	n.m.Digest(&Read{Ticket: Ticket{Waiter: &c, Tag: 2}, Account: &a, Key: strings.Repeat("k", wire.MaxKeyBytes), Position: n.position() + 1, Deadline: n.soon()})
	if got := c.statuses(); !slices.Equal(got, []wire.Status{wire.StatusUnavailable, wire.StatusUnavailable}) || n.m.submitted != 0 {
		t.Fatalf("one too many: %v, %d submitted", got, n.m.submitted)
	}
	var other client
	n.parks(new(Account), &other, 1, 1)
	n.parks(nil, &other, 2, 1)
	if len(other.got) > 0 || n.m.parked.reads.Len() != most+2 {
		t.Errorf("another client: %+v", other.got)
	}
	if told != a.bytes || told != most*(readBytes+wire.MaxKeyBytes) {
		t.Errorf("the host is told that they cost %d, and they do %d", told, a.bytes)
	}
	if n.m.Forget(&a); told != 0 {
		t.Errorf("without any they cost %d", told)
	}
}

// Where the reads of all clients cost too much, the client whose reads cost most loses them, not
// the one that comes.
func TestFurthestLosesItsReads(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	const few, most = 10, maxAccountBytes / readBytes
	var modest client
	var modestAccount Account
	for tag := range uint64(few) {
		n.parks(&modestAccount, &modest, tag, 0)
	}
	var greedy [maxParkedBytes/maxAccountBytes - 1]client
	for i := range greedy {
		var a Account
		for tag := range uint64(most - i) {
			n.parks(&a, &greedy[i], tag, 0)
		}
	}
	// What is left is the process's own, as far as it goes.
	var own client
	for n.m.parked.bytes+readBytes <= maxParkedBytes {
		n.parks(nil, &own, 0, 0)
	}
	var c client
	n.parks(new(Account), &c, 1, 0)
	if got := greedy[0].statuses(); len(got) != most || got[0] != wire.StatusUnavailable {
		t.Errorf("the first has %d answers, want %d", len(got), most)
	}
	if len(c.got)+len(own.got)+len(modest.got)+len(greedy[1].got) > 0 {
		t.Error("another loses its reads")
	}
	if n.m.parked.bytes > maxParkedBytes-maxAccountBytes+readBytes {
		t.Errorf("the reads cost %d", n.m.parked.bytes)
	}
}

// The process of the member gets no more than all may have.
func TestOwnReadsAreBounded(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	var own client
	for range maxParkedBytes / readBytes {
		n.parks(nil, &own, 0, 0)
	}
	if len(own.got) > 0 {
		t.Fatalf("%+v", own.got[0])
	}
	n.parks(nil, &own, 1, 0)
	if got := own.statuses(); !slices.Equal(got, []wire.Status{wire.StatusUnavailable}) {
		t.Errorf("one too many: %v", got)
	}
}

// A read waits for a position that a client may have seen, and for no other.
func TestFarthestPosition(t *testing.T) {
	for _, begin := range []func(*Member, *Read){(*Member).Park, (*Member).ReadStrong, (*Member).Digest} {
		g := newGroup(t, 2)
		n := g.node("n1")
		n.write(session(), &client{})
		g.settle()
		var c client
		for _, position := range []uint64{n.position() + farthest, n.position() + farthest + 1, math.MaxUint64 - 1, math.MaxUint64} {
			n.do(func(m *Member) { begin(m, &Read{Ticket: Ticket{Waiter: &c}, Position: position, Deadline: n.soon()}) })
		}
		if got := c.statuses(); !slices.Equal(got, []wire.Status{wire.StatusUnavailable, wire.StatusUnavailable, wire.StatusUnavailable}) || n.m.parked.reads.Len() != 1 {
			t.Errorf("%v, %d wait", got, n.m.parked.reads.Len())
		}
	}
}

// A pulse before the first deadline looks at no read.
func TestLateReadsAreFound(t *testing.T) {
	k := newParking()
	if k.takeLate(time.Hour) != nil || k.soonest != math.MaxInt64 {
		t.Error("there is none")
	}
	for _, deadline := range []time.Duration{7, 5, 9} {
		k.add(&Read{Deadline: deadline})
	}
	if k.soonest != 5 || k.takeLate(4) != nil || k.reads.Len() != 3 {
		t.Errorf("at 4, the first deadline is %d", k.soonest)
	}
	if late := k.takeLate(7); len(late) != 2 || late[0].Deadline != 7 || late[1].Deadline != 5 || k.soonest != 9 {
		t.Errorf("at 7: %d, the next is %d", len(late), k.soonest)
	}
}

// Reads that wait are where each list of them says, whatever happens to them.
func TestParkingAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := newParking()
		var accounts [3]Account
		var model []*Read
		pick := func(t *rapid.T) *Read {
			if len(model) == 0 {
				t.Skip("none waits")
			}
			return rapid.SampledFrom(model).Draw(t, "read")
		}
		gone := func(gone func(*Read) bool) { model = slices.DeleteFunc(model, gone) }
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				bytes, accountBytes, reads := 0, [3]int{}, [3]int{}
				for _, p := range model {
					bytes += p.cost()
					for i := range accounts {
						if p.Account == &accounts[i] {
							accountBytes[i] += p.cost()
							reads[i]++
						}
					}
					if k.reads.All()[p.index] != p || p.Account != nil && p.Account.reads[p.ofAccount] != p {
						t.Fatalf("%+v is elsewhere", p)
					}
					if p.barrier != nil && p.barrier.reads[p.ofBarrier] != p {
						t.Fatalf("%+v is elsewhere in its barrier", p)
					}
				}
				with := 0
				for i := range accounts {
					a := &accounts[i]
					if a.bytes != accountBytes[i] || len(a.reads) != reads[i] {
						t.Fatalf("account %d: %d bytes of %d reads, want %d of %d", i, a.bytes, len(a.reads), accountBytes[i], reads[i])
					}
					if len(a.reads) > 0 {
						if with++; k.accounts[a.index] != a {
							t.Fatalf("account %d is elsewhere", i)
						}
					}
				}
				if k.bytes != bytes || k.reads.Len() != len(model) || len(k.accounts) != with {
					t.Fatalf("%d bytes of %d reads in %d accounts, want %d of %d in %d", k.bytes, k.reads.Len(), len(k.accounts), bytes, len(model), with)
				}
			},
			"add": func(t *rapid.T) {
				p := &Read{
					Position: rapid.Uint64Range(0, 9).Draw(t, "position"), Key: rapid.SampledFrom([]string{"", "key"}).Draw(t, "key"),
					Deadline: time.Duration(rapid.IntRange(0, 9).Draw(t, "deadline")),
				}
				if i := rapid.IntRange(0, len(accounts)).Draw(t, "account"); i < len(accounts) {
					p.Account = &accounts[i]
				}
				k.add(p)
				model = append(model, p)
			},
			"remove": func(t *rapid.T) {
				p := pick(t)
				k.remove(p)
				gone(func(q *Read) bool { return p == q })
			},
			"take": func(t *rapid.T) {
				applied := rapid.Uint64Range(0, 9).Draw(t, "applied")
				p := k.take(applied)
				gone(func(q *Read) bool {
					if q != p && (q.Position < applied+1) && (p == nil || q.Position < p.Position || q.Position == p.Position && q.number < p.number) {
						t.Fatalf("%d is taken before %d", p.number, q.number)
					}
					return p == q
				})
			},
			"late": func(t *rapid.T) {
				now := time.Duration(rapid.IntRange(0, 9).Draw(t, "now"))
				late := k.takeLate(now)
				gone(func(q *Read) bool {
					if slices.Contains(late, q) != (q.Deadline <= now) {
						t.Fatalf("at %d: deadline %d", now, q.Deadline)
					}
					return q.Deadline <= now
				})
			},
			"barrier": func(t *rapid.T) {
				b, p := &barrier{}, pick(t)
				for _, p := range []*Read{p, pick(t)} {
					if p.barrier == nil {
						p.joinBarrier(b)
					}
				}
			},
		})
	})
}
