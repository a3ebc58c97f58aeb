package link

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// ends are two ends of a link whose connections bring what they are given.
type ends struct {
	t    *testing.T
	a, b *Link // b dials
	now  time.Duration
	aIn  *Inbound // of the latest connection
	bIn  *Inbound
}

// newEnds returns two ends that are bound by view 1, and not connected.
func newEnds(t *testing.T, change ...func(*Config)) *ends {
	e := &ends{t: t, a: newNode(ida, change...).Link(idb), b: newNode(idb, change...).Link(ida), now: time.Hour}
	e.setA(1)
	e.setB(1)
	e.todo(e.a, 0)
	e.todo(e.b, Dial)
	return e
}

func (e *ends) setA(bound uint64) { e.a.Set(Peer{MemberID: idb, Addr: "b:1", Bound: bound}) }
func (e *ends) setB(bound uint64) { e.b.Set(Peer{MemberID: ida, Addr: "a:1", Bound: bound}) }

// todo checks what a link wants done.
func (e *ends) todo(l *Link, want Todo) {
	e.t.Helper()
	if got := l.Todo(); got != want {
		e.t.Errorf("%s: to be done: %b, want %b", l.node.cfg.Self, got, want)
	}
}

// greet is a dial up to the answer of a.
func (e *ends) greet() (Greeting, wire.HelloReply) {
	e.t.Helper()
	hello, number := e.b.Hello()
	g, refusal := e.a.node.Judge(&hello, func(yield func(isis.MemberID) bool) { yield(idb) })
	if refusal != nil || g.Dial != number || e.a.Greeted(g) != nil {
		e.t.Fatalf("%+v, %+v", g, refusal)
	}
	return g, e.a.Meet(g)
}

// dial connects the two, and returns the number of the connection.
func (e *ends) dial() uint64 {
	e.t.Helper()
	g, r := e.greet()
	var aErr, bErr error
	e.aIn, aErr = e.a.Attach(g.Dial, e.now)
	if err := e.b.Answered(g.Dial, &r); err != nil {
		e.t.Fatal(err)
	}
	if e.bIn, bErr = e.b.Attach(g.Dial, e.now); aErr != nil || bErr != nil {
		e.t.Fatal(aErr, bErr)
	}
	e.a.Todo()
	e.b.Todo()
	return g.Dial
}

// say sends a record of so many bytes.
func say(l *Link, size int) {
	if b := l.Reserve(size); b != nil {
		l.Commit(append(append(b, 1), make([]byte, size-1)...))
	}
	l.Flush()
}

// bring moves what is unsent to the other end.
func (e *ends) bring(from *Link, in *Inbound) (messages int) {
	e.t.Helper()
	records(from.Unsent(), func(body []byte) {
		message, err := in.Take(body)
		if err != nil {
			e.t.Fatal(err)
		}
		if message {
			messages++
		}
	})
	from.Wrote(from.conn, from.out.flushed)
	in.Publish()
	return messages
}

// A link dials when it learns where the peer listens, and without a pause.
func TestSet(t *testing.T) {
	e := newEnds(t)
	e.b.Redial()
	e.b.Redial()
	e.setB(2)
	e.todo(e.b, 0)
	e.b.Set(Peer{MemberID: ida, Addr: "a:2"})
	e.todo(e.b, Dial)
	if s := e.b.Status(); s.MemberID != ida || s.Addr != "a:2" {
		t.Errorf("%+v", s)
	}
	if pause := e.b.Redial(); pause != 10*time.Millisecond {
		t.Errorf("after a move the first pause is %v", pause)
	}
	e.a.Set(Peer{MemberID: idb, Addr: "b:2"})
	e.todo(e.a, 0)
}

