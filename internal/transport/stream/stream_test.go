package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

var testLimits = Limits{MaxRecordBytes: 300, MaxKeptBytes: 1 << 20}

// add adds a record of kind 1 with a body.
func add(t interface{ Fatal(...any) }, s *Stream, body []byte) {
	b := s.Reserve(1 + len(body))
	if err := s.Commit(append(append(b, 1), body...)); err != nil {
		t.Fatal(err)
	}
}

// records splits what was sent, and returns what is left of it.
func records(b []byte, take func(body []byte)) []byte {
	for len(b) >= headerBytes {
		n := int(binary.LittleEndian.Uint32(b))
		if len(b) < headerBytes+n {
			break
		}
		take(b[headerBytes : headerBytes+n])
		b = b[headerBytes+n:]
	}
	return b
}

// end is one end of a link in the model: the code under test, and the bytes on
// their way to the other end.
type end struct {
	out     *Stream
	in      Receipt
	sent    [][]byte // in this epoch, the dumb oracle
	got     [][]byte // from the other end
	partial []byte   // received, not yet a whole record
	wire    []byte   // written, not yet received by the other end
	flushed int      // of sent
}

func (e *end) receive(t *rapid.T, n int, from *end) {
	e.partial = append(e.partial, from.wire[:n]...)
	from.wire = from.wire[n:]
	e.partial = records(e.partial, func(body []byte) {
		m, isMark, err := e.in.Take(body)
		if err != nil {
			t.Fatal(err)
		}
		if !isMark {
			e.got = append(e.got, bytes.Clone(body[1:]))
		} else if err := e.out.Confirm(m.Confirmed); err != nil {
			t.Fatal(err)
		}
	})
}

// TestStreamsModel drives two ends over connections that break at any byte.
func TestStreamsModel(t *testing.T) { rapid.Check(t, streamsModel) }

func streamsModel(t *rapid.T) {
	ends := [2]*end{{out: New(1, testLimits)}, {out: New(7, testLimits)}}
	joined := false
	pick := func() (e, other *end) {
		i := rapid.IntRange(0, 1).Draw(t, "end")
		return ends[i], ends[1-i]
	}
	meet := func(t *rapid.T) {
		for _, e := range ends {
			e.wire, e.partial = nil, nil
		}
		claims := [2]Claim{}
		for i, e := range ends {
			claims[i] = e.out.Claim(e.in.Received())
		}
		// The reply may get lost: then only the one that gave it knows.
		sides := 1 + rapid.IntRange(0, 1).Draw(t, "reply lost")
		joined = sides == 2
		for i := range sides {
			e, theirs := ends[i], claims[1-i]
			if v := e.out.Meet(theirs); v != Resume {
				t.Fatalf("verdict %d on %+v, own %+v", v, theirs, claims[i])
			}
			if err := e.out.Resume(theirs); err != nil {
				t.Fatal(err)
			}
		}
	}
	write := func(n int, e *end) {
		b := e.out.Unsent()
		n = min(n, len(b))
		e.wire = append(e.wire, b[:n]...)
		e.out.Wrote(e.out.Sent() + uint64(n))
	}
	t.Repeat(map[string]func(*rapid.T){
		"add": func(t *rapid.T) {
			e, _ := pick()
			body := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "body")
			add(t, e.out, body)
			e.sent = append(e.sent, body)
		},
		"flush": func(*rapid.T) {
			e, _ := pick()
			e.out.Flush(e.in.Received())
			e.flushed = len(e.sent)
		},
		"ping": func(t *rapid.T) {
			e, _ := pick()
			if err := e.out.Ping(e.in.Received()); err != nil {
				t.Fatal(err)
			}
			e.flushed = len(e.sent)
		},
		"write": func(t *rapid.T) {
			if e, _ := pick(); joined {
				write(rapid.IntRange(0, 300).Draw(t, "n"), e)
			}
		},
		"read": func(t *rapid.T) {
			e, from := pick()
			e.receive(t, rapid.IntRange(0, len(from.wire)).Draw(t, "n"), from)
		},
		"cut": meet,
		"": func(t *rapid.T) {
			for i, e := range ends {
				prefix(t, ends[1-i].got, e.sent)
			}
		},
	})
	for !joined {
		meet(t)
	}
	for i, e := range ends {
		write(1<<30, e)
		ends[1-i].receive(t, len(e.wire), e)
		if got := len(ends[1-i].got); got != e.flushed {
			t.Fatalf("%d records of %d flushed came", got, e.flushed)
		}
		prefix(t, ends[1-i].got, e.sent)
	}
}

func prefix(t *rapid.T, got, sent [][]byte) {
	if len(got) > len(sent) {
		t.Fatalf("%d records received, %d sent", len(got), len(sent))
	}
	for i := range got {
		if !bytes.Equal(got[i], sent[i]) {
			t.Fatalf("record %d differs", i)
		}
	}
}

