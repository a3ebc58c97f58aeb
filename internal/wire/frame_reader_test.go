package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// frameOf is a frame with a body.
func frameOf(kind byte, body []byte) []byte {
	return EndFrame(append(BeginFrame(nil, kind), body...), 0)
}

// pieces hands out the parts of a stream one Read each, and counts the reads.
type pieces struct {
	parts [][]byte
	reads int
}

func (p *pieces) Read(b []byte) (int, error) {
	p.reads++
	if len(p.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.parts[0])
	if p.parts[0] = p.parts[0][n:]; len(p.parts[0]) == 0 {
		p.parts = p.parts[1:]
	}
	return n, nil
}

// However a stream is cut into reads, the same frames come out, and all those
// that are buffered stay as they are until a read.
func TestFrameReaderAnyCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bodies := rapid.SliceOfN(rapid.OneOf(
			rapid.SliceOfN(rapid.Byte(), 0, 40),
			rapid.Map(rapid.IntRange(0, 300<<10), func(n int) []byte { return bytes.Repeat([]byte{byte(n)}, n) }),
		), 0, 12).Draw(t, "bodies")
		var stream []byte
		for i, b := range bodies {
			stream = append(stream, frameOf(byte(i+1), b)...)
		}
		src := &pieces{}
		for len(stream) > 0 {
			n := min(len(stream), rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(1, 200<<10)).Draw(t, "piece"))
			src.parts = append(src.parts, stream[:n])
			stream = stream[n:]
		}
		f := NewFrameReader(src, 1<<20)
		var batch [][]byte
		first := 0
		for i := range bodies {
			kind, body, err := f.Next()
			if err != nil || kind != byte(i+1) {
				t.Fatalf("frame %d: kind %d, %v", i, kind, err)
			}
			batch = append(batch, body)
			if f.Buffered() {
				continue
			}
			for j, b := range batch {
				if !bytes.Equal(b, bodies[first+j]) {
					t.Fatalf("frame %d differs", first+j)
				}
			}
			batch, first = batch[:0], i+1
		}
		for range 2 {
			if _, _, err := f.Next(); !errors.Is(err, io.EOF) {
				t.Fatalf("at the end: %v", err)
			}
		}
	})
}

func TestFrameReaderOneReadForManyFrames(t *testing.T) {
	var stream []byte
	for range 50 {
		stream = append(stream, frameOf(1, []byte("body"))...)
	}
	src := &pieces{parts: [][]byte{stream}}
	f := NewFrameReader(src, 100)
	for i := range 50 {
		if _, _, err := f.Next(); err != nil {
			t.Fatal(err)
		}
		if f.Buffered() != (i < 49) {
			t.Fatalf("Buffered after frame %d", i)
		}
	}
	if src.reads != 1 {
		t.Errorf("%d reads", src.reads)
	}
}

// What a length announces takes no memory until it arrives.
func TestFrameReaderGrowsWithWhatArrives(t *testing.T) {
	const announced = 1 << 30
	head := binary.LittleEndian.AppendUint32(nil, announced)
	src := &pieces{parts: [][]byte{head, make([]byte, 10<<10)}}
	f := NewFrameReader(src, announced)
	if _, _, err := f.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if len(f.buf) > maxReadBuffer {
		t.Errorf("a buffer of %d bytes for 10 KiB", len(f.buf))
	}
}

// A buffer that one large frame has made is let go when it is empty.
func TestFrameReaderShrinks(t *testing.T) {
	large := frameOf(1, make([]byte, 1<<20))
	src := &pieces{parts: [][]byte{large, frameOf(2, nil)}}
	f := NewFrameReader(src, 2<<20)
	for range 2 {
		if _, _, err := f.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.buf) > keepReadBuffer {
		t.Errorf("%d bytes are kept", len(f.buf))
	}
}

// A record that fills a buffer of its own may be kept. The reader goes on with the
// buffer for small ones, which costs no memory again.
func TestFrameReaderOwn(t *testing.T) {
	const small, kept = maxReadBuffer - FrameBytes, keepReadBuffer - FrameBytes
	sizes := []int{1, small, small + 1, 2, kept, kept + 1, 3, 5*kept + 7, 5 * kept, 0}
	var sent []byte
	for i, size := range sizes {
		sent = append(sent, frameOf(byte(i+1), bytes.Repeat([]byte{byte(i + 1)}, size))...)
	}
	for name, src := range map[string]io.Reader{
		"whole":  bytes.NewReader(sent),
		"halves": iotest.HalfReader(bytes.NewReader(sent)),
	} {
		f := NewFrameReader(src, 2<<20)
		var records [][]byte
		var before *byte // of the buffer for small frames
		for i, size := range sizes {
			record, err := f.NextRecord()
			if err != nil {
				t.Fatalf("%s: record %d: %v", name, i, err)
			}
			if len(f.buf) == maxReadBuffer {
				if before != nil && &f.buf[0] != before {
					t.Errorf("%s: another buffer before record %d", name, i)
				}
				before = &f.buf[0]
			}
			own := f.Own(record)
			if own != (size > small) || own && (f.Buffered() || cap(record) != 1+size) {
				t.Errorf("%s: a record of %d bytes has memory of its own: %v, %d bytes", name, size, own, cap(record))
			}
			if f.Own(record) {
				t.Errorf("%s: given away twice", name)
			}
			if !own {
				record = bytes.Clone(record)
			}
			records = append(records, record)
		}
		for i, record := range records {
			if !bytes.Equal(record, bytes.Repeat([]byte{byte(i + 1)}, 1+sizes[i])) {
				t.Errorf("%s: record %d was overwritten", name, i)
			}
		}
	}
}