// The way of a record, and of its confirmation.
func TestRecordsAndConfirmations(t *testing.T) {
	e := newEnds(t)
	say(e.a, 30) // waits for a connection
	e.todo(e.a, 0)
	g, r := e.greet()
	if r.Status != wire.StatusOK || r.Version != wire.MaxVersion || r.Info.NodeID != "a" {
		t.Fatalf("%+v", r)
	}
	if _, err := e.a.Attach(g.Dial, e.now); err != nil {
		t.Fatal(err)
	}
	e.todo(e.a, Write)
	e.dial() // the reply was lost
	if n := e.bring(e.a, e.bIn); n != 1 {
		t.Fatalf("%d messages", n)
	}
	if e.bIn.Overdue() != true { // a mark, and 34 bytes
		t.Error("55 bytes are to be confirmed, of 50 that may be left")
	}
	number := e.b.conn
	e.b.Confirm(number + 1)
	e.todo(e.b, 0)
	e.b.Confirm(number)
	e.todo(e.b, Write)
	if e.bIn.Overdue() {
		t.Error("confirmed, and still overdue")
	}
	e.bring(e.b, e.aIn)
	e.a.Tick(e.now)
	if kept := e.a.Status().KeptBytes; kept != 0 {
		t.Errorf("%d bytes are kept", kept)
	}
}

// A write that is reported late counts for its own connection only.
func TestWroteOnAnother(t *testing.T) {
	e := newEnds(t)
	number := e.dial()
	say(e.a, 30)
	e.a.Wrote(number+1, e.a.out.flushed)
	if e.a.Sent() != 0 {
		t.Errorf("%d bytes count as written", e.a.Sent())
	}
	e.a.Wrote(number, 21)
	if e.a.Sent() != 21 || len(e.a.Unsent()) != 34 {
		t.Errorf("%d bytes are written, %d are left", e.a.Sent(), len(e.a.Unsent()))
	}
}

// An idle connection has a ping at every tick, and one on which something is sent has none.
func TestPings(t *testing.T) {
	e := newEnds(t)
	number := e.dial()
	tick := func(what string, want Todo) {
		t.Helper()
		e.a.Tick(e.now)
		if do := e.a.Todo(); do != want {
			t.Errorf("%s: %b, want %b", what, do, want)
		}
	}
	wrote := func() { e.a.Wrote(number, e.a.out.flushed) }
	tick("just connected", 0)
	tick("idle", Write)
	tick("not written yet", 0)
	wrote()
	tick("idle again", Write)
	wrote()
	tick("and again", Write)
	wrote()
	say(e.a, 1)
	e.todo(e.a, Write)
	wrote()
	tick("something was sent", 0)
	tick("and nothing since", Write)
	say(e.a, 1)
	e.a.Todo()
	tick("sent", 0)
	tick("waits to be written", 0)
}

// A connection is silent from the time when it was attached, or something was heard.
func TestSilence(t *testing.T) {
	e := newEnds(t)
	e.a.Heard(time.Minute, 1) // long ago
	number := e.dial()
	e.a.Tick(e.now + time.Second - 1)
	if do := e.a.Todo(); do&Drop != 0 {
		t.Fatal("broken before the limit")
	}
	e.a.Heard(e.now+1, 1)
	e.a.Tick(e.now + time.Second)
	e.a.Todo()
	e.a.Tick(e.now + time.Second + 1)
	e.todo(e.a, Drop)
	s := e.a.Status()
	if s.Connected || !errors.Is(s.Broken, ErrSilent) || s.Heard != e.now+1 || s.Dead != nil {
		t.Errorf("%+v", s)
	}
	e.a.Broke(number, errors.New("closed"))
	if err := e.a.Status().Broken; !errors.Is(err, ErrSilent) {
		t.Errorf("the reason is %v", err)
	}
	e.a.Tick(e.now + time.Hour)
	e.todo(e.a, 0)
}

