package server

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/seed-8247e700/dsm/internal/member"

	"github.com/seed-8247e700/dsm/isis"
	"pgregory.net/rapid"
)

// tryHold makes the caller the owner if there is none, even if loops are in a round.
func (t *turnstile) tryHold() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	held := !t.owned
	t.owned = true
	return held
}

func (t *turnstile) isOwned() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.owned
}

// underWay is how many bytes of commands were admitted and not released.
func (t *turnstile) underWay() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.gate.Admitted()
}

// crowd is all that comes to a turnstile, and the owner of its turns. What happens
// next is chosen, also within a turn: others come then, and leave what they bring.
type crowd struct {
	turnstile
	t      rapid.TB
	choose func(n int) int // returns a number below n

	came, worked [3]int  // messages, calls, commands: numbers of the latest
	rounds       [2]bool // of loops
	working      bool
	roundEnds    bool
	handedOver   int
	goesOn       bool   // it is he who has the turns
	others       func() // a goroutine that is to go on with the turns
	ended        bool
	inRow        int // turns of one guest
	released     int
	taken        int
}

const (
	crowdLimit   = 10
	crowdCommand = 6 // bytes
)

// run has things happen until nothing is chosen any more, and then the rest of them.
func (c *crowd) run() {
	c.init(crowdLimit, c)
	for c.happens() {
	}
	c.rest()
	for i, going := range c.rounds {
		if going {
			c.toggleRound(i)
			c.rest()
		}
	}
	if c.ended {
		return
	}
	if c.came != c.worked {
		c.t.Fatalf("%v came, %v were worked on", c.came, c.worked)
	}
	if c.owned || c.taken-c.released != c.gate.Admitted() {
		c.t.Fatalf("in the end: owned %v, %d bytes taken, %d released, %d admitted", c.owned, c.taken, c.released, c.gate.Admitted())
	}
}

// rest lets the goroutine that goes on finish.
func (c *crowd) rest() {
	for c.others != nil {
		c.goOnNow()
	}
}

func (c *crowd) goOnNow() {
	others := c.others
	c.others = nil
	c.inRow, c.goesOn = 0, true
	others()
	c.goesOn = false
	c.look()
}

// happens has one thing happen, and tells whether it did.
func (c *crowd) happens() bool {
	c.inRow = 0
	switch c.choose(7) {
	case 0:
		return false
	case 1:
		if !c.ended {
			c.came[0]++
		}
		c.deliver(isis.MemberID{}, []isis.Message{{Seq: uint64(c.came[0])}})
	case 2:
		c.postNext()
	case 3:
		c.submitTwo()
	case 4:
		c.toggleRound(0)
	case 5:
		c.toggleRound(1)
	case 6:
		if c.others == nil || c.working {
			return true
		}
		c.goOnNow()
	}
	c.look()
	return true
}

func (c *crowd) postNext() {
	n, ended := c.came[1]+1, c.ended
	if !ended {
		c.came[1] = n
	}
	posted := c.post(func(*member.Member) {
		if c.worked[1]++; c.worked[1] != n {
			c.t.Fatalf("call %d came as number %d", n, c.worked[1])
		}
	})
	if posted == ended {
		c.t.Fatalf("posted: %v, after the end: %v", posted, ended)
	}
}

func (c *crowd) submitTwo() {
	room := c.gate.Open() && !c.ended
	b := &twoCommands{c: c}
	if taken := c.submit(b); (taken > 0) != room || taken != b.added {
		c.t.Fatalf("%d commands were taken of %d, there was room: %v", taken, b.added, room)
	}
}

// twoCommands is a batch.
type twoCommands struct {
	c     *crowd
	added int
}

func (b *twoCommands) add(in *member.Inbox) int {
	if b.added == 2 {
		return 0
	}
	b.added++
	b.c.came[2]++
	b.c.taken += crowdCommand
	in.Command(append(make([]byte, crowdCommand-1), byte(b.c.came[2])), member.Ticket{Tag: uint64(b.c.came[2])})
	return crowdCommand
}

func (c *crowd) toggleRound(i int) {
	if c.rounds[i] = !c.rounds[i]; c.rounds[i] {
		c.beginRound()
		return
	}
	c.roundEnds = true
	c.endRound()
	c.roundEnds = false
	if !c.owned && !c.in.Empty() {
		c.t.Fatal("a round has ended, and its work waits")
	}
}

// look checks what holds whenever nobody is within the turnstile.
func (c *crowd) look() {
	switch {
	case c.working:
	case c.owned != (c.others != nil || c.ended):
		c.t.Fatalf("owned: %v, and somebody goes on: %v, ended: %v", c.owned, c.others != nil, c.ended)
	case !c.owned && !c.in.Empty() && !c.rounds[0] && !c.rounds[1]:
		c.t.Fatal("work waits, and nobody will do it")
	case c.ended && !c.in.Empty():
		c.t.Fatal("work came in after the end")
	}
}