// A record in a buffer that an earlier one has made larger does not own it.
func TestFrameReaderOwnsNoShare(t *testing.T) {
	large, less := frameOf(1, make([]byte, 100<<10)), frameOf(2, make([]byte, 80<<10))
	f := NewFrameReader(&pieces{parts: [][]byte{large, less}}, 1<<20)
	if _, err := f.NextRecord(); err != nil {
		t.Fatal(err)
	}
	if record, err := f.NextRecord(); err != nil || f.Own(record) || len(record) != len(less)-HeaderBytes {
		t.Errorf("%d bytes, %v", len(record), err)
	}
}

func TestFrameReaderErrors(t *testing.T) {
	broken := errors.New("broken")
	good := frameOf(1, []byte("ok"))
	for name, c := range map[string]struct {
		src  io.Reader
		want error
	}{
		"end":          {bytes.NewReader(good), io.EOF},
		"in a header":  {bytes.NewReader(append(bytes.Clone(good), 1, 0)), io.ErrUnexpectedEOF},
		"in a body":    {bytes.NewReader(append(bytes.Clone(good), 9, 0, 0, 0, 1)), io.ErrUnexpectedEOF},
		"no kind":      {bytes.NewReader(append(bytes.Clone(good), 0, 0, 0, 0)), ErrMalformed},
		"too large":    {bytes.NewReader(append(bytes.Clone(good), 101, 0, 0, 0)), ErrFrameTooLarge},
		"source":       {io.MultiReader(bytes.NewReader(good), iotest.ErrReader(broken)), broken},
		"data and err": {iotest.DataErrReader(bytes.NewReader(good)), io.EOF},
		"stuck":        {io.MultiReader(bytes.NewReader(good), stuck{}), io.ErrNoProgress},
	} {
		f := NewFrameReader(c.src, 100)
		if _, body, err := f.Next(); err != nil || string(body) != "ok" {
			t.Errorf("%s: the frame before it: %q, %v", name, body, err)
		}
		for range 2 {
			if _, _, err := f.Next(); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
	}
}

// stuck is a reader that never returns anything.
type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// TestFrameReaderDrained tells whether a read got all that was there.
func TestFrameReaderDrained(t *testing.T) {
	frame := frameOf(FrameRequest, make([]byte, 100))
	for _, frames := range []int{1, 10, 1000} {
		var src bytes.Buffer
		for range frames {
			src.Write(frame)
		}
		r := NewFrameReader(&src, 1000)
		for range frames {
			if _, _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
			if got, want := r.Drained(), src.Len() == 0; got && !want {
				t.Fatalf("drained, and %d bytes are there", src.Len())
			}
		}
		if !r.Drained() {
			t.Errorf("not drained after all of %d frames", frames)
		}
	}
}

// reluctant has nothing to say before every piece.
type reluctant struct {
	pieces
	willing bool
}

func (r *reluctant) Read(b []byte) (int, error) {
	if r.willing = !r.willing; r.willing {
		return 0, ErrAgain
	}
	return r.pieces.Read(b)
}

// A source that has nothing now is asked again later, and nothing is lost.
func TestFrameReaderAgain(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789"), 1000)
	stream := append(frameOf(1, want), frameOf(2, nil)...)
	src := &reluctant{}
	for len(stream) > 0 {
		n := min(len(stream), 777)
		src.parts, stream = append(src.parts, stream[:n]), stream[n:]
	}
	f := NewFrameReader(src, 1<<20)
	again := 0
	for kind := byte(1); kind <= 2; {
		got, body, err := f.Next()
		switch {
		case errors.Is(err, ErrAgain):
			again++
		case err != nil || got != kind || kind == 1 && !bytes.Equal(body, want):
			t.Fatalf("frame of kind %d, %d bytes, %v", got, len(body), err)
		default:
			kind++
		}
	}
	if again < 10000/777 {
		t.Fatalf("only %d times nothing had come", again)
	}
}

// What a frame that is not complete takes is what has come of it, or the buffer of its own that a
// large one has.
func TestBegun(t *testing.T) {
	frame := EndFrame(append(BeginFrame(nil, FrameRequest), make([]byte, 1<<20)...), 0)
	for _, tc := range []struct{ sent, memory int }{
		{0, 0},
		{1, 1},
		{maxReadBuffer - 1, maxReadBuffer - 1},
		{maxReadBuffer, keepReadBuffer},
		{len(frame) - 1, len(frame)},
	} {
		f := NewFrameReader(io.MultiReader(bytes.NewReader(frame[:tc.sent]), again{}), 2<<20)
		if _, err := f.NextRecord(); err != ErrAgain { //nolint:errorlint // by contract it comes as it is
			t.Fatal(err)
		}
		if arrived, memory := f.Begun(); arrived != tc.sent || memory != tc.memory {
			t.Errorf("of %d bytes, %d have arrived and take %d, want %d", tc.sent, arrived, memory, tc.memory)
		}
	}
}

// Of large frames the reader asks once each. It drops those that are refused, however they come,
// and keeps nothing of them.
func TestFrameReaderRefuses(t *testing.T) {
	const refused, kept = 1, 2 // kinds
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.SampledFrom([]byte{refused, kept}), 1, 8).Draw(t, "kinds")
		sizes := rapid.SliceOfN(rapid.SampledFrom([]int{0, 70, maxReadBuffer - HeaderBytes - 1, maxReadBuffer - HeaderBytes, 100 << 10, 900 << 10}), len(kinds), len(kinds)).Draw(t, "sizes")
		src := &pieces{}
		var stream []byte
		large := 0
		for i, kind := range kinds {
			stream = append(stream, frameOf(kind, bytes.Repeat([]byte{byte(i)}, sizes[i]))...)
			if FrameBytes+sizes[i] > maxReadBuffer {
				large++
			}
		}
		for len(stream) > 0 {
			n := min(len(stream), rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(1, 200<<10)).Draw(t, "piece"))
			src.parts, stream = append(src.parts, stream[:n]), stream[n:]
		}
		f := NewFrameReader(src, 1<<20)
		asked := 0
		f.Refuse(func(begin []byte, size int) bool {
			asked++
			if len(begin) < beginBytes-HeaderBytes || len(begin) >= size || size <= maxReadBuffer-HeaderBytes {
				t.Fatalf("asked about a frame of %d bytes by %d", size, len(begin))
			}
			return begin[0] == refused
		})
		for i, kind := range kinds {
			got, body, err := f.Next()
			switch large := FrameBytes+sizes[i] > maxReadBuffer; {
			case large && kind == refused && err == ErrRefused: //nolint:errorlint // as Next returns it
				if arrived, memory := f.Begun(); !f.Partial() || f.Buffered() || arrived < beginBytes || memory != 0 {
					t.Fatalf("%d bytes of frame %d have arrived and take %d", arrived, i, memory)
				}
			case err != nil || got != kind || len(body) != sizes[i] || large && kind == refused && len(f.buf) < sizes[i]:
				t.Fatalf("frame %d: kind %d, %d bytes, %v", i, got, len(body), err)
			case len(body) > 0 && body[len(body)-1] != byte(i):
				t.Fatalf("frame %d has another's bytes", i)
			}
		}
		if _, _, err := f.Next(); !errors.Is(err, io.EOF) || asked > large || f.Partial() {
			t.Fatalf("%v at the end; asked %d times about %d frames", err, asked, large)
		}
	})
}

