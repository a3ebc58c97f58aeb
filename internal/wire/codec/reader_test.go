package codec

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
)

// Every value is read as it was written, and nothing is left.
func TestReader(t *testing.T) {
	b := []byte{7}
	b = binary.LittleEndian.AppendUint64(b, math.MaxUint64-1)
	for _, v := range []uint64{0, 127, 128, math.MaxUint64} {
		b = binary.AppendUvarint(b, v)
	}
	for _, v := range []int64{0, -1, math.MinInt64, math.MaxInt64} {
		b = binary.AppendVarint(b, v)
	}
	b = binary.AppendUvarint(b, math.MaxUint32)
	b = binary.AppendUvarint(b, math.MaxInt64)
	b = append(b, 3, 'a', 'b', 'c', 0, 2, 1, 1, 'r', 'e', 's', 't')
	r := NewReader(b)
	if v := r.Uint8(); v != 7 {
		t.Errorf("Uint8: %d", v)
	}
	if v := r.Uint64(); v != math.MaxUint64-1 {
		t.Errorf("Uint64: %d", v)
	}
	for _, want := range []uint64{0, 127, 128, math.MaxUint64} {
		if v := r.Uvarint(); v != want {
			t.Errorf("Uvarint: %d, want %d", v, want)
		}
	}
	for _, want := range []int64{0, -1, math.MinInt64, math.MaxInt64} {
		if v := r.Varint(); v != want {
			t.Errorf("Varint: %d, want %d", v, want)
		}
	}
	if v := r.Uint32(); v != math.MaxUint32 {
		t.Errorf("Uint32: %d", v)
	}
	if v := r.Duration(); v != math.MaxInt64 {
		t.Errorf("Duration: %d", v)
	}
	if v := r.Bytes(); string(v) != "abc" || cap(v) != 3 {
		t.Errorf("Bytes: %q with room for %d", v, cap(v))
	}
	if v := r.Bytes(); v != nil {
		t.Errorf("no Bytes: %v", v)
	}
	if v := r.Count(1); v != 2 {
		t.Errorf("Count: %d", v)
	}
	if v := r.Take(2); !bytes.Equal(v, []byte{1, 1}) || cap(v) != 2 {
		t.Errorf("Take: %v", v)
	}
	if r.Len() != 4 || r.Done() || r.Bad() {
		t.Errorf("%d bytes left, done %v, bad %v", r.Len(), r.Done(), r.Bad())
	}
	if v := r.Rest(); string(v) != "rest" || !r.Done() || r.Bad() || r.Len() != 0 || r.Rest() != nil {
		t.Errorf("Rest: %q, done %v", v, r.Done())
	}
	if r = NewReader(nil); !r.Done() || r.Rest() != nil || r.Bad() {
		t.Error("nothing is bad")
	}
}

// What is missing, or not in its only form, makes the reader bad for good.
func TestBad(t *testing.T) {
	long := bytes.Repeat([]byte{0xff}, 10)
	for name, tc := range map[string]struct {
		b    []byte
		read func(r *Reader) bool // whether it returns zero
	}{
		"no byte":                  {nil, func(r *Reader) bool { return r.Uint8() == 0 }},
		"seven bytes":              {make([]byte, 7), func(r *Reader) bool { return r.Uint64() == 0 }},
		"no varint":                {nil, func(r *Reader) bool { return r.Uvarint() == 0 }},
		"half a varint":            {[]byte{0x80}, func(r *Reader) bool { return r.Uvarint() == 0 }},
		"zero in two bytes":        {[]byte{0x80, 0}, func(r *Reader) bool { return r.Uvarint() == 0 }},
		"one in three bytes":       {[]byte{0x81, 0x80, 0}, func(r *Reader) bool { return r.Uvarint() == 0 }},
		"a varint of 65 bits":      {append(long[:9:9], 2), func(r *Reader) bool { return r.Uvarint() == 0 }},
		"an endless varint":        {long, func(r *Reader) bool { return r.Uvarint() == 0 }},
		"a long zigzag":            {[]byte{0x81, 0}, func(r *Reader) bool { return r.Varint() == 0 }},
		"above the most":           {[]byte{11, 1}, func(r *Reader) bool { return r.Max(10) == 0 }},
		"33 bits":                  {binary.AppendUvarint(nil, 1<<32), func(r *Reader) bool { return r.Uint32() == 0 }},
		"a negative duration":      {binary.AppendUvarint(nil, 1<<63), func(r *Reader) bool { return r.Duration() == 0 }},
		"more bytes than there":    {[]byte{3, 1, 2}, func(r *Reader) bool { return r.Bytes() == nil }},
		"a length that wraps":      {binary.AppendUvarint(nil, math.MaxUint64), func(r *Reader) bool { return r.Bytes() == nil }},
		"more things than fit":     {[]byte{2, 0, 0, 0}, func(r *Reader) bool { return r.Count(2) == 0 }},
		"what the caller forbids":  {[]byte{1, 2}, func(r *Reader) bool { r.Fail(); return true }},
		"more taken than is there": {[]byte{1}, func(r *Reader) bool { return r.Take(2) == nil }},
	} {
		r := NewReader(tc.b)
		if !tc.read(&r) || !r.Bad() || r.Done() || r.Len() != 0 {
			t.Errorf("%s: bad %v, done %v, %d bytes left", name, r.Bad(), r.Done(), r.Len())
		}
		if r.Uint8() != 0 || r.Uint64() != 0 || r.Varint() != 0 || r.Bytes() != nil || r.Rest() != nil || r.Done() {
			t.Errorf("%s: it goes on", name)
		}
	}
	r := NewReader([]byte{2, 0, 0, 0, 0})
	if r.Count(2) != 2 || r.Bad() {
		t.Error("as many things as fit are refused")
	}
	r = NewReader([]byte{10})
	if r.Max(10) != 10 || r.Bad() {
		t.Error("the most that is allowed is refused")
	}
}

// FuzzUvarint holds Uvarint against encoding/binary: what it takes is what is written for it.
func FuzzUvarint(f *testing.F) {
	f.Add([]byte{0x80, 0})
	f.Add([]byte{0xff, 0x01, 7})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(b)
		v := r.Uvarint()
		if want := binary.AppendUvarint(nil, v); !r.Bad() && (!bytes.HasPrefix(b, want) || r.Len() != len(b)-len(want)) {
			t.Errorf("%x is read as %d", b, v)
		}
		if w, n := binary.Uvarint(b); r.Bad() && n > 0 && len(binary.AppendUvarint(nil, w)) == n {
			t.Errorf("%x is %d, and refused", b, w)
		}
	})
}