func (c *crowd) turn(work *member.Inbox) (released int, goesOn bool) {
	if c.working || c.ended {
		c.t.Fatalf("a turn within another: %v, after the end: %v", c.working, c.ended)
	}
	if c.inRow++; c.others != nil || work.Empty() {
		c.t.Fatal("a turn for nothing, or beside the goroutine that goes on")
	}
	if c.inRow == 1 && !c.goesOn && !c.roundEnds && (c.rounds[0] || c.rounds[1]) {
		c.t.Fatal("a turn in the middle of a round")
	}
	c.working = true
	for range c.choose(3) { // others come meanwhile
		inRow := c.inRow
		c.happens()
		c.inRow = inRow
	}
	for _, msg := range work.Messages() {
		if c.worked[0]++; msg.Seq != uint64(c.worked[0]) {
			c.t.Fatalf("message %d came as number %d", msg.Seq, c.worked[0])
		}
	}
	for call := range work.Calls() {
		call(nil)
	}
	for ticket, raw := range work.Commands() {
		c.worked[2]++
		if len(raw) != crowdCommand || int(raw[crowdCommand-1]) != c.worked[2] || ticket.Tag != uint64(c.worked[2]) {
			c.t.Fatalf("command %d came as number %d: %d", ticket.Tag, c.worked[2], raw)
		}
	}
	c.working = false
	switch left := c.worked[2]*crowdCommand - c.released; c.choose(4) {
	case 0:
		released = left
	case 1:
		c.ended = true
	case 2:
		released = min(left, crowdCommand)
	}
	c.released += released
	return released, !c.ended
}

func (c *crowd) end(rest *member.Inbox) {
	left := [3]int{}
	for range rest.Messages() {
		left[0]++
	}
	for range rest.Calls() {
		left[1]++
	}
	for range rest.Commands() {
		left[2]++
	}
	for i, what := range []string{"messages", "calls", "commands"} {
		if n := c.worked[i] + left[i]; n != c.came[i] {
			c.t.Fatalf("%d %s came, %d were worked on or left", c.came[i], what, n)
		}
	}
}

func (c *crowd) serves() bool { return true }

func (c *crowd) goOn(work func()) {
	if c.others != nil || c.inRow != guestTurns {
		c.t.Fatalf("handed over after %d turns, to somebody already: %v", c.inRow, c.others != nil)
	}
	c.others = work
	c.handedOver++
}

// everyChoice calls run again and again, with each way to make the first choices of a
// run. Those that come after them are 0. It returns how many ways there were.
func everyChoice(first int, run func(choose func(n int) int)) (ways int) {
	var chosen, of []int
	for {
		made := 0
		run(func(n int) int {
			if made++; made <= len(chosen) {
				return chosen[made-1]
			}
			if made <= first {
				chosen, of = append(chosen, 0), append(of, n)
			}
			return 0
		})
		ways++
		last := len(chosen) - 1
		for last >= 0 && chosen[last] == of[last]-1 {
			last--
		}
		if last < 0 {
			return ways
		}
		chosen, of = chosen[:last+1], of[:last+1]
		chosen[last]++
	}
}

// Whatever comes in whatever order, one at a time owns the turn, all that came is
// worked on once and in order, and nothing is left lying.
func TestTurnstile(t *testing.T) {
	t.Run("every", func(t *testing.T) {
		ways := everyChoice(7, func(choose func(n int) int) {
			c := &crowd{t: t, choose: choose}
			c.run()
		})
		if ways < 50_000 {
			t.Errorf("only %d ways were tried", ways)
		}
	})
	t.Run("long", func(t *testing.T) {
		handedOver := 0
		rapid.Check(t, func(t *rapid.T) {
			left := rapid.IntRange(1, 300).Draw(t, "choices")
			busy := rapid.Bool().Draw(t, "busy")
			c := &crowd{t: t, choose: func(n int) int {
				switch left--; {
				case left < 0:
					return 0
				case n == 7:
					return rapid.IntRange(1, n-1).Draw(t, "thing")
				case busy && n == 3:
					return 2 // others
				case busy && n == 4 && left > 10:
					return rapid.IntRange(2, 3).Draw(t, "released")
				}
				return rapid.IntRange(0, n-1).Draw(t, "choice")
			}}
			c.run()
			handedOver += c.handedOver
		})
		if handedOver == 0 {
			t.Error("no guest had more turns than he takes")
		}
	})
}

