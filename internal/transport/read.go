package transport

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/seed-8247e700/dsm/internal/evloop"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// Read reads from the connection, and notes that the peer was heard.
func (a *attachment) Read(b []byte) (int, error) {
	n, err := a.conn.Read(b)
	if n > 0 {
		a.l.end.Heard(a.l.n.clock(), n)
	}
	if errors.Is(err, evloop.ErrWouldBlock) {
		err = wire.ErrAgain
	}
	return n, err
}

// read delivers what a connection brings until the connection ends, and returns why it did.
func (a *attachment) read() error {
	if served, ok := a.conn.(*evloop.Conn); ok {
		var err error
		served.Serve(func() bool {
			if err = a.burst(); errors.Is(err, wire.ErrAgain) {
				err = nil
			}
			return err == nil
		})
		return err
	}
	for {
		if err := a.burst(); err != nil {
			return err
		}
	}
}

// burst delivers what one read brings. If that is not what a peer sends, the link dies.
func (a *attachment) burst() error {
	fault, err := a.decode()
	a.deliver() // what came before something wrong is whole, and was counted
	if !fault {
		return err
	}
	l := a.l
	err = fmt.Errorf("%w (from %s#%d)", err, l.peer.ID, l.peer.Incarnation)
	l.mu.Lock()
	defer l.unlock()
	l.end.Fault(a.in, err)
	return err
}

// decode takes all records that one read brings. An error that is no fault of the peer
// is the connection's.
func (a *attachment) decode() (fault bool, err error) {
	defer a.in.Publish()
	a.acks = a.acks[:0]
	for {
		record, err := a.frames.NextRecord()
		if err != nil {
			return errors.Is(err, wire.ErrMalformed) || errors.Is(err, wire.ErrFrameTooLarge), err
		}
		if err := a.take(record); err != nil {
			return true, err
		}
		if !a.frames.Buffered() {
			return false, nil
		}
	}
}

// take counts a record, and decodes it if it is a message.
func (a *attachment) take(record []byte) error {
	message, err := a.in.Take(record)
	if err != nil || !message {
		return err
	}
	a.msgs = append(a.msgs, isis.Message{})
	m := &a.msgs[len(a.msgs)-1]
	if a.acks, err = decodeMessage(record, m, a.acks); err != nil {
		a.msgs = a.msgs[:len(a.msgs)-1]
		return err
	}
	disown(m, a.frames.Own(record))
	return nil
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
	if m.Part != nil && !own {
		m.Part.Bytes = bytes.Clone(m.Part.Bytes)
	}
}

// deliver hands over what was decoded while it counts, and confirms it if that is overdue.
func (a *attachment) deliver() {
	l := a.l
	if len(a.msgs) > 0 {
		l.mu.Lock()
		takes := l.end.Takes(a.in)
		l.mu.Unlock()
		if takes {
			l.n.cfg.Handler.Receive(l.peer, a.msgs)
		}
		clear(a.msgs) // do not keep the payloads alive
		a.msgs = a.msgs[:0]
	}
	if a.in.Overdue() {
		l.mu.Lock()
		defer l.unlock()
		l.end.Confirm(a.number)
	}
}
