package server

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
	"unicode"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// frameRefused is a donor's last frame to a joiner that it gives up: a byte that says
// why, and the reason in words.
const frameRefused = 19

// Why a donor gives a joiner up. Others may be added: a joiner takes what it does not
// know for refusedNow.
const (
	refusedNow     = 0 // another donor, or this one later, may serve the joiner
	refusedDamaged = 1 // the donor's state is damaged
	refusedLagged  = 2 // the joiner fell too far behind the donor's deliveries
)

// Errors of a joiner whose donor gives it up.
var (
	errDonorRefuses = errors.New("server: the donor gives up")
	errDonorDamaged = errors.New("server: the donor's state is damaged")
	errDonorLagged  = errors.New("server: too slow for the donor's deliveries")
)

// errNoDonor means that this node cannot serve a joiner now.
var errNoDonor = errors.New("server: serves no joiners now")

// refusalTime is how long a donor tries to say why it gives up.
const refusalTime = time.Second

// refuseJoiner tells a joiner why it gets nothing more, unless the connection is what
// has failed, or the joiner has all that it needs.
func (r *replica) refuseJoiner(conn net.Conn, reason error) {
	var broken net.Error
	if reason == nil || errors.Is(reason, errAnotherView) || errors.Is(reason, net.ErrClosed) || errors.As(reason, &broken) {
		return
	}
	code := byte(refusedNow)
	switch {
	case errors.Is(reason, store.ErrDigest), errors.Is(reason, errDamaged):
		code = refusedDamaged
	case errors.Is(reason, errLagged):
		code = refusedLagged
	}
	b := append(beginFrame(nil, frameRefused), code)
	b = append(b, reason.Error()...)
	err := conn.SetWriteDeadline(time.Now().Add(refusalTime))
	if err == nil {
		_, err = conn.Write(endFrame(b, 0))
	}
	if err != nil {
		r.log.Debug("a joiner was not told why it is given up", "err", err)
	}
}

// printable is what stands for a character of a text from another node.
func printable(c rune) rune {
	if unicode.IsPrint(c) {
		return c
	}
	return unicode.ReplacementChar
}

// refusal is the error that a donor's last frame tells.
func refusal(body []byte) error {
	if len(body) == 0 {
		return fmt.Errorf("%w: a refusal without a reason", wire.ErrMalformed)
	}
	kind := errDonorRefuses
	switch body[0] {
	case refusedDamaged:
		kind = errDonorDamaged
	case refusedLagged:
		kind = errDonorLagged
	}
	return fmt.Errorf("%w: %s", kind, strings.Map(printable, string(body[1:])))
}
