package session_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// client is one client in one goroutine: package session's loop, step by step,
// with everything going wrong that can. choose decides.
type client struct {
	group   *group
	choose  func(n int) int
	seen    uint64
	session session.Session

	calls   []*call          // under way
	opening bool             // one of them opens the session
	late    []wire.Command   // copies that have not arrived yet
	began   int64            // calls until now
	opened  []uint64         // ids of all sessions, the present one last
	told    map[uint64]int64 // by a session's id: the last call begun when the first was told that it has expired
	ended   []ended          // writes
}

// call is an operation under way. It has been sent whenever nobody looks.
type call struct {
	session.Operation
	command  wire.Command
	node     int
	position uint64 // that the attempt under way asked for
	number   int64  // of the call, from 1
	floor    uint64 // position of all that was answered before it began
	reached  bool   // an attempt may have reached a node that did not refuse it
}

// ended is what the caller of a write was told.
type ended struct {
	number   int64
	answered bool
	unknown  bool
	reached  bool
}

// life runs a client through so many steps and returns the first thing wrong.
func life(choose func(n int) int, steps int) error {
	c := &client{group: newGroup(), choose: choose, told: make(map[uint64]int64)}
	for range steps {
		if err := c.step(); err != nil {
			return err
		}
	}
	return c.check()
}

// step has one thing happen.
func (c *client) step() error {
	switch c.choose(12) {
	case 0, 1, 2:
		return c.begin()
	case 3:
		node := c.choose(len(c.group.nodes))
		c.group.nodes[node] = c.group.position
	case 4:
		c.arrive()
	case 5:
		switch c.choose(6) {
		case 0:
			clear(c.group.sessions)
		case 1, 2, 3:
			k := new(call)
			var due bool
			if k.command, due = c.session.Renew(&k.Operation); due {
				c.send(k)
			}
		}
	default:
		if len(c.calls) > 0 {
			return c.proceed(c.calls[c.choose(len(c.calls))])
		}
	}
	return nil
}

// begin begins a call.
func (c *client) begin() error {
	c.began++
	if c.choose(2) == 0 {
		c.start(session.Get, wire.Command{})
		return nil
	}
	k := &call{Operation: session.Operation{Kind: session.Write}, command: wire.Command{Op: wire.OpAdd, Delta: c.began}}
	switch c.session.Begin(&k.Operation) {
	case session.Ready:
		c.send(k)
		return c.inOrder(k)
	case session.Lost:
		return c.tell(c.opened[len(c.opened)-1], c.began)
	default:
		if !c.opening {
			c.opening = true
			c.start(session.Open, wire.Command{Op: wire.OpOpenSession})
		}
		return nil
	}
}

// start begins an operation that is no write.
func (c *client) start(kind session.Kind, command wire.Command) {
	c.send(&call{Operation: session.Operation{Kind: kind}, command: command})
}

// send sends an operation for the first time.
func (c *client) send(k *call) {
	k.number, k.floor = c.began, c.seen
	c.calls = append(c.calls, k)
	c.attempt(k)
}

// attempt sends it again.
func (c *client) attempt(k *call) {
	k.position = k.Attempt(c.seen)
	if k.Kind == session.Write {
		c.session.Number(&k.Operation, &k.command)
	}
}

// proceed has the attempt of a call end somehow.
func (c *client) proceed(k *call) error {
	var verdict session.Verdict
	var reply wire.Reply
	fate := c.choose(12)
	k.reached = k.reached || fate != 0 && fate != 4
	switch {
	case fate == 0: // the request was not sent
		verdict = k.NoReply(true)
	case fate == 1: // it got lost
		verdict = k.NoReply(false)
	case fate == 2: // the reply got lost
		c.execute(k)
		verdict = k.NoReply(false)
	case fate == 3: // the connection did, but the request is under way
		c.delay(k)
		verdict = k.NoReply(false)
	case fate == 4:
		reply.Status = wire.StatusUnavailable
	case fate == 5:
		c.delay(k)
		reply.Status = wire.StatusTimeout
	case fate == 6:
		c.execute(k)
		reply.Status = wire.StatusInterrupted
	case k.Kind == session.Get:
		reply = c.group.read(k.node, k.position)
	default:
		reply = c.group.apply(k.command)
	}
	if verdict != session.Unanswered {
		verdict = k.Reply(&reply)
	}
	return c.after(k, verdict, reply)
}

