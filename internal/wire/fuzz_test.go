package wire

import (
	"bytes"
	"testing"
)

// Each target holds the same: no input makes a decoder panic, and whatever it
// accepts is encoded again to the very same bytes.

func FuzzDecodeCommand(f *testing.F) {
	for op := Op(1); op.Valid(); op++ {
		c := Command{Op: op, Session: 300, Seq: 7, Floor: 5, Key: "key", Value: []byte("value"), Expect: 4, Delta: -3}
		f.Add(c.Append(nil))
		c.Prev = 6
		f.Add(c.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, rest, err := DecodeCommand(b)
		if err != nil {
			return
		}
		if again := append(c.Append(nil), rest...); !bytes.Equal(b, again) {
			t.Fatalf("% x became % x", b, again)
		}
	})
}

func FuzzDecodeStrings(f *testing.F) {
	f.Add(AppendStrings(nil, []string{"n1", "", "node-2"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := DecodeStrings(b)
		if err != nil {
			return
		}
		if again := AppendStrings(nil, list); !bytes.Equal(b, again) {
			t.Fatalf("% x became % x", b, again)
		}
	})
}

func FuzzDecodeRequest(f *testing.F) {
	for kind := RequestGet; kind <= RequestScan; kind++ {
		f.Add(AppendRequest(nil, &Request{
			ID: 200, Kind: kind, Timeout: 1e9, Position: 5, Key: "key",
			Command: Command{Op: OpAdd, Session: 1, Seq: 2, Floor: 1, Prev: 1, Key: "n", Delta: -1},
		})[HeaderBytes+1:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRequest(b)
		if err != nil {
			return
		}
		if again := AppendRequest(nil, &r)[HeaderBytes+1:]; !bytes.Equal(b, again) {
			t.Fatalf("% x became % x", b, again)
		}
		if r.Kind == RequestWrite && !bytes.Equal(r.RawCommand, r.Command.Append(nil)) {
			t.Fatalf("raw command % x of %+v", r.RawCommand, r.Command)
		}
	})
}

func FuzzDecodeReply(f *testing.F) {
	f.Add(AppendReply(nil, &Reply{ID: 200, Status: StatusConflict, Position: 9, Version: 8, Number: -7, Data: []byte("data")})[HeaderBytes+1:])
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeReply(b)
		if err != nil {
			return
		}
		if again := AppendReply(nil, &r)[HeaderBytes+1:]; !bytes.Equal(b, again) {
			t.Fatalf("% x became % x", b, again)
		}
	})
}

func FuzzDecodeDelivery(f *testing.F) {
	f.Add(AppendDelivery(nil, &Delivery{
		View: 3, Sender: "n1", Incarnation: 2, Seq: 1, First: 77, Count: 1,
		Payload: (&Command{Op: OpBarrier}).Append(nil), Effects: []byte{1},
	})[HeaderBytes+1:])
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := DecodeDelivery(b)
		if err != nil {
			return
		}
		for i := range d.Count {
			d.Effect(i)
		}
		if again := AppendDelivery(nil, &d)[HeaderBytes+1:]; !bytes.Equal(b, again) {
			t.Fatalf("% x became % x", b, again)
		}
	})
}

func FuzzReadHello(f *testing.F) {
	var hello, reply bytes.Buffer
	if WriteHello(&hello, Hello{Role: RoleClient, MinVersion: 1, MaxVersion: 1, Group: 5, Generation: 2, Extra: []byte("x")}) != nil ||
		WriteHelloReply(&reply, HelloReply{Version: 1, Info: Info{NodeID: "n1", SessionTTL: 6e10}, Message: "m"}) != nil {
		f.Fatal("the seeds cannot be written")
	}
	f.Add(hello.Bytes())
	f.Add(reply.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := ReadHello(bytes.NewReader(b)); err == nil {
			again, err := rewrite(func(w *bytes.Buffer) error { return WriteHello(w, h) }, func(w *bytes.Buffer) (Hello, error) { return ReadHello(w) })
			if err != nil || !bytes.Equal(again.Extra, h.Extra) || again.Group != h.Group || again.MaxVersion != h.MaxVersion {
				t.Fatalf("%+v became %+v, %v", h, again, err)
			}
		}
		if r, err := ReadHelloReply(bytes.NewReader(b)); err == nil {
			again, err := rewrite(func(w *bytes.Buffer) error { return WriteHelloReply(w, r) }, func(w *bytes.Buffer) (HelloReply, error) { return ReadHelloReply(w) })
			if err != nil || again.Info != r.Info || again.Status != r.Status {
				t.Fatalf("%+v became %+v, %v", r, again, err)
			}
		}
	})
}

// rewrite writes a value and reads it back.
func rewrite[T any](write func(*bytes.Buffer) error, read func(*bytes.Buffer) (T, error)) (T, error) {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		var zero T
		return zero, err
	}
	return read(&b)
}

func FuzzFrameReader(f *testing.F) {
	f.Add(append(frameOf(1, []byte("body")), frameOf(4, nil)...), byte(3))
	f.Fuzz(func(t *testing.T, b []byte, piece byte) {
		src := &pieces{}
		for rest := b; len(rest) > 0; {
			n := min(len(rest), int(piece)+1)
			src.parts = append(src.parts, rest[:n])
			rest = rest[n:]
		}
		r := NewFrameReader(src, 1000)
		var again []byte
		for {
			kind, body, err := r.Next()
			if err != nil {
				break
			}
			again = append(again, frameOf(kind, body)...)
		}
		if !bytes.HasPrefix(b, again) {
			t.Fatalf("% x was read as % x", b, again)
		}
	})
}
