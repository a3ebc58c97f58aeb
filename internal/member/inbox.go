package member

import (
	"iter"
	"slices"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// Inbox is what waits for the next turn. Everything in it is copied: nothing points
// into a connection's buffer. The zero Inbox is empty.
type Inbox struct {
	peers    []peerMessage
	acks     []uint64 // memory of the messages' Acks
	commands []command
	bytes    []byte // memory of the commands
	calls    []func(*Member)
}

// peerMessage is a message from another member.
type peerMessage struct {
	from isis.MemberID
	msg  isis.Message
}

// command is a client's command and who waits for its result.
type command struct {
	Ticket
	start, end int      // in Inbox.bytes
	session    uint64   // that it names and its client has to have a right to; 0: none
	account    *Account // the client's
}

// Empty reports whether there is no work.
func (in *Inbox) Empty() bool {
	return len(in.peers) == 0 && len(in.commands) == 0 && len(in.calls) == 0
}

// maxKeptBytes is how much memory an inbox keeps for the commands of the next turns.
const maxKeptBytes = 4 << 20

// Reset empties the inbox, for more work.
func (in *Inbox) Reset() {
	clear(in.peers)
	clear(in.commands)
	clear(in.calls)
	in.peers = in.peers[:0]
	in.commands = in.commands[:0]
	in.calls = in.calls[:0]
	in.acks = in.acks[:0]
	if cap(in.bytes) > maxKeptBytes {
		in.bytes = nil
	}
	in.bytes = in.bytes[:0]
}

// Message adds a message of another member.
func (in *Inbox) Message(from isis.MemberID, m *isis.Message) {
	start := len(in.acks)
	in.acks = append(in.acks, m.Acks...)
	in.peers = append(in.peers, peerMessage{from: from, msg: *m})
	in.peers[len(in.peers)-1].msg.Acks = in.acks[start:len(in.acks):len(in.acks)]
}

// CommandOf is Command for a client that may not be trusted with what it names. If the session
// that the command names, 0 if it names none, has a lock, the account's has to be the same.
func (in *Inbox) CommandOf(a *Account, session uint64, raw []byte, t Ticket) {
	in.Command(raw, t)
	c := &in.commands[len(in.commands)-1]
	c.session, c.account = session, a
}

// Command adds a command, encoded, of the process itself.
func (in *Inbox) Command(raw []byte, t Ticket) {
	start := len(in.bytes)
	in.bytes = append(in.bytes, raw...)
	in.commands = append(in.commands, command{Ticket: t, start: start, end: len(in.bytes)})
}

// Encode is Command for a command that is not encoded yet. It returns its length.
func (in *Inbox) Encode(cmd *wire.Command, t Ticket) int {
	start := len(in.bytes)
	in.bytes = cmd.Append(in.bytes)
	in.commands = append(in.commands, command{Ticket: t, start: start, end: len(in.bytes)})
	return len(in.bytes) - start
}

// Call adds a call by the owner of the turn, before the commands are ordered.
func (in *Inbox) Call(fn func(*Member)) { in.calls = append(in.calls, fn) }

// Messages returns the messages of other members, by who has sent them.
func (in *Inbox) Messages() iter.Seq2[isis.MemberID, *isis.Message] {
	return func(yield func(isis.MemberID, *isis.Message) bool) {
		for i := range in.peers {
			if !yield(in.peers[i].from, &in.peers[i].msg) {
				return
			}
		}
	}
}

// Calls returns the calls.
func (in *Inbox) Calls() iter.Seq[func(*Member)] { return slices.Values(in.calls) }

// Commands returns the commands, by who waits for them.
func (in *Inbox) Commands() iter.Seq2[Ticket, []byte] {
	return func(yield func(Ticket, []byte) bool) {
		for i := range in.commands {
			if c := &in.commands[i]; !yield(c.Ticket, in.bytes[c.start:c.end]) {
				return
			}
		}
	}
}