// execute has the group execute the command of a call, if it has one.
func (c *client) execute(k *call) {
	if k.Kind != session.Get {
		c.group.apply(k.command)
	}
}

// delay has it arrive later, or never.
func (c *client) delay(k *call) {
	if k.Kind != session.Get && len(c.late) < 8 {
		c.late = append(c.late, k.command)
	}
}

// after does what has to be done after an attempt.
func (c *client) after(k *call, verdict session.Verdict, reply wire.Reply) error {
	switch verdict {
	case session.Answered:
		c.seen = session.Raise(c.seen, reply.Position)
		c.end(k, true)
		return c.answered(k, reply)
	case session.Declined:
		c.end(k, true)
		if k.Kind == session.Upkeep {
			return nil
		}
		return fmt.Errorf("declined: %+v", reply)
	case session.Expired:
		c.end(k, false)
		id, _ := k.Numbered()
		return c.tell(id, k.number)
	case session.Superseded:
		c.end(k, false)
		return errors.New("a write that somebody waited for was superseded")
	}
	if c.choose(8) == 0 {
		c.end(k, false)
		return nil
	}
	if verdict.Elsewhere() {
		k.node = (k.node + 1) % len(c.group.nodes)
	}
	if pause := k.Pause(0.5); pause < 0 || (pause == 0) != (k.Attempts() < 2) {
		return fmt.Errorf("a pause of %v after %d attempts", pause, k.Attempts())
	}
	c.attempt(k)
	return nil
}

// end ends a call.
func (c *client) end(k *call, answered bool) {
	c.calls = slices.DeleteFunc(c.calls, func(other *call) bool { return other == k })
	switch k.Kind {
	case session.Open:
		c.opening = false
	case session.Upkeep:
		c.session.End(&k.Operation)
	case session.Write:
		c.session.End(&k.Operation)
		c.ended = append(c.ended, ended{k.command.Delta, answered, k.Unknown(), k.reached})
	}
}

// answered holds an answer against what the session had been shown before.
func (c *client) answered(k *call, reply wire.Reply) error {
	switch {
	case k.Kind == session.Open:
		c.session.Opened(reply.Position)
		c.opened = append(c.opened, reply.Position)
	case k.Kind == session.Get && reply.Position < k.floor:
		return fmt.Errorf("a session that had seen %d went back to %d", k.floor, reply.Position)
	}
	return nil
}

// arrive has a late copy arrive.
func (c *client) arrive() {
	if len(c.late) > 0 {
		i := c.choose(len(c.late))
		c.group.apply(c.late[i])
		c.late = slices.Delete(c.late, i, i+1)
	}
}

// tell notes that a call was told that a session has expired.
func (c *client) tell(id uint64, number int64) error {
	if c.group.sessions[id] != nil {
		return fmt.Errorf("call %d was told that session %d has expired, which it has not", number, id)
	}
	if first, ok := c.told[id]; ok && number > first {
		return fmt.Errorf("call %d was told that session %d has expired, as others before it began", number, id)
	}
	if _, ok := c.told[id]; !ok {
		c.told[id] = c.began
	}
	return nil
}

// inOrder holds that no write is in a session as long as nobody was told that
// the one before has expired.
func (c *client) inOrder(k *call) error {
	id, _ := k.Numbered()
	for i, opened := range c.opened {
		if i == len(c.opened)-1 {
			if id != opened {
				return fmt.Errorf("a write in session %d, not in %d", id, opened)
			}
		} else if _, ok := c.told[opened]; !ok {
			return fmt.Errorf("a write in session %d, though nobody was told that %d has expired", id, opened)
		}
	}
	return nil
}

// check compares what callers of writes were told with what happened.
func (c *client) check() error {
	for len(c.late) > 0 {
		c.arrive()
	}
	for _, number := range slices.Sorted(maps.Keys(c.group.executed)) {
		if times := c.group.executed[number]; times != 1 {
			return fmt.Errorf("write %d was not executed once, but %d times", number, times)
		}
	}
	for _, w := range c.ended {
		switch times := c.group.executed[w.number]; {
		case w.answered && times != 1:
			return fmt.Errorf("write %d was acknowledged, and executed %d times", w.number, times)
		case w.unknown && !w.reached:
			return fmt.Errorf("the outcome of write %d is called unknown, and every attempt was refused", w.number)
		case !w.answered && !w.unknown && times != 0:
			return fmt.Errorf("write %d was executed, but its caller was told that it was not", w.number)
		}
	}
	return nil
}
