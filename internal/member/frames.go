package member

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
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
	dst = append(wire.BeginFrame(dst, wire.FrameRefused), code)
	return wire.EndFrame(append(dst, reason.Error()...), start)
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
