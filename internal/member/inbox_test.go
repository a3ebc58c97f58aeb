package member

import (
	"bytes"
	"slices"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// An inbox keeps nothing of what it is given.
func TestInboxCopies(t *testing.T) {
	var in Inbox
	if !in.Empty() {
		t.Fatal("the zero inbox is not empty")
	}
	n1, n2 := isis.MemberID{ID: "n1", Incarnation: 1}, isis.MemberID{ID: "n2", Incarnation: 2}
	acks := []uint64{1, 2}
	in.Message(n1, &isis.Message{Kind: isis.KindAck, Acks: acks})
	acks[0], acks[1] = 3, 4
	in.Message(n2, &isis.Message{Kind: isis.KindAck, View: 5, Acks: acks})
	in.Message(n2, &isis.Message{Kind: isis.KindProbe})
	clear(acks)
	var from []isis.MemberID
	var msgs []isis.Message
	for id, m := range in.Messages() {
		from, msgs = append(from, id), append(msgs, *m)
	}
	if !slices.Equal(from, []isis.MemberID{n1, n2, n2}) {
		t.Errorf("from %v", from)
	}
	_ = append(msgs[0].Acks, 9) // must not reach the next one's
	if !slices.Equal(msgs[0].Acks, []uint64{1, 2}) || !slices.Equal(msgs[1].Acks, []uint64{3, 4}) || len(msgs[2].Acks) != 0 ||
		msgs[1].View != 5 || msgs[2].Kind != isis.KindProbe {
		t.Errorf("%+v", msgs)
	}

	var c client
	raw := []byte("first")
	in.Command(raw, Ticket{Waiter: &c, Tag: 1})
	clear(raw)
	cmd := session()
	size := in.Encode(cmd, Ticket{Waiter: &c, Tag: 2})
	in.Command([]byte("third"), Ticket{Tag: 3})
	if want := len(cmd.Append(nil)); size != want {
		t.Errorf("a command of %d bytes has %d", want, size)
	}
	var tags []uint64
	var commands [][]byte
	for ticket, b := range in.Commands() {
		tags, commands = append(tags, ticket.Tag), append(commands, b)
	}
	if !slices.Equal(tags, []uint64{1, 2, 3}) || string(commands[0]) != "first" || string(commands[2]) != "third" ||
		!bytes.Equal(commands[1], cmd.Append(nil)) {
		t.Errorf("%v, %q", tags, commands)
	}
}

// Whatever is in it, an inbox is not empty.
func TestInboxEmpty(t *testing.T) {
	for name, add := range map[string]func(*Inbox){
		"message": func(in *Inbox) { in.Message(isis.MemberID{}, &isis.Message{}) },
		"command": func(in *Inbox) { in.Command(nil, Ticket{}) },
		"encoded": func(in *Inbox) { in.Encode(session(), Ticket{}) },
		"call":    func(in *Inbox) { in.Call(func(*Member) {}) },
	} {
		var in Inbox
		add(&in)
		if in.Empty() {
			t.Errorf("with a %s it is empty", name)
		}
		in.Reset()
		if !in.Empty() {
			t.Errorf("it is not empty after a %s and Reset", name)
		}
	}
}

// Reset keeps the memory, but nothing that is in it, and not more than is good.
func TestInboxReset(t *testing.T) {
	var in Inbox
	var c client
	in.Message(isis.MemberID{ID: "n1"}, &isis.Message{Payload: []byte("x"), Acks: []uint64{1, 2, 3}})
	in.Call(func(*Member) {})
	in.Command(make([]byte, maxKeptBytes), Ticket{Waiter: &c})
	in.bytes = in.bytes[:len(in.bytes):maxKeptBytes] // whatever append has taken
	in.Reset()
	if cap(in.peers) == 0 || cap(in.calls) == 0 || cap(in.commands) == 0 || cap(in.acks) == 0 || cap(in.bytes) != maxKeptBytes {
		t.Error("the memory is let go")
	}
	if p := in.peers[:1][0]; p.from.ID != "" || p.msg.Payload != nil || p.msg.Acks != nil {
		t.Errorf("it keeps %+v", p)
	}
	if in.commands[:1][0].Waiter != nil || in.calls[:1][0] != nil {
		t.Error("it keeps a waiter or a call")
	}
	if len(in.acks) != 0 || len(in.bytes) != 0 {
		t.Errorf("%d acks, %d bytes are left", len(in.acks), len(in.bytes))
	}
	in.bytes = make([]byte, 10, maxKeptBytes+1)
	in.Reset()
	if cap(in.bytes) != 0 {
		t.Errorf("it keeps %d bytes", cap(in.bytes))
	}
}

// The iterators end where the loop does.
func TestInboxLoopsEnd(t *testing.T) {
	var in Inbox
	for range 2 {
		in.Message(isis.MemberID{}, &isis.Message{})
		in.Command(nil, Ticket{})
		in.Call(func(*Member) {})
	}
	count := 0
	for range in.Messages() {
		count++
		break
	}
	for range in.Commands() {
		count++
		break
	}
	for range in.Calls() {
		count++
	}
	if count != 4 {
		t.Errorf("%d, want 4", count)
	}
}

// What the inbox has, the turn does: messages, then calls, then commands.
func TestTurnWorksOffTheInbox(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n1")
	var c client
	var order []string
	n.in.Encode(session(), Ticket{Waiter: &c})
	n.in.Call(func(m *Member) {
		_, waits := m.waiting.take()
		order = append(order, m.core.View().Members[0].ID)
		if waits {
			t.Error("a command was ordered before a call")
		}
		if len(eventsOf[Accused](n)) != 1 {
			t.Error("a call was made before a message was taken")
		}
	})
	n.in.Message(g.node("n2").self, &isis.Message{Kind: isis.KindProposal, View: 1, Seq: 77})
	n.turn()
	g.settle()
	if len(order) != 1 || len(c.got) != 1 || c.got[0].reply.Status != wire.StatusOK {
		t.Errorf("%q, %+v", order, c.got)
	}
}
