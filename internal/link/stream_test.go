package link

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func newStream(epoch uint64, limits Limits) *stream { return &stream{limits: limits, epoch: epoch} }

var testLimits = Limits{MaxRecordBytes: 300, MaxKeptBytes: 1 << 20}

// add adds a record of kind 1 with a body.
func add(t interface{ Fatal(...any) }, s *stream, body []byte) {
	b := s.reserve(1 + len(body))
	if err := s.commit(append(append(b, 1), body...)); err != nil {
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
	out     *stream
	in      Inbound
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
		message, err := e.in.Take(body)
		if err != nil {
			t.Fatal(err)
		}
		if message {
			e.got = append(e.got, bytes.Clone(body[1:]))
		} else if err := e.out.confirm(e.in.confirmed.Load()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestStreamsModel drives two ends over connections that break at any byte.
func TestStreamsModel(t *testing.T) { rapid.Check(t, streamsModel) }

func streamsModel(t *rapid.T) {
	ends := [2]*end{{out: newStream(1, testLimits)}, {out: newStream(7, testLimits)}}
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
			claims[i] = Claim{Epoch: e.out.epoch, PeerEpoch: e.out.peerEpoch, Received: e.in.taken}
		}
		// The reply may get lost: then only the one that gave it knows.
		sides := 1 + rapid.IntRange(0, 1).Draw(t, "reply lost")
		joined = sides == 2
		for i := range sides {
			e, theirs := ends[i], claims[1-i]
			if v := e.out.meet(theirs); v != resume {
				t.Fatalf("verdict %d on %+v, own %+v", v, theirs, claims[i])
			}
			e.out.resume(theirs)
		}
	}
	write := func(n int, e *end) {
		b := e.out.unsent()
		n = min(n, len(b))
		e.wire = append(e.wire, b[:n]...)
		e.out.wrote(e.out.sent + uint64(n))
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
			e.out.flush(e.in.taken)
			e.flushed = len(e.sent)
		},
		"ping": func(t *rapid.T) {
			e, _ := pick()
			if err := e.out.ping(e.in.taken); err != nil {
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
	s := newStream(1, testLimits)
	add(t, s, []byte("a"))
	if len(s.unsent()) != 0 {
		t.Fatal("a record went out before the flush")
	}
	add(t, s, []byte("b"))
	s.flush(99)
	var r Inbound
	n, messages := 0, 0
	records(s.unsent(), func(body []byte) {
		message, err := r.Take(body)
		if err != nil {
			t.Fatal(err)
		}
		if n++; message {
			messages++
		}
	})
	if n != 3 || messages != 2 || r.confirmed.Load() != 99 {
		t.Fatalf("%d records, %d of them messages, %d confirmed", n, messages, r.confirmed.Load())
	}
	if err := s.confirm(r.taken); err != nil || s.kept() != 0 {
		t.Fatalf("%d bytes kept, %v", s.kept(), err)
	}
}

func TestConfirmRefusesNonsense(t *testing.T) {
	s := newStream(1, testLimits)
	add(t, s, []byte("abc"))
	s.flush(0)
	add(t, s, []byte("not flushed"))
	first := uint64(MarkBytes + headerBytes + 4)
	for _, offset := range []uint64{1, first - 1, first + 1, first + 16, 1 << 60} {
		if err := s.confirm(offset); !errors.Is(err, ErrConfirm) {
			t.Errorf("offset %d: %v", offset, err)
		}
	}
	for _, offset := range []uint64{0, MarkBytes, first, MarkBytes, 0} {
		if err := s.confirm(offset); err != nil {
			t.Errorf("offset %d: %v", offset, err)
		}
	}
}

// A connection may tell late what it took: the peer has confirmed it already.
func TestConfirmationOvertakesTheWrite(t *testing.T) {
	s := newStream(1, testLimits)
	if err := s.ping(0); err != nil {
		t.Fatal(err)
	}
	first := uint64(len(s.unsent()))
	add(t, s, []byte("abc"))
	s.flush(0)
	if err := s.confirm(first); err != nil {
		t.Fatal(err)
	}
	if s.sent != first || len(s.unsent()) != s.kept() {
		t.Fatalf("goes on at %d with %d bytes, %d are kept", s.sent, len(s.unsent()), s.kept())
	}
	s.wrote(first)
	if s.sent != first {
		t.Fatalf("the late report moved it to %d", s.sent)
	}
}

func TestBounds(t *testing.T) {
	s := newStream(1, Limits{MaxRecordBytes: 10, MaxKeptBytes: 2*MarkBytes + 14})
	if err := s.commit(append(s.reserve(11), make11()...)); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("11 of 10 bytes: %v", err)
	}
	if err := s.commit(append(s.reserve(10), make11()[:10]...)); err != nil {
		t.Fatal(err)
	}
	s.flush(0)
	if err := s.commit(append(s.reserve(10), make11()[:10]...)); !errors.Is(err, ErrFull) {
		t.Fatalf("beyond the bound: %v", err)
	}
	s.flush(0)
	if err := s.ping(0); !errors.Is(err, ErrFull) {
		t.Fatalf("a ping beyond the bound: %v", err)
	}
}

func make11() []byte { return []byte("\x01abcdefghij") }

func TestInboundDetectsGapsAndRepeats(t *testing.T) {
	s := newStream(1, testLimits)
	for range 3 {
		if err := s.ping(0); err != nil {
			t.Fatal(err)
		}
	}
	var bodies [][]byte
	records(s.unsent(), func(body []byte) { bodies = append(bodies, body) })
	for name, order := range map[string][]int{"gap": {0, 2}, "repeat": {0, 0}, "late": {1}} {
		var r Inbound
		var err error
		for _, i := range order {
			_, err = r.Take(bodies[i])
		}
		if !errors.Is(err, ErrGap) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var r Inbound
	for _, body := range [][]byte{nil, {0}, bodies[0][:16], append(bytes.Clone(bodies[0]), 0)} {
		if _, err := r.Take(body); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d bytes: %v", len(body), err)
		}
	}
	if r.taken != 0 {
		t.Error("what was refused was counted")
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	s := newStream(1, testLimits)
	body := make([]byte, 100)
	turn := func() {
		for range 3 {
			add(t, s, body)
		}
		s.flush(0)
		s.wrote(s.sent + uint64(len(s.unsent())))
		if s.kept() > 2000 { // confirmations lag behind
			if err := s.confirm(s.base + uint64(MarkBytes+3*(headerBytes+101))); err != nil {
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