// Of two dials the newer counts, whatever the order.
func TestSupersede(t *testing.T) {
	e := newEnds(t)
	first := e.dial()
	late, r := e.greet()
	e.todo(e.a, Drop)
	if s := e.a.Status(); s.Connected || !errors.Is(s.Broken, ErrSuperseded) || r.Status != wire.StatusOK {
		t.Errorf("%+v, %+v", s, r)
	}
	second := e.dial()
	if e.a.Greeted(late) == nil || e.a.Greeted(Greeting{Dial: first}) == nil || e.a.Greeted(Greeting{}) == nil {
		t.Error("an old dial counts")
	}
	if !e.a.Status().Connected || second != first+2 {
		t.Errorf("%+v", e.a.Status())
	}
	if r := e.a.Meet(late); r.Status != wire.StatusUnavailable || !strings.Contains(r.Message, "do not fit") {
		t.Errorf("%+v", r)
	}
	if _, err := e.a.Attach(late.Dial, e.now); !errors.Is(err, ErrSuperseded) {
		t.Errorf("attached: %v", err)
	}
	if err := e.b.Answered(first, &r); !errors.Is(err, ErrSuperseded) {
		t.Errorf("answered: %v", err)
	}
	e.a.Broke(late.Dial, errors.New("another"))
	if !e.a.Status().Connected {
		t.Error("the end of an old connection ends the new one")
	}
	if e.a.Broke(second, errConn); e.a.Status().Connected || !errors.Is(e.a.Status().Broken, errConn) {
		t.Errorf("%+v", e.a.Status())
	}
	e.todo(e.a, Drop)
}

var errConn = errors.New("connection reset")

// What ends a link until its Bound grows, and what the peer makes of that.
func TestDeath(t *testing.T) {
	for name, c := range map[string]struct {
		die func(e *ends)
		why error
	}{
		"too large": {func(e *ends) { say(e.a, 101) }, ErrTooLarge},
		"too much": {func(e *ends) {
			for range 12 {
				say(e.a, 100)
			}
		}, ErrFull},
		"pings without an answer": {func(e *ends) {
			for i := range 50 {
				e.a.Heard(e.now+time.Duration(i), 1)
				e.a.Tick(e.now)
				e.a.Wrote(e.a.conn, e.a.out.flushed)
			}
		}, ErrFull},
		"a confirmation of what was not sent": {func(e *ends) {
			e.aIn.confirmed.Store(1)
			say(e.a, 1)
		}, ErrConfirm},
		"the same, at a tick": {func(e *ends) {
			e.aIn.confirmed.Store(1)
			e.a.Tick(e.now)
		}, ErrConfirm},
		"what makes no sense": {func(e *ends) { e.a.Fault(e.aIn, ErrGap) }, ErrGap},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnds(t)
			number := e.dial()
			say(e.a, 1)
			say(e.b, 1)
			e.bring(e.a, e.bIn)
			e.bring(e.b, e.aIn)
			e.a.Todo()
			epoch := e.a.out.epoch
			c.die(e)
			if do := e.a.Todo(); do&(Died|Drop) != Died|Drop {
				t.Errorf("to be done: %b", do)
			}
			s := e.a.Status()
			if !errors.Is(s.Dead, c.why) || !errors.Is(s.Broken, c.why) || !errors.Is(e.a.Dead(), c.why) || s.Connected || s.KeptBytes != 0 {
				t.Fatalf("%+v", s)
			}
			if e.a.out.epoch == epoch || e.a.Takes(e.aIn) {
				t.Error("the old stream goes on")
			}
			e.a.Fault(e.aIn, errConn) // comes late
			say(e.a, 1)
			if !errors.Is(e.a.Dead(), c.why) || e.a.Status().KeptBytes != 0 {
				t.Errorf("%+v", e.a.Status())
			}
			e.b.Broke(number, errConn)
			e.rise(c.why)
		})
	}
}

