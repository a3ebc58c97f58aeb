package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/seed-8247e700/dsm/internal/evloop"
	"github.com/seed-8247e700/dsm/isis"
)

// incoming reads one connection of a link.
type incoming struct {
	l       *link
	a       *attachment
	records *recordReader
	msgs    []isis.Message // reused for every call of Receive
	acks    []uint64       // of all of msgs
}

// hearing notes on a link when something was read.
type hearing struct {
	r io.Reader
	l *link
}

func (h hearing) Read(b []byte) (int, error) {
	n, err := h.r.Read(b)
	if n > 0 {
		h.l.heard.Store(int64(h.l.n.clock()))
	}
	return n, err
}

// read hands over what a connection brings until it ends, and tells why it did.
func (l *link) read(a *attachment) error {
	in := incoming{l: l, a: a, records: newRecordReader(hearing{a.conn, l}, l.n.cfg.MaxRecordBytes)}
	if served, ok := a.conn.(*evloop.Conn); ok {
		var err error
		served.Serve(func() bool {
			err = in.burst()
			if errors.Is(err, evloop.ErrWouldBlock) {
				err = nil
			}
			return err == nil
		})
		return err
	}
	for {
		if err := in.burst(); err != nil {
			return err
		}
	}
}

// burst hands over what one read brings.
func (in *incoming) burst() error {
	if err := in.records.fill(); err != nil {
		return err
	}
	// What came before something wrong is whole, and was counted.
	err := in.decode()
	in.deliver()
	if err != nil {
		return in.l.fault(in.a, err)
	}
	return nil
}

// decode takes all records that were read.
func (in *incoming) decode() error {
	epoch := in.a.in
	defer func() { epoch.received.Store(epoch.receipt.Received()) }()
	in.acks = in.acks[:0]
	for {
		body, own, err := in.records.next()
		if err != nil || body == nil {
			return err
		}
		mark, isMark, err := epoch.receipt.Take(body)
		if err != nil {
			return err
		}
		if isMark {
			epoch.confirmed.Store(max(epoch.confirmed.Load(), mark.Confirmed))
			continue
		}
		in.msgs = append(in.msgs, isis.Message{})
		m := &in.msgs[len(in.msgs)-1]
		if in.acks, err = decodeMessage(body, m, in.acks); err != nil {
			in.msgs = in.msgs[:len(in.msgs)-1]
			return err
		}
		disown(m, own)
	}
}

// disown gives payloads memory of their own, so that none keeps a buffer alive
// that is many times its size. With own, the record has a buffer to itself.
func disown(m *isis.Message, own bool) {
	if !own {
		m.Payload = bytes.Clone(m.Payload)
	}
	var entries []isis.Entry
	switch {
	case m.State != nil:
		entries = m.State.Entries
	case m.Cut != nil:
		entries = m.Cut.Entries
	}
	for i := range entries {
		entries[i].Payload = bytes.Clone(entries[i].Payload)
	}
}

// deliver hands over what was decoded, and confirms it if that is overdue.
func (in *incoming) deliver() {
	l, a := in.l, in.a
	if len(in.msgs) > 0 {
		if l.takes(a) {
			l.n.cfg.Handler.Receive(l.peer, in.msgs)
		}
		clear(in.msgs) // do not keep the payloads alive
		in.msgs = in.msgs[:0]
	}
	if a.in.received.Load()-a.in.told.Load() < uint64(l.n.cfg.ConfirmBytes) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cur == a {
		l.pingLocked()
	}
}

// takes reports whether what a connection brought still counts. It does after a
// newer connection has come, which waits for this one's reader, but not once
// the stream has begun anew.
func (l *link) takes(a *attachment) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.closed && l.in == a.in
}

// fault gives up on the peer's stream: what it brought makes no sense, and would
// make none on another connection.
func (l *link) fault(a *attachment, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err = fmt.Errorf("%w (from %s#%d)", err, l.peer.ID, l.peer.Incarnation)
	if !l.closed && l.in == a.in {
		l.dieLocked(err)
	}
	return err
}