func TestMarkIsFilledInAtTheFlush(t *testing.T) {
	s := New(1, testLimits)
	add(t, s, []byte("a"))
	if len(s.Unsent()) != 0 {
		t.Fatal("a record went out before the flush")
	}
	add(t, s, []byte("b"))
	s.Flush(99)
	var r Receipt
	var marks []Mark
	n := 0
	records(s.Unsent(), func(body []byte) {
		m, isMark, err := r.Take(body)
		if err != nil {
			t.Fatal(err)
		}
		if n++; isMark {
			marks = append(marks, m)
		}
	})
	if n != 3 || len(marks) != 1 || marks[0] != (Mark{0, 99}) {
		t.Fatalf("%d records, marks %+v", n, marks)
	}
	if err := s.Confirm(r.Received()); err != nil || s.Kept() != 0 {
		t.Fatalf("%d bytes kept, %v", s.Kept(), err)
	}
}

func TestConfirmRefusesNonsense(t *testing.T) {
	s := New(1, testLimits)
	add(t, s, []byte("abc"))
	s.Flush(0)
	add(t, s, []byte("not flushed"))
	first := uint64(MarkBytes + headerBytes + 4)
	for _, offset := range []uint64{1, first - 1, first + 1, first + 16, 1 << 60} {
		if err := s.Confirm(offset); !errors.Is(err, ErrConfirm) {
			t.Errorf("offset %d: %v", offset, err)
		}
	}
	for _, offset := range []uint64{0, MarkBytes, first, MarkBytes, 0} {
		if err := s.Confirm(offset); err != nil {
			t.Errorf("offset %d: %v", offset, err)
		}
	}
}

// A connection may tell late what it took: the peer has confirmed it already.
func TestConfirmationOvertakesTheWrite(t *testing.T) {
	s := New(1, testLimits)
	if err := s.Ping(0); err != nil {
		t.Fatal(err)
	}
	first := uint64(len(s.Unsent()))
	add(t, s, []byte("abc"))
	s.Flush(0)
	if err := s.Confirm(first); err != nil {
		t.Fatal(err)
	}
	if s.Sent() != first || len(s.Unsent()) != s.Kept() {
		t.Fatalf("goes on at %d with %d bytes, %d are kept", s.Sent(), len(s.Unsent()), s.Kept())
	}
	s.Wrote(first)
	if s.Sent() != first {
		t.Fatalf("the late report moved it to %d", s.Sent())
	}
}

func TestBounds(t *testing.T) {
	s := New(1, Limits{MaxRecordBytes: 10, MaxKeptBytes: 2*MarkBytes + 14})
	if err := s.Commit(append(s.Reserve(11), make11()...)); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("11 of 10 bytes: %v", err)
	}
	if err := s.Commit(append(s.Reserve(10), make11()[:10]...)); err != nil {
		t.Fatal(err)
	}
	s.Flush(0)
	if err := s.Commit(append(s.Reserve(10), make11()[:10]...)); !errors.Is(err, ErrFull) {
		t.Fatalf("beyond the bound: %v", err)
	}
	s.Flush(0)
	if err := s.Ping(0); !errors.Is(err, ErrFull) {
		t.Fatalf("a ping beyond the bound: %v", err)
	}
}

func make11() []byte { return []byte("\x01abcdefghij") }

func TestReceiptDetectsGapsAndRepeats(t *testing.T) {
	s := New(1, testLimits)
	for range 3 {
		if err := s.Ping(0); err != nil {
			t.Fatal(err)
		}
	}
	var bodies [][]byte
	records(s.Unsent(), func(body []byte) { bodies = append(bodies, body) })
	for name, order := range map[string][]int{"gap": {0, 2}, "repeat": {0, 0}, "late": {1}} {
		var r Receipt
		var err error
		for _, i := range order {
			_, _, err = r.Take(bodies[i])
		}
		if !errors.Is(err, ErrGap) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var r Receipt
	for _, body := range [][]byte{nil, {0}, bodies[0][:16], append(bytes.Clone(bodies[0]), 0)} {
		if _, _, err := r.Take(body); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d bytes: %v", len(body), err)
		}
	}
	if r.Received() != 0 {
		t.Error("what was refused was counted")
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	s := New(1, testLimits)
	body := make([]byte, 100)
	turn := func() {
		for range 3 {
			add(t, s, body)
		}
		s.Flush(0)
		s.Wrote(s.Sent() + uint64(len(s.Unsent())))
		if s.Kept() > 2000 { // confirmations lag behind
			if err := s.Confirm(s.base + uint64(MarkBytes+3*(headerBytes+101))); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 100 {
		turn()
	}
	if allocs := testing.AllocsPerRun(1000, turn); allocs != 0 {
		t.Fatalf("%v allocations per turn", allocs)
	}
}
