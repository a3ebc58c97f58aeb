package point

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/seed-8247e700/dsm/bench/load"
)

// errLost says that a system does not keep what it has promised about a transaction.
var errLost = errors.New("point: a transaction is not what it should be")

// txnClient returns what swaps two variables, if the system can.
func txnClient(c Client) (TxnClient, error) {
	t, ok := c.(TxnClient)
	if !ok {
		return nil, fmt.Errorf("point: %w: a %T has no transactions", errors.ErrUnsupported, c)
	}
	return t, nil
}

// swapper swaps pairs of variables that nobody else writes.
type swapper struct {
	client TxnClient
	keys   []string
	wrote  [][]byte // by key: what the last transaction has given it; nil: none has
	values *load.Values
	next   [2][]byte // buffers of what is written, so that they need not be made each time
}

func newSwapper(c TxnClient, keys []string, values *load.Values) *swapper {
	return &swapper{client: c, keys: keys, wrote: make([][]byte, len(keys)), values: values}
}

// read reads the i-th and the j-th variable, and checks that they have what was written.
func (s *swapper) read(ctx context.Context, i, j int) (keys [2]string, seen [2]Seen, err error) {
	keys = [2]string{s.keys[i], s.keys[j]}
	if seen, err = s.client.ReadTwo(ctx, keys); err != nil {
		return keys, seen, err
	}
	for n, k := range [2]int{i, j} {
		if s.wrote[k] != nil && !bytes.Equal(seen[n].Value, s.wrote[k]) {
			return keys, seen, fmt.Errorf("%w: %q has %.20q, and the last transaction wrote %.20q", errLost, keys[n], seen[n].Value, s.wrote[k])
		}
	}
	return keys, seen, nil
}

// swap reads two variables and gives both new values.
func (s *swapper) swap(ctx context.Context, i, j int) error {
	keys, seen, err := s.read(ctx, i, j)
	if err != nil {
		return err
	}
	for n := range s.next {
		s.next[n] = append(s.next[n][:0], s.values.Next()...)
	}
	if err := s.client.SwapTwo(ctx, keys, seen, s.next); err != nil {
		return err
	}
	s.wrote[i], s.next[0] = s.next[0], s.wrote[i]
	s.wrote[j], s.next[1] = s.next[1], s.wrote[j]
	return nil
}

// check reads all variables that were written once more.
func (s *swapper) check(ctx context.Context) error {
	for i := 0; i+1 < len(s.keys); i += 2 {
		if _, _, err := s.read(ctx, i, i+1); err != nil {
			return err
		}
	}
	if last := len(s.keys) - 1; last%2 == 0 {
		_, _, err := s.read(ctx, last, 0)
		return err
	}
	return nil
}

// probe holds that a system refuses a transaction, and writes neither variable, if one of
// the two has changed: the figures of one that does not look would say nothing.
func probe(ctx context.Context, work *Work, c TxnClient) error {
	m := &point{work: *work}
	s := newSwapper(c, work.own(0), load.NewValues(m.keys(), work.Clients)) // not the values of a client
	if err := s.swap(ctx, 0, 1); err != nil {
		return err
	}
	keys, old, err := s.read(ctx, 0, 1)
	if err != nil {
		return err
	}
	if err := s.swap(ctx, 0, 1); err != nil {
		return err
	}
	_, now, err := s.read(ctx, 0, 1)
	if err != nil {
		return err
	}
	value := bytes.Clone(s.values.Next())
	for _, seen := range [][2]Seen{{old[0], now[1]}, {now[0], old[1]}} {
		if err := c.SwapTwo(ctx, keys, seen, [2][]byte{value, value}); !errors.Is(err, ErrChanged) {
			return fmt.Errorf("%w: on condition that a variable has not changed, which has: %w, not %w", errLost, orDone(err), ErrChanged)
		}
		if _, _, err := s.read(ctx, 0, 1); err != nil {
			return err
		}
	}
	return nil
}

var errDone = errors.New("it was done")

// orDone is an error also if there is none.
func orDone(err error) error {
	if err == nil {
		return errDone
	}
	return err
}

// swap swaps variables until the end, and then looks at what the last transactions wrote.
func (w *worker) swap(ctx context.Context, s *swapper) {
	var err error
	for now := w.point.now(); w.goesOn(ctx, now, err); {
		i := w.choose(len(s.keys))
		j := (i + 1 + w.choose(len(s.keys)-1)) % len(s.keys)
		err = s.swap(ctx, i, j)
		from := now
		now = w.point.now()
		w.point.ended(w.id, from, now, err)
	}
	if err == nil && ctx.Err() == nil {
		if err = s.check(ctx); err != nil {
			w.point.failed(err)
		}
	}
}