// Who waits for room gets it when some is made, and gives up when there is none to
// wait for.
func TestAwaitRoom(t *testing.T) {
	for name, test := range map[string]struct {
		happens func(d *doorman, end context.CancelFunc)
		want    bool
	}{
		"room":             {func(d *doorman, _ context.CancelFunc) { d.release = 11; d.post(func(*member.Member) {}) }, true},
		"less":             {func(d *doorman, end context.CancelFunc) { d.release = 0; d.post(func(*member.Member) {}); end() }, false},
		"context":          {func(_ *doorman, end context.CancelFunc) { end() }, false},
		"lease":            {func(d *doorman, _ context.CancelFunc) { d.refuses.Store(true); d.wakeWaiting() }, false},
		"end":              {func(d *doorman, _ context.CancelFunc) { d.ends = true; d.post(func(*member.Member) {}) }, false},
		"room and end":     {func(d *doorman, _ context.CancelFunc) { d.atOnce(func() { d.stopped = true }) }, false},
		"room and context": {func(d *doorman, end context.CancelFunc) { d.atOnce(end) }, false},
	} {
		for _, which := range []string{"the first", "the second"} {
			t.Run(name+" "+which, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := doorman{settles: true}
					d.init(10, &d)
					if !d.awaitRoom(t.Context(), nil) {
						t.Fatal("there is room from the beginning")
					}
					gone, leave := context.WithCancel(t.Context())
					if leave(); !d.awaitRoom(gone, gone) {
						t.Fatal("there is room without a wait")
					}
					d.submit(&command11{})
					ctx, end := context.WithCancel(t.Context())
					defer end()
					contexts := []context.Context{ctx, t.Context()}
					if which == "the second" {
						slices.Reverse(contexts)
					}
					got := make(chan bool, 1)
					go func() { got <- d.awaitRoom(contexts[0], contexts[1]) }()
					synctest.Wait()
					select {
					case <-got:
						t.Fatal("it did not wait")
					default:
					}
					test.happens(&d, end)
					if room := <-got; room != test.want {
						t.Errorf("room: %v", room)
					}
				})
			})
		}
	}
}

// A batch is taken as far as there is room, and the rest waits for some.
func TestSubmitWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d doorman
		d.init(20, &d)
		within, end := context.WithCancel(t.Context())
		submit := func(commands int) <-chan int {
			got := make(chan int, 1)
			go func() {
				taken := 0
				for b := new(commands1); taken < commands; {
					b.left = commands - taken
					n := d.submitWithin(t.Context(), within, b)
					if taken += n; n == 0 {
						break
					}
				}
				got <- taken
			}()
			synctest.Wait()
			return got
		}
		if n := <-submit(1); n != 1 {
			t.Errorf("%d commands of 1 were taken", n)
		}
		if n := <-submit(20); n != 20 || d.underWay() != 21 {
			t.Errorf("%d commands of 20 were taken, %d bytes are under way", n, d.underWay())
		}
		got := submit(3)
		select {
		case n := <-got:
			t.Errorf("%d commands were taken without room", n)
		default:
		}
		d.release = 21
		d.post(func(*member.Member) {})
		if n := <-got; n != 3 {
			t.Errorf("%d commands of 3 were taken once there was room", n)
		}
		<-submit(18)
		got = submit(1)
		end()
		if n := <-got; n != 0 {
			t.Errorf("%d commands were taken after the end of the context", n)
		}
	})
}

// commands1 is a batch of commands of one byte.
type commands1 struct{ left int }

func (b *commands1) add(in *member.Inbox) int {
	if b.left == 0 {
		return 0
	}
	b.left--
	in.Command(make([]byte, 1), member.Ticket{})
	return 1
}

// command11 is a batch of one command of 11 bytes.
type command11 struct{ added bool }

func (b *command11) add(in *member.Inbox) int {
	if b.added {
		return 0
	}
	b.added = true
	in.Command(make([]byte, 11), member.Ticket{})
	return 11
}

// doorman owns turns in which nothing is done.
type doorman struct {
	turnstile
	settles bool // the test's goroutine takes the turns, and waits in each
	release int  // in the next turn
	ends    bool
	refuses atomic.Bool
}

func (d *doorman) turn(*member.Inbox) (int, bool) {
	if d.settles {
		synctest.Wait() // whoever was woken too soon waits again
	}
	released := d.release
	d.release = 0
	return released, !d.ends
}
func (d *doorman) end(*member.Inbox) {}

// atOnce makes room, and has something else happen before anybody can take it.
func (d *doorman) atOnce(happens func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gate.Release(11)
	happens()
	d.room.Broadcast()
}

func (d *doorman) serves() bool     { return !d.refuses.Load() }
func (d *doorman) goOn(work func()) { work() }
