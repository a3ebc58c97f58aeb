package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/seed-8247e700/dsm/internal/evloop"
	"github.com/seed-8247e700/dsm/isis"
)

// incoming reads one connection of a line.
type incoming struct {
	l       *line
	a       *attachment
	records *recordReader
	msgs    []isis.Message // reused for every call of Receive
	acks    []uint64       // of all of msgs
}

// hearing notes when something was read.
type hearing struct {
	r io.Reader
	l *line
}

func (h hearing) Read(b []byte) (int, error) {
	n, err := h.r.Read(b)
	if n > 0 {
		h.l.end.Heard(h.l.n.clock())
	}
	return n, err
}

// read hands over what a connection brings until it ends, and tells why it did.
func (l *line) read(a *attachment) error {
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
	defer in.a.in.Publish()
	in.acks = in.acks[:0]
	for {
		body, own, err := in.records.next()
		if err != nil || body == nil {
			return err
		}
		message, err := in.a.in.Take(body)
		if err != nil {
			return err
		}
		if !message {
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
	if !a.in.Overdue() {
		return
	}
	l.mu.Lock()
	defer l.unlock()
	l.end.Confirm(a.number)
}

// takes reports whether what a connection brought still counts. A newer connection waits
// for this one's reader.
func (l *line) takes(a *attachment) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end.Takes(a.in)
}

// fault says that a connection has brought what makes no sense.
func (l *line) fault(a *attachment, err error) error {
	l.mu.Lock()
	defer l.unlock()
	err = fmt.Errorf("%w (from %s#%d)", err, l.peer.ID, l.peer.Incarnation)
	l.end.Fault(a.in, err)
	return err
}
