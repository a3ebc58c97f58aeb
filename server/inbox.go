package server

import (
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// inbox is what waits for the next turn. Everything in it is copied: nothing
// points into a connection's buffer.
type inbox struct {
	peers    []peerMessage
	acks     []uint64 // memory of the messages' Acks
	commands []command
	bytes    []byte // memory of the commands
	calls    []func()
}

// peerMessage is a message from another member.
type peerMessage struct {
	from isis.MemberID
	msg  isis.Message
}

// command is a client's command and who waits for its result.
type command struct {
	ticket
	start, end int // in inbox.bytes
}

func (in *inbox) empty() bool {
	return len(in.peers) == 0 && len(in.commands) == 0 && len(in.calls) == 0
}

func (in *inbox) reset() {
	clear(in.peers)
	clear(in.commands)
	clear(in.calls)
	in.peers = in.peers[:0]
	in.commands = in.commands[:0]
	in.calls = in.calls[:0]
	in.acks = in.acks[:0]
	if cap(in.bytes) > 4<<20 {
		in.bytes = nil
	}
	in.bytes = in.bytes[:0]
}

func (in *inbox) addPeer(from isis.MemberID, m *isis.Message) {
	start := len(in.acks)
	in.acks = append(in.acks, m.Acks...)
	in.peers = append(in.peers, peerMessage{from: from, msg: *m})
	in.peers[len(in.peers)-1].msg.Acks = in.acks[start:len(in.acks):len(in.acks)]
}

func (in *inbox) addCommand(raw []byte, t ticket) {
	start := len(in.bytes)
	in.bytes = append(in.bytes, raw...)
	in.commands = append(in.commands, command{ticket: t, start: start, end: len(in.bytes)})
}

// encodeCommand is addCommand for a command that is not encoded yet. It returns
// its length.
func (in *inbox) encodeCommand(cmd *wire.Command, t ticket) int {
	start := len(in.bytes)
	in.bytes = cmd.Append(in.bytes)
	in.commands = append(in.commands, command{ticket: t, start: start, end: len(in.bytes)})
	return len(in.bytes) - start
}
