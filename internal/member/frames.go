package member

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Frames from a donor to a joiner, on a connection of their own so that no
// heartbeat queues behind them. They look like a client connection's; deliveries
// are wire.FrameDelivery.
const (
	frameChunk   = 16 // a part of the snapshot
	frameLoaded  = 17 // the snapshot is complete
	frameHead    = 18 // little more waits to be sent; body: uvarint position of the donor by now
	frameRefused = 19 // the donor gives the joiner up: a byte that says why, and the reason in words
	frameHeadlen = 5
)

// MaxFrameBytes bounds a frame from a donor: the longest message, with its bitmap and
// head, or a snapshot's chunk with a value of the greatest size.
const MaxFrameBytes = 64 << 20

// Why a donor gives a joiner up. Others may be added: a joiner takes what it does not
// know for refusedNow.
const (
	refusedNow     = 0 // another donor, or this one later, may serve the joiner
	refusedDamaged = 1 // the donor's state is damaged
	refusedLagged  = 2 // the joiner fell too far behind the donor's deliveries
)

// AppendRefusal appends the last frame to a joiner, which says why it gets nothing more.
func AppendRefusal(dst []byte, reason error) []byte {
	code := byte(refusedNow)
	switch {
	case errors.Is(reason, store.ErrDigest), errors.Is(reason, ErrDamaged):
		code = refusedDamaged
	case errors.Is(reason, ErrLagged):
		code = refusedLagged
	}
	start := len(dst)
	dst = append(beginFrame(dst, frameRefused), code)
	return endFrame(append(dst, reason.Error()...), start)
}

// printable is what stands for a character of a text from another node.
func printable(c rune) rune {
	if unicode.IsPrint(c) {
		return c
	}
	return unicode.ReplacementChar
}

// refusal is the error that a donor's last frame says.
func refusal(body []byte) error {
	if len(body) == 0 {
		return fmt.Errorf("%w: a refusal without a reason", wire.ErrMalformed)
	}
	kind := ErrDonorRefuses
	switch body[0] {
	case refusedDamaged:
		kind = ErrDonorDamaged
	case refusedLagged:
		kind = ErrDonorLagged
	}
	return fmt.Errorf("%w: %s", kind, strings.Map(printable, string(body[1:])))
}

// beginFrame appends the head of a frame, whose length endFrame fills in.
func beginFrame(dst []byte, kind byte) []byte {
	return append(dst, 0, 0, 0, 0, kind)
}

func endFrame(b []byte, start int) []byte {
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-wire.HeaderBytes))
	return b
}
