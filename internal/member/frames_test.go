package member

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// frame returns a whole frame.
func frame(kind byte, body ...byte) []byte {
	return wire.EndFrame(append(wire.BeginFrame(nil, kind), body...), 0)
}

// A frame's length counts its kind and its body.
func TestFrames(t *testing.T) {
	b := append([]byte("before"), 0)
	start := len(b)
	b = wire.EndFrame(append(wire.BeginFrame(b, wire.FrameChunk), "body"...), start)
	if want := append([]byte("before\x00"), 5, 0, 0, 0, wire.FrameChunk, 'b', 'o', 'd', 'y'); !bytes.Equal(b, want) {
		t.Errorf("%q, want %q", b, want)
	}
	if b := frame(wire.FrameLoaded); !bytes.Equal(b, []byte{1, 0, 0, 0, wire.FrameLoaded}) || len(b) != wire.FrameBytes {
		t.Errorf("%q", b)
	}
}

// What a donor says when it gives a joiner up is what the joiner hears.
func TestRefusals(t *testing.T) {
	for _, tc := range []struct {
		reason error
		code   byte
		want   error
	}{
		{fmt.Errorf("because: %w", errConnection), refusedNow, ErrDonorRefuses},
		{fmt.Errorf("because: %w", store.ErrDigest), refusedDamaged, ErrDonorDamaged},
		{fmt.Errorf("because: %w", ErrDamaged), refusedDamaged, ErrDonorDamaged},
		{fmt.Errorf("because: %w", ErrLagged), refusedLagged, ErrDonorLagged},
		{ErrNoDonor, refusedNow, ErrDonorRefuses},
	} {
		b := AppendRefusal([]byte("before"), tc.reason)
		rest, ok := bytes.CutPrefix(b, []byte("before"))
		if !ok {
			t.Fatalf("%q", b)
		}
		kind, body, err := wire.NewFrameReader(bytes.NewReader(rest), 1000).Next()
		if err != nil || kind != wire.FrameRefused || body[0] != tc.code || string(body[1:]) != tc.reason.Error() {
			t.Errorf("%v: kind %d, %q, %v", tc.reason, kind, body, err)
			continue
		}
		if err := refusal(body); !errors.Is(err, tc.want) || !strings.HasSuffix(err.Error(), ": "+tc.reason.Error()) {
			t.Errorf("%v: %v", tc.reason, err)
		}
	}
	if err := refusal(nil); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("nothing: %v", err)
	}
	if err := refusal([]byte{77, 'x'}); !errors.Is(err, ErrDonorRefuses) || !strings.HasSuffix(err.Error(), ": x") {
		t.Errorf("an unknown reason: %v", err)
	}
	if err := refusal([]byte{refusedNow}); !errors.Is(err, ErrDonorRefuses) {
		t.Errorf("no words: %v", err)
	}
	if err := refusal([]byte("\x00a\x1b[31m\nb\xff°")); !strings.HasSuffix(err.Error(), ": a\uFFFD[31m\uFFFDb\uFFFD°") {
		t.Errorf("%q", err)
	}
}

// The numbers of frames and refusals are part of the protocol.
func TestNumbersOfFrames(t *testing.T) {
	if got := []byte{wire.FrameChunk, wire.FrameLoaded, wire.FrameHead, wire.FrameRefused}; !bytes.Equal(got, []byte{16, 17, 18, 19}) {
		t.Errorf("frames %d", got)
	}
	if got := []byte{refusedNow, refusedDamaged, refusedLagged}; !bytes.Equal(got, []byte{0, 1, 2}) {
		t.Errorf("refusals %d", got)
	}
}