// The reader asks again about the frame after one, whatever became of that.
func TestFrameReaderAsksAboutEach(t *testing.T) {
	var stream []byte
	kinds := []byte{2, 1, 1, 2, 2, 1}
	for _, kind := range kinds {
		stream = append(stream, frameOf(kind, make([]byte, 100<<10))...)
	}
	f := NewFrameReader(iotest.HalfReader(bytes.NewReader(stream)), 1<<20)
	var asked []byte
	f.Refuse(func(begin []byte, _ int) bool {
		asked = append(asked, begin[0])
		return begin[0] == 1
	})
	for i, kind := range kinds {
		if _, _, err := f.Next(); (err == ErrRefused) != (kind == 1) { //nolint:errorlint // as Next returns it
			t.Fatalf("frame %d: %v", i, err)
		}
	}
	if !bytes.Equal(asked, kinds) {
		t.Errorf("asked about %v, want %v", asked, kinds)
	}
}

// The end within a frame that is dropped is within a frame. What has come of it counts for how
// long it may take.
func TestFrameReaderEndsInARefusedFrame(t *testing.T) {
	frame := frameOf(1, make([]byte, 500<<10))
	f := NewFrameReader(io.MultiReader(bytes.NewReader(frame[:200<<10]), again{}), 1<<20)
	f.Refuse(func([]byte, int) bool { return true })
	for _, want := range []error{ErrRefused, ErrAgain} {
		if _, _, err := f.Next(); err != want { //nolint:errorlint // as Next returns it
			t.Fatalf("%v, want %v", err, want)
		}
	}
	if arrived, memory := f.Begun(); arrived != 200<<10 || memory != 0 || len(f.buf) > maxReadBuffer {
		t.Errorf("%d bytes take %d, in a buffer of %d", arrived, memory, len(f.buf))
	}
	f.src = bytes.NewReader(nil)
	for range 2 {
		if _, _, err := f.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v", err)
		}
	}
}

// again has nothing now.
type again struct{}

func (again) Read([]byte) (int, error) { return 0, ErrAgain }
