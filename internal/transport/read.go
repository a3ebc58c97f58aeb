package transport

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/seed-8247e700/dsm/internal/evloop"
	"github.com/seed-8247e700/dsm/isis"
)

// Read reads from the connection, and notes that the peer was heard.
func (a *attachment) Read(b []byte) (int, error) {
	n, err := a.conn.Read(b)
	if n > 0 {
		a.l.end.Heard(a.l.n.clock())
	}
	return n, err
}

// read hands over what a connection brings until it ends, and returns why it did.
func (a *attachment) read() error {
	if served, ok := a.conn.(*evloop.Conn); ok {
		var err error
		served.Serve(func() bool {
			err = a.burst()
			if errors.Is(err, evloop.ErrWouldBlock) {
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

// burst hands over what one read brings.
func (a *attachment) burst() error {
	if err := a.records.fill(); err != nil {
		return err
	}
	// What came before something wrong is whole, and was counted.
	err := a.decode()
	a.deliver()
	if err == nil {
		return nil
	}
	l := a.l
	err = fmt.Errorf("%w (from %s#%d)", err, l.peer.ID, l.peer.Incarnation)
	l.mu.Lock()
	defer l.unlock()
	l.end.Fault(a.in, err)
	return err
}

// decode takes all records that were read.
func (a *attachment) decode() error {
	defer a.in.Publish()
	a.acks = a.acks[:0]
	for {
		body, own, err := a.records.next()
		if err != nil || body == nil {
			return err
		}
		message, err := a.in.Take(body)
		if err != nil {
			return err
		}
		if !message {
			continue
		}
		a.msgs = append(a.msgs, isis.Message{})
		m := &a.msgs[len(a.msgs)-1]
		if a.acks, err = decodeMessage(body, m, a.acks); err != nil {
			a.msgs = a.msgs[:len(a.msgs)-1]
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
