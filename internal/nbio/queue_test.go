package nbio

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestQueue compares a Queue with a buffer.
func TestQueue(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	bytesOf := rand.NewChaCha8([32]byte{})
	var q Queue
	var want bytes.Buffer
	for range 5_000 {
		b := make([]byte, random.IntN(4<<10))
		_, _ = bytesOf.Read(b) // never fails
		switch random.IntN(10) {
		case 0, 1, 2:
			q.Append(b)
			want.Write(b)
		case 3, 4:
			q.Extend(func(dst []byte) []byte { return append(dst, b...) })
			want.Write(b)
		case 5:
			q.Push(b)
			want.Write(b)
		case 6, 7, 8:
			got := q.Pop()
			if !bytes.Equal(got, want.Next(len(got))) {
				t.Fatal("other bytes came out than went in")
			}
			if random.IntN(2) == 0 {
				q.Recycle(got)
			}
		case 9:
			if random.IntN(100) == 0 {
				q.Clear()
				want.Reset()
			}
		}
		if q.Len() != want.Len() {
			t.Fatalf("%d bytes are queued, want %d", q.Len(), want.Len())
		}
	}
}

// TestQueueDoesNotCopy holds that what has queued up stays where it is: a queue of
// many bytes costs no more for each than one of few.
func TestQueueDoesNotCopy(t *testing.T) {
	var q Queue
	record := make([]byte, 1000)
	q.Append(record)
	for range 10_000 {
		q.Append(record)
	}
	if got := q.Pop(); cap(got) > 2*segmentBytes {
		t.Errorf("the first segment has become one of %d bytes", cap(got))
	}
	for b := q.Pop(); b != nil; b = q.Pop() {
		if cap(b) > 2*segmentBytes {
			t.Fatalf("a segment of %d bytes", cap(b))
		}
	}
	if q.Len() != 0 || q.segments != nil {
		t.Errorf("%d bytes are left", q.Len())
	}
}