// rise holds that the ends of a link that is dead at a come together when 2 binds them.
func (e *ends) rise(why error) {
	e.t.Helper()
	e.b.Todo()
	g, r := e.greet()
	if r.Status != wire.StatusUnavailable || !strings.Contains(r.Message, "dead until the next view or attempt: "+why.Error()) {
		e.t.Errorf("%+v", r)
	}
	if _, err := e.a.Attach(g.Dial, e.now); !errors.Is(err, why) {
		e.t.Errorf("attached: %v", err)
	}
	// What b has sent may be lost.
	if err := e.b.Answered(g.Dial, &r); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), r.Message) || !errors.Is(e.b.Dead(), ErrPeerLost) {
		e.t.Errorf("%v, %v", err, e.b.Dead())
	}
	e.todo(e.b, Died)
	// Both are dead until each has heard of a later bound.
	e.setA(1)
	e.todo(e.a, 0)
	e.setB(2)
	e.todo(e.b, Revived|Dial)
	say(e.b, 5)
	g, r = e.greet()
	if err := e.b.Answered(g.Dial, &r); err == nil || e.b.Dead() != nil || e.b.Status().KeptBytes == 0 {
		e.t.Errorf("%v, %+v", err, e.b.Status())
	}
	e.setA(2)
	e.todo(e.a, Revived)
	e.dial()
	say(e.a, 5)
	if n := e.bring(e.a, e.bIn); n != 1 {
		e.t.Errorf("%d messages for b", n)
	}
	if n := e.bring(e.b, e.aIn); n != 1 {
		e.t.Errorf("%d messages for a", n)
	}
}

// A peer that has lost its end has not lost what was never sent to it.
func TestRestartBeforeAnythingWasSent(t *testing.T) {
	e := newEnds(t)
	e.dial()
	e.a.Flush()
	e.b = e.b.node.Link(ida)
	e.setB(1)
	e.b.Todo()
	say(e.b, 5)
	e.dial()
	if n := e.bring(e.b, e.aIn); n != 1 || e.a.Dead() != nil {
		t.Errorf("%d messages for a, %v", n, e.a.Dead())
	}
	say(e.a, 5)
	e.bring(e.a, e.bIn)
	// Now it has: the end that dials finds out by the claim of a refusal.
	e.a = e.a.node.Link(idb)
	e.setA(1)
	g, r := e.greet()
	e.a.Todo()
	if r.Status != wire.StatusUnavailable || !strings.Contains(r.Message, "do not fit") || e.a.Dead() != nil {
		t.Errorf("%+v", r)
	}
	if err := e.b.Answered(g.Dial, &r); !errors.Is(err, ErrRefused) || !errors.Is(e.b.Dead(), ErrPeerLost) {
		t.Errorf("%v, %v", err, e.b.Dead())
	}
}

// Between the answer and its arrival an end may begin again.
func TestEndsMoveDuringAHandshake(t *testing.T) {
	e := newEnds(t)
	say(e.b, 1)
	g, r := e.greet()
	e.a.Die(errConn)
	e.setA(2)
	if _, err := e.a.Attach(g.Dial, e.now); !errors.Is(err, ErrNotReady) {
		t.Errorf("attached on the old claim: %v", err)
	}
	e.b.Die(errConn)
	if err := e.b.Answered(g.Dial, &r); err != nil {
		t.Error(err)
	}
	if _, err := e.b.Attach(g.Dial, e.now); !errors.Is(err, errConn) {
		t.Errorf("attached a dead link: %v", err)
	}
	e.setB(2)
	if _, err := e.b.Attach(g.Dial, e.now); !errors.Is(err, ErrNotReady) {
		t.Errorf("attached on the old claim: %v", err)
	}
	// A refusal of a claim that is not this end's any more has no consequences.
	e.b.Todo()
	say(e.b, 1)
	g, r = e.greet()
	e.b.out.peerEpoch = 99
	e.b.out.epoch++
	r.Status = wire.StatusUnavailable
	if err := e.b.Answered(g.Dial, &r); !errors.Is(err, ErrRefused) || e.b.Dead() != nil {
		t.Errorf("%v, %v", err, e.b.Dead())
	}
}

