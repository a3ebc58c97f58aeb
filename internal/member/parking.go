package member

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/heap"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Bounds of the reads that wait at a member.
const (
	// maxParkedBytes is what all of them may cost together, and maxAccountBytes what
	// those of one account may, which may have one whatever it costs: the largest command
	// is as long. A read costs readBytes beside its key, and a command beside its bytes.
	maxParkedBytes  = 64 << 20
	maxAccountBytes = 16 << 20
	readBytes       = 512

	// keptReads is for how many reads an account without any keeps memory.
	keptReads = 64

	// farthest is how far ahead of what the member has applied a read may wait. Nothing that a
	// client can have seen is so far ahead: a group orders as many commands in an hour if it
	// orders a million a second, and every member of a view has what any has delivered.
	farthest = 1 << 32
)

// Account is the reads of one client that wait, and its commands that wait for their sessions. A
// host has one for each connection and names it in what the connection asks for. The zero Account
// is empty. It belongs to the owner of the turn.
type Account struct {
	Lock wire.Lock // of the secret that the client has shown; set before its first command

	// Changed, if set, is called with what the reads cost, in bytes, whenever that has changed.
	// It must not block.
	Changed func(bytes int)

	uses  uint64  // a session that it has a right to, 0: not known
	reads []*Read // in no order
	bytes int     // what they cost
	index int     // in parking.accounts, while it has reads
}

// parking is the reads that wait.
type parking struct {
	reads    heap.Heap[*Read] // the next to be answered is the first
	accounts []*Account       // that have reads, in no order
	bytes    int              // what all reads cost
	came     uint64           // reads so far
	soonest  time.Duration    // no deadline is sooner
}

func newParking() parking {
	return parking{
		reads: heap.Heap[*Read]{
			Before: func(a, b *Read) bool {
				return a.Position < b.Position || a.Position == b.Position && a.number < b.number
			},
			Moved: func(p *Read, index int) { p.index = index },
		},
		soonest: math.MaxInt64,
	}
}

// cost is what a read that waits costs.
func (p *Read) cost() int { return readBytes + len(p.Key) }

// addParked has a read wait whose client has seen a position, unless nothing comes of it.
func (m *Member) addParked(p *Read, seen uint64) bool {
	applied := m.reader.state.Load().Applied()
	switch {
	case !m.reader.Serves():
		m.finish(p, wire.Reply{Status: wire.StatusUnavailable})
	case seen > applied && seen-applied > farthest:
		m.finish(p, wire.Reply{Status: wire.StatusUnavailable, Data: fmt.Appendf(nil, "position %d is too far ahead of %d", seen, applied)})
	case !m.makeRoom(p):
		m.finish(p, wire.Reply{Status: wire.StatusUnavailable, Data: []byte("too many reads wait here")})
	default:
		m.parked.add(p)
		return true
	}
	return false
}

// makeRoom reports whether a read may wait. If those of all clients cost too much, the client
// whose reads cost most loses them.
func (m *Member) makeRoom(p *Read) bool {
	k := &m.parked
	if a := p.Account; a != nil && len(a.reads) > 0 && a.bytes+p.cost() > maxAccountBytes {
		return false
	}
	for k.bytes+p.cost() > maxParkedBytes {
		if len(k.accounts) == 0 {
			return false
		}
		most := slices.MaxFunc(k.accounts, func(a, b *Account) int { return cmp.Compare(a.bytes, b.bytes) })
		for len(most.reads) > 0 {
			lost := most.reads[0]
			k.remove(lost)
			m.finish(lost, wire.Reply{Status: wire.StatusUnavailable, Data: []byte("too many reads wait here")})
		}
	}
	return true
}

// Forget drops the reads of a client that has gone, without an answer. Its commands that wait are
// refused.
func (m *Member) Forget(a *Account) {
	for len(a.reads) > 0 {
		p := a.reads[0]
		m.parked.remove(p)
		if _, command := p.Waiter.(*heldCommand); command {
			m.finish(p, wire.Reply{Status: wire.StatusUnavailable})
		}
	}
}

func (k *parking) add(p *Read) {
	k.came++
	p.number = k.came
	k.reads.Push(p)
	k.bytes += p.cost()
	k.soonest = min(k.soonest, p.Deadline)
	if a := p.Account; a != nil {
		if len(a.reads) == 0 {
			a.index = len(k.accounts)
			k.accounts = append(k.accounts, a)
		}
		p.ofAccount = len(a.reads)
		a.reads = append(a.reads, p)
		a.charge(p.cost())
	}
}

// charge adds what reads that have come or gone cost.
func (a *Account) charge(bytes int) {
	a.bytes += bytes
	if a.Changed != nil {
		a.Changed(a.bytes)
	}
}

// remove removes a read that waits.
func (k *parking) remove(p *Read) {
	k.reads.Remove(p.index)
	k.bytes -= p.cost()
	p.leaveBarrier()
	a := p.Account
	if a == nil {
		return
	}
	a.charge(-p.cost())
	a.reads = removeAt(a.reads, p.ofAccount)
	if p.ofAccount < len(a.reads) {
		a.reads[p.ofAccount].ofAccount = p.ofAccount
	}
	if len(a.reads) == 0 {
		if cap(a.reads) > keptReads {
			a.reads = nil
		}
		k.accounts = removeAt(k.accounts, a.index)
		if a.index < len(k.accounts) {
			k.accounts[a.index].index = a.index
		}
	}
}

// removeAt removes an element, in whose place the last one comes.
func removeAt[T any](s []T, i int) []T {
	last := len(s) - 1
	s[i] = s[last]
	clear(s[last:])
	return s[:last]
}

// take removes the first of the reads that wait for a position up to applied, and returns it,
// nil if there is none.
func (k *parking) take(applied uint64) *Read {
	if k.reads.Len() == 0 || k.reads.First().Position > applied {
		return nil
	}
	p := k.reads.First()
	k.remove(p)
	return p
}

// takeLate removes the reads whose deadline has come, and returns them in the order in which
// they came.
func (k *parking) takeLate(now time.Duration) (late []*Read) {
	if now < k.soonest {
		return nil
	}
	k.soonest = math.MaxInt64
	for _, p := range k.reads.All() {
		if p.Deadline <= now {
			late = append(late, p)
		} else {
			k.soonest = min(k.soonest, p.Deadline)
		}
	}
	for _, p := range late {
		k.remove(p)
	}
	slices.SortFunc(late, func(a, b *Read) int { return cmp.Compare(a.number, b.number) })
	return late
}
