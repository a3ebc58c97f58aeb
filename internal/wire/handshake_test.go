package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestHelloInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream bytes.Buffer
		want, wantReply := genHello().Draw(t, "hello"), genHelloReply().Draw(t, "reply")
		if err := errors.Join(WriteHello(&stream, want), WriteHelloReply(&stream, wantReply)); err != nil {
			t.Fatal(err)
		}
		stream.WriteString("what follows")
		got, err := ReadHello(&stream)
		if err != nil {
			t.Fatal(err)
		}
		gotReply, err := ReadHelloReply(&stream)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got) + cmp.Diff(wantReply, gotReply); d != "" {
			t.Fatal(d)
		}
		if stream.String() != "what follows" {
			t.Fatalf("%q is left", stream.String())
		}
	})
}

// The first four bytes of another protocol are enough to tell.
func TestHelloMagic(t *testing.T) {
	for _, first := range []string{"PING\r\n", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x00", "dsm\r"} {
		if _, err := ReadHello(strings.NewReader(first)); !errors.Is(err, ErrMagic) {
			t.Errorf("%q: %v", first, err)
		}
		if _, err := ReadHelloReply(strings.NewReader(first)); !errors.Is(err, ErrMagic) {
			t.Errorf("%q: %v", first, err)
		}
	}
}

func TestHelloTruncated(t *testing.T) {
	var whole bytes.Buffer
	if err := WriteHello(&whole, Hello{Role: RoleClient, MinVersion: 1, MaxVersion: 1}); err != nil {
		t.Fatal(err)
	}
	for n := range whole.Len() {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if _, err := ReadHello(bytes.NewReader(whole.Bytes()[:n])); !errors.Is(err, want) {
			t.Errorf("the first %d bytes: %v, want %v", n, err, want)
		}
	}
}

func TestHelloBounded(t *testing.T) {
	if _, err := ReadHello(strings.NewReader(Magic + "\x01\x10\x00\x00")); !errors.Is(err, ErrFrameTooLarge) {
		t.Errorf("reading one of %d bytes: %v", MaxHelloBytes+1, err)
	}
	if err := WriteHello(io.Discard, Hello{Extra: make([]byte, MaxHelloBytes)}); !errors.Is(err, ErrFrameTooLarge) {
		t.Errorf("writing one too large: %v", err)
	}
	var b bytes.Buffer
	if err := WriteHelloReply(&b, HelloReply{Message: strings.Repeat("m", 2*MaxHelloBytes)}); err != nil {
		t.Errorf("a long message is to be cut: %v", err)
	}
	if _, err := ReadHello(strings.NewReader(Magic + "\x02\x00\x00\x00\x01\x80")); !errors.Is(err, ErrMalformed) {
		t.Errorf("a broken one: %v", err)
	}
}

// A later release may say more than this one understands.
func TestHelloFromALaterRelease(t *testing.T) {
	var b bytes.Buffer
	if err := WriteHello(&b, Hello{Role: RolePeer, MinVersion: 1, MaxVersion: 7}); err != nil {
		t.Fatal(err)
	}
	later := append(b.Bytes(), "more"...)
	later[len(Magic)] += 4
	h, err := ReadHello(bytes.NewReader(later))
	if err != nil || h.MaxVersion != 7 {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestNegotiate(t *testing.T) {
	for _, c := range []struct {
		low, high, want uint16
		err             error
	}{
		{1, 1, 1, nil},
		{0, 9, MaxVersion, nil},
		{MaxVersion + 1, MaxVersion + 2, 0, ErrVersion},
		{0, MinVersion - 1, 0, ErrVersion},
		{2, 1, 0, ErrVersion},
	} {
		if got, err := Negotiate(c.low, c.high); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%d to %d: %d, %v", c.low, c.high, got, err)
		}
	}
}

// A joiner's Hello has its incarnation. What is no number is that of nobody.
func TestJoinerOfHello(t *testing.T) {
	for _, incarnation := range []uint64{1, 127, 128, 1<<64 - 1} {
		h := Hello{Role: RoleObserve, Extra: JoinerExtra(incarnation)}
		if got := h.Joiner(); got != incarnation {
			t.Errorf("joiner %d, want %d", got, incarnation)
		}
	}
	for _, extra := range [][]byte{nil, {0x80}, {0x80, 0}} {
		if h := (Hello{Extra: extra}); h.Joiner() != 0 {
			t.Errorf("% x is joiner %d", extra, h.Joiner())
		}
	}
}