// Answers that do not come from the peer, or are none.
func TestAnswered(t *testing.T) {
	right := wire.Info{Group: 7, Generation: 3, NodeID: "a", Incarnation: 1}
	claim := Claim{Epoch: 5, Dead: true}.append(nil)
	for want, change := range map[string]func(*wire.HelloReply){
		"a of group 8, generation 3":  func(r *wire.HelloReply) { r.Info.Group = 8 },
		"generation 2, answers in":    func(r *wire.HelloReply) { r.Info.Generation = 2 },
		"c#1 answers in place of a#1": func(r *wire.HelloReply) { r.Info.NodeID = "c" },
		"c#2 answers in place of a#1": func(r *wire.HelloReply) { r.Info.NodeID, r.Info.Incarnation = "c", 2 },
		"b#7 answers in place of a#1": func(r *wire.HelloReply) { r.Info.NodeID, r.Info.Incarnation = "b", 7 },
		"a#4 answers":                 func(r *wire.HelloReply) { r.Info.Incarnation = 4 },
		"leads to this node itself":   func(r *wire.HelloReply) { r.Info.NodeID, r.Info.Incarnation = "b", 2 },
		"a claim of 0 bytes":          func(r *wire.HelloReply) { r.Extra = nil },
		"a claim of 1 bytes":          func(r *wire.HelloReply) { r.Status, r.Extra = wire.StatusUnavailable, []byte{1} },
		"the peer refuses: because":   func(r *wire.HelloReply) { r.Status, r.Extra, r.Message = wire.StatusUnavailable, nil, "because" },
		"the peer refuses: of c": func(r *wire.HelloReply) {
			r.Status, r.Info.NodeID, r.Message = wire.StatusUnavailable, "c", "of c"
		},
	} {
		e := newEnds(t)
		e.dial()
		say(e.b, 1)
		_, number := e.b.Hello()
		reply := wire.HelloReply{Status: wire.StatusOK, Info: right, Extra: claim}
		change(&reply)
		err := e.b.Answered(number, &reply)
		if err == nil || !strings.Contains(err.Error(), want) || e.b.Dead() != nil {
			t.Errorf("%v, want %q; dead: %v", err, want, e.b.Dead())
		}
		if !errors.Is(err, ErrRefused) && !errors.Is(err, ErrMalformed) {
			t.Errorf("%v is no error that is named", err)
		}
	}
}

func TestClose(t *testing.T) {
	e := newEnds(t)
	number := e.dial()
	e.a.Close()
	e.todo(e.a, Drop)
	say(e.a, 5)
	e.a.Broke(number, errConn)
	if s := e.a.Status(); s.Connected || s.KeptBytes != 0 || !errors.Is(s.Broken, ErrClosed) || e.a.Takes(e.aIn) {
		t.Errorf("%+v", s)
	}
	if r := e.a.Meet(Greeting{}); r.Status != wire.StatusUnavailable {
		t.Errorf("%+v", r)
	}
}

// Why no connection came about stands in the status until there is one.
func TestFailed(t *testing.T) {
	e := newEnds(t)
	e.b.Failed(errConn)
	if s := e.b.Status(); !errors.Is(s.Broken, errConn) {
		t.Errorf("%+v", s)
	}
	e.b.Redial()
	e.b.Redial()
	e.dial()
	if s := e.b.Status(); s.Broken != nil || !s.Connected {
		t.Errorf("%+v", s)
	}
	if pause := e.b.Redial(); pause != 10*time.Millisecond {
		t.Errorf("the first pause after a connection is %v", pause)
	}
}

