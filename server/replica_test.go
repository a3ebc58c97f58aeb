package server

import (
	"testing"
	"testing/synctest"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// do says whether its function was called, in the last turn as well.
func TestDo(t *testing.T) {
	for range 50 { // of which half see the end first
		h := newLone(t, Config{})
		if !h.do(func(m *member.Member) { m.Fail(member.ErrExcluded) }) {
			t.Fatal("what was done in the last turn was not done")
		}
		<-h.ended
		if h.do(func(*member.Member) { t.Error("it is called after the end") }) || !h.over() {
			t.Fatal("something was done after the end")
		}
	}
}

// What comes too late is refused, and waits until all of the end is there to see: why it
// was, and what comes next.
func TestDoAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLone(t, Config{})
		late := &lateCommand{reached: make(chan wire.Status), goOn: make(chan struct{})}
		go h.post(func(m *member.Member) {
			m.Fail(member.ErrExcluded)
			h.submit(late)
		})
		if status := <-late.reached; status != wire.StatusUnavailable || h.over() {
			t.Errorf("a command that comes too late: %v, the end was before: %v", status, h.over())
		}
		done := make(chan bool, 1)
		go func() { done <- h.do(func(*member.Member) { t.Error("it is called after the end") }) }()
		synctest.Wait()
		if len(done) > 0 {
			t.Error("it does not wait for the end")
		}
		close(late.goOn)
		if <-done {
			t.Error("something was done after the end")
		}
	})
}

// The process itself learns what became of what came too late.
func TestOutcomesAtTheEnd(t *testing.T) {
	h := newLone(t, Config{})
	sink := &countingSink{}
	h.post(func(m *member.Member) {
		m.Fail(member.ErrExcluded)
		h.submit(&lateCommand{waiter: &localSink{f: h.front, sink: sink}})
	})
	<-h.ended
	if sink.outcomes != 1 {
		t.Errorf("it learns %d outcomes of one", sink.outcomes)
	}
}

// lateCommand is a command whose client takes its time over the answer.
type lateCommand struct {
	added   bool
	waiter  member.Waiter // nil: the command itself
	reached chan wire.Status
	goOn    chan struct{}
}

func (c *lateCommand) add(in *member.Inbox) int {
	if c.added {
		return 0
	}
	c.added = true
	waiter := c.waiter
	if waiter == nil {
		waiter = c
	}
	in.Command([]byte{1}, member.Ticket{Waiter: waiter})
	return 1
}

func (c *lateCommand) Answer(_ uint64, _ int, reply *wire.Reply) {
	c.reached <- reply.Status
	<-c.goOn
}
