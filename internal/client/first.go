package client

import (
	"context"
	"errors"
	"io"
	"time"
)

// How many questions begin at once, and how long they are waited for before the
// next begins, where nothing is said against asking everybody.
const (
	AtOnce  = 64
	Stagger = 50 * time.Millisecond
)

// First asks the addresses of a list and returns the first answer; the other
// questions are given up. It asks atOnce of them at first, and another each time
// that one fails or stagger passes, so that those that hang hold up nobody. The
// stagger halves each time that it passes, down to the constant Stagger: many that
// hang cost little more than one. If none answers, First returns why, in the order of the list. It returns once no
// question is under way any more: ask must end soon after its context. An answer that
// comes too late is closed if it is an io.Closer.
func First[T any](ctx context.Context, list []string, atOnce int, stagger time.Duration, ask func(ctx context.Context, addr string) (T, error)) (T, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		index int
		value T
		err   error
	}
	answers := make(chan answer, len(list))
	begun, ended := 0, 0
	begin := func() {
		index := begun
		begun++
		go func() {
			value, err := ask(ctx, list[index])
			answers <- answer{index, value, err}
		}()
	}
	for begun < min(len(list), atOnce) {
		begin()
	}
	slow := time.NewTimer(stagger)
	defer slow.Stop()
	failures := make([]error, len(list))
	var best T
	won := false
	for ended < begun {
		select {
		case a := <-answers:
			ended++
			failures[a.index] = a.err
			switch closer, ok := any(a.value).(io.Closer); {
			case a.err == nil && !won:
				best, won = a.value, true
				cancel()
			case a.err == nil && ok:
				_ = closer.Close() // it was not needed
			}
			if !won && begun < len(list) {
				begin()
			}
		case <-slow.C:
			if !won && begun < len(list) {
				begin()
				stagger = max(stagger/2, min(stagger, Stagger))
				slow.Reset(stagger)
			}
		}
	}
	if won {
		return best, nil
	}
	return best, errors.Join(failures...)
}