// An end without a Bound begins again at once. The other one, which has a Bound, is dead
// until that grows, or is no more.
func TestWithoutABound(t *testing.T) {
	for name, c := range map[string]struct {
		bound, next uint64 // of b
	}{
		"neither has one":        {0, 0},
		"one, and it grows":      {5, 6},
		"one, and it is no more": {5, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnds(t)
			e.setA(0)
			e.setB(c.bound)
			number := e.dial()
			say(e.a, 1)
			say(e.b, 1)
			e.bring(e.a, e.bIn)
			e.bring(e.b, e.aIn)
			e.a.Todo()
			e.b.Todo()
			e.a.Fault(e.aIn, ErrGap)
			e.todo(e.a, Drop|Revived)
			if s := e.a.Status(); s.Dead != nil || !errors.Is(s.Broken, ErrGap) {
				t.Errorf("%+v", s)
			}
			say(e.a, 2) // waits
			e.b.Broke(number, errConn)
			e.todo(e.b, Drop)
			g, r := e.greet()
			if r.Status != wire.StatusUnavailable {
				t.Errorf("%+v", r)
			}
			if err := e.b.Answered(g.Dial, &r); !errors.Is(err, ErrRefused) {
				t.Error(err)
			}
			if dead := e.b.Dead(); (dead != nil) != (c.bound > 0) {
				t.Errorf("b is dead: %v", dead)
			}
			e.b.Todo()
			e.setB(c.bound)
			e.todo(e.b, 0)
			e.setB(c.next)
			if do := e.b.Todo(); (do == Revived|Dial) != (c.bound > 0) {
				t.Errorf("to be done: %b", do)
			}
			e.dial()
			if n := e.bring(e.a, e.bIn); n != 1 {
				t.Errorf("%d messages for b", n)
			}
		})
	}
}

// An end that dies of a claim, and has no Bound, fits the same claim at once.
func TestFitsAtOnce(t *testing.T) {
	e := newEnds(t)
	e.setA(0)
	e.dial()
	say(e.a, 1)
	e.b = e.b.node.Link(ida)
	e.setB(7)
	e.b.Todo()
	e.dial()
	say(e.b, 1)
	if n := e.bring(e.b, e.aIn); n != 1 {
		t.Errorf("%d messages for a", n)
	}
}

// What an end answers to a claim after it has sent something, or not.
func TestMeetings(t *testing.T) {
	const old = 1 // the epoch of a, as b knew it
	for name, c := range map[string]struct {
		sent   bool
		bound  uint64
		theirs Claim
		status wire.Status
		dead   error
	}{
		"the peer forgot, and nothing was sent":     {false, 5, Claim{Epoch: 9}, wire.StatusOK, nil},
		"the peer is dead, and nothing was sent":    {false, 5, Claim{Epoch: 9, Dead: true}, wire.StatusUnavailable, nil},
		"the peer goes by what is gone":             {false, 5, Claim{Epoch: 9, PeerEpoch: old}, wire.StatusUnavailable, nil},
		"the peer forgot what was sent":             {true, 5, Claim{Epoch: 9}, wire.StatusUnavailable, ErrPeerLost},
		"the peer forgot what was sent for nothing": {true, 0, Claim{Epoch: 9}, wire.StatusOK, nil},
		"the peer is dead":                          {true, 5, Claim{Epoch: 9, Dead: true}, wire.StatusUnavailable, ErrPeerLost},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnds(t)
			e.setA(c.bound)
			number := e.dial()
			if c.sent {
				say(e.a, 1)
			}
			g := Greeting{Dial: number + 1, Claim: c.theirs}
			if e.a.Greeted(g) != nil {
				t.Fatal("not the newest")
			}
			r := e.a.Meet(g)
			if claim, err := decodeClaim(r.Extra); err != nil || claim.Epoch != e.a.out.epoch || claim.Epoch == old || claim.Dead != (c.dead != nil) {
				t.Errorf("%+v, %v", claim, err)
			}
			if r.Status != c.status || !errors.Is(e.a.Dead(), c.dead) {
				t.Errorf("status %d, dead: %v", r.Status, e.a.Dead())
			}
			if in, err := e.a.Attach(g.Dial, e.now); (err == nil) != (c.status == wire.StatusOK) || (in == nil) != (err != nil) {
				t.Errorf("attached: %v", err)
			}
		})
	}
	// An answer that says it fits, and does not.
	e := newEnds(t)
	_, number := e.b.Hello()
	if err := e.b.Answered(number, &wire.HelloReply{
		Status: wire.StatusOK, Info: e.a.node.info(), Extra: Claim{Epoch: 9, PeerEpoch: 8}.append(nil),
	}); err != nil {
		t.Error(err)
	}
	if _, err := e.b.Attach(number, e.now); !errors.Is(err, ErrNotReady) {
		t.Errorf("attached: %v", err)
	}
}
