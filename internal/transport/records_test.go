package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func frame(body []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// readAll returns the records that a reader brings before it ends.
func readAll(r io.Reader, maxBytes int) (bodies [][]byte, owned int, err error) {
	rr := newRecordReader(r, maxBytes)
	for {
		body, own, err := rr.next()
		if err != nil {
			return bodies, owned, err
		}
		if own {
			owned++
		}
		if body != nil {
			bodies = append(bodies, bytes.Clone(body))
			continue
		}
		if err := rr.fill(); err != nil {
			return bodies, owned, err
		}
	}
}

func TestRecordsOfAllSizes(t *testing.T) {
	sizes := []int{1, readBytes - headerBytes, readBytes - headerBytes + 1, 2, growBytes, growBytes + 1, 3, 5*growBytes + 7, 1}
	var sent []byte
	for i, size := range sizes {
		sent = append(sent, frame(bytes.Repeat([]byte{byte(i + 1)}, size))...)
	}
	for name, r := range map[string]io.Reader{
		"whole":  bytes.NewReader(sent),
		"halves": iotest.HalfReader(bytes.NewReader(sent)),
		"bytes":  iotest.OneByteReader(bytes.NewReader(sent)),
	} {
		t.Run(name, func(t *testing.T) {
			bodies, owned, err := readAll(r, 10*growBytes)
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if len(bodies) != len(sizes) || owned != 4 {
				t.Fatalf("%d records, %d of them in buffers of their own", len(bodies), owned)
			}
			for i, body := range bodies {
				if !bytes.Equal(body, bytes.Repeat([]byte{byte(i + 1)}, sizes[i])) {
					t.Fatalf("record %d of %d bytes differs", i, sizes[i])
				}
			}
		})
	}
}

func TestRecordsRefused(t *testing.T) {
	good := frame([]byte("good"))
	for name, b := range map[string][]byte{
		"empty":     frame(nil),
		"too large": frame(make([]byte, 101)),
		"garbage":   []byte("GET / HTTP/1.1\r\n"),
	} {
		bodies, _, err := readAll(bytes.NewReader(append(bytes.Clone(good), b...)), 100)
		if !errors.Is(err, errRecord) || len(bodies) != 1 {
			t.Errorf("%s: %d records, %v", name, len(bodies), err)
		}
	}
	if _, _, err := readAll(bytes.NewReader(frame(make([]byte, readBytes))[:readBytes]), readBytes); !errors.Is(err, io.EOF) {
		t.Errorf("a large record cut short: %v", err)
	}
}

// greedy counts how much room it is given before it has brought anything.
type greedy struct {
	head []byte
	room int
}

func (g *greedy) Read(b []byte) (int, error) {
	if len(g.head) == 0 {
		g.room = len(b)
		return 0, io.EOF
	}
	n := copy(b, g.head)
	g.head = g.head[n:]
	return n, nil
}

func TestLengthAloneTakesNoMemory(t *testing.T) {
	g := &greedy{head: binary.LittleEndian.AppendUint32(nil, 1<<31)}
	if _, _, err := readAll(g, 1<<31); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if g.room != growBytes {
		t.Fatalf("%d bytes were taken for a record of which nothing had come", g.room)
	}
}

func FuzzRecords(f *testing.F) {
	f.Add(append(frame([]byte("one")), frame([]byte("two"))...))
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		bodies, _, _ := readAll(iotest.HalfReader(bytes.NewReader(b)), 1000)
		var again []byte
		for _, body := range bodies {
			again = append(again, frame(body)...)
		}
		if !bytes.HasPrefix(b, again) {
			t.Fatalf("%x was read as %x", b, again)
		}
	})
}

func TestRecordsInAnyPortions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sent []byte
		n := rapid.IntRange(0, 20).Draw(t, "records")
		for i := range n {
			sent = append(sent, frame(bytes.Repeat([]byte{byte(i)}, rapid.IntRange(1, 5000).Draw(t, "size")))...)
		}
		var portions []io.Reader
		for rest := sent; len(rest) > 0; {
			k := rapid.IntRange(1, len(rest)).Draw(t, "portion")
			portions, rest = append(portions, bytes.NewReader(rest[:k])), rest[k:]
		}
		if bodies, _, err := readAll(io.MultiReader(portions...), 5000); len(bodies) != n || !errors.Is(err, io.EOF) {
			t.Fatalf("%d records of %d, %v", len(bodies), n, err)
		}
	})
}
