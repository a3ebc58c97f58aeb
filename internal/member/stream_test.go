package member

import (
	"bytes"
	"io"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// stream is a joiner's connection to its donor, at both ends.
type stream struct {
	joiner *node
	t      *Transfer
	donor  *node
	gives  *Donor
	feed   feed
	bytes  bytes.Buffer // on their way
	frames *wire.FrameReader
	rests  time.Duration // until then the donor rests
	over   bool
}

// Read brings what has come so far.
func (s *stream) Read(b []byte) (int, error) {
	n, err := s.bytes.Read(b)
	if err == io.EOF { //nolint:errorlint // a buffer's, as it is
		err = wire.ErrAgain
	}
	return n, err
}

// end ends the stream, of which the member hears in its next turn.
func (s *stream) end(err error) {
	s.over = true
	if s.gives != nil {
		s.gives.Close()
		s.donor.feeds = slices.DeleteFunc(s.donor.feeds, func(f *feed) bool { return f == &s.feed })
	}
	if s.joiner.stream == s {
		s.joiner.stream = nil
	}
	s.joiner.in.Call(func(m *Member) { m.TransferEnded(s.t, err) })
}

// pump moves the stream on, and reports whether it has.
func (s *stream) pump() bool {
	if s.donor == nil {
		return s.dial()
	}
	if !s.donor.alive {
		s.end(errConnection)
		return true
	}
	if s.joiner.noDonor {
		return false
	}
	moved := s.give()
	return s.take() || moved
}

func (s *stream) dial() bool {
	g := s.joiner.g
	s.donor = g.node(s.t.Donor().ID)
	if s.donor.alive {
		s.donor.do(func(m *Member) {
			if s.gives = m.Donate(s.joiner.self.Incarnation, &s.feed); s.gives != nil {
				m.Deliveries(true)
				s.donor.feeds = append(s.donor.feeds, &s.feed)
			}
		})
	}
	if s.gives == nil {
		s.end(errConnection)
	}
	return true
}

// give has the donor write what it can.
func (s *stream) give() (moved bool) {
	for s.joiner.g.now >= s.rests {
		b, pause, err := s.gives.Next()
		switch {
		case err != nil:
			s.bytes.Write(AppendRefusal(nil, err))
			return true
		case pause > 0:
			s.rests = s.joiner.g.now + pause
			return true
		case b == nil:
			return moved
		}
		s.bytes.Write(b)
		moved = true
	}
	return moved
}

// take has the joiner read what has come.
func (s *stream) take() bool {
	switch err := s.t.Read(s.frames); {
	case err == wire.ErrAgain: //nolint:errorlint // by contract
		if !s.t.Work() {
			return false
		}
	case err != nil:
		s.end(err)
		return true
	}
	for s.t.Work() && !s.over {
		s.joiner.do(func(m *Member) {
			if err := m.Take(s.t); err != nil {
				s.end(err)
			}
		})
	}
	return true
}

// feed is a joiner's queue of deliveries.
type feed struct {
	buf  []byte
	lost error
}

// Take is part of Feed.
func (f *feed) Take(spare []byte, _ bool) ([]byte, error) {
	if f.lost != nil {
		return nil, f.lost
	}
	if len(f.buf) == 0 {
		return nil, nil
	}
	b := f.buf
	f.buf = spare[:0]
	return b, nil
}

// Waiting is part of Feed.
func (f *feed) Waiting() int { return len(f.buf) }
