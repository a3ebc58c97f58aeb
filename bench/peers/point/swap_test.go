package point

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestSwapsAreChecked: a system that does not look at both variables, writes one of them
// only, or loses a transaction, is found out.
func TestSwapsAreChecked(t *testing.T) {
	const probing = 4 // transactions that come before the point
	for name, spoil := range map[string]func(s *fakeSwap){
		"looks at the first only":  func(s *fakeSwap) { s.look[1] = false },
		"looks at the second only": func(s *fakeSwap) { s.look[0] = false },
		"does not look":            func(s *fakeSwap) { s.look = [2]bool{} },
		"writes the first only":    func(s *fakeSwap) { s.write[1] = s.n <= probing },
		"writes the second only":   func(s *fakeSwap) { s.write[0] = s.n <= probing },
		"loses one":                func(s *fakeSwap) { s.write = [2]bool{s.n != 20, s.n != 20} },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.swap = spoil
			work := short(Swaps)
			work.Duration = time.Hour
			if _, err := NewPool(f).Run(t.Context(), work); !errors.Is(err, ErrOperation) || !errors.Is(err, errLost) && !errors.Is(err, ErrChanged) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// TestLastSwapIsChecked: also of the last transaction of a client both variables must have
// what it wrote.
func TestLastSwapIsChecked(t *testing.T) {
	for _, keys := range []int{2, 3, 6, 7} {
		for spoiled := range keys {
			f := newFake()
			s := newSwapper(fakeClient{f}, Keys(keys), nil)
			for i, k := range s.keys {
				s.wrote[i] = []byte{byte(i)}
				f.values[k] = []byte{byte(i)}
			}
			if err := s.check(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.values[s.keys[spoiled]] = []byte("other")
			if err := s.check(t.Context()); !errors.Is(err, errLost) {
				t.Errorf("%d of %d keys: the error is %v", spoiled, keys, err)
			}
		}
	}
}

// TestSwapEndsWithCheck: the point looks at the last transactions by itself.
func TestSwapEndsWithCheck(t *testing.T) {
	f := newFake()
	work := short(Swaps)
	work.Clients = 1
	c := &endingClient{fakeClient: fakeClient{f}}
	pool := NewPool(f)
	pool.clients = []Client{c}
	if _, err := pool.Run(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	if c.readsAfter < 2 {
		t.Errorf("%d reads after the last transaction", c.readsAfter)
	}
}

// endingClient counts the reads since the last transaction.
type endingClient struct {
	fakeClient
	readsAfter int
}

func (c *endingClient) ReadTwo(ctx context.Context, keys [2]string) ([2]Seen, error) {
	c.readsAfter++
	return c.fakeClient.ReadTwo(ctx, keys)
}

func (c *endingClient) SwapTwo(ctx context.Context, keys [2]string, seen [2]Seen, values [2][]byte) error {
	c.readsAfter = 0
	return c.fakeClient.SwapTwo(ctx, keys, seen, values)
}

func TestSwapsMustBeSupported(t *testing.T) {
	pool := NewPool(newFake())
	for range 4 {
		pool.clients = append(pool.clients, waitingClient{fakeClient{newFake()}})
	}
	if _, err := pool.Run(t.Context(), short(Swaps)); !errors.Is(err, errors.ErrUnsupported) || errors.Is(err, ErrOperation) {
		t.Errorf("the error is %v", err)
	}
}

// TestOwnKeys: no key belongs to two clients, and none to nobody.
func TestOwnKeys(t *testing.T) {
	work := Work{Kind: Swaps, Clients: 3, Keys: Keys(10)}
	owners := map[string]int{}
	for client := range work.Clients {
		own := work.own(client)
		if len(own) < work.ownKeys() {
			t.Errorf("client %d has %q", client, own)
		}
		for _, k := range own {
			owners[k]++
		}
	}
	for _, k := range work.Keys {
		if owners[k] != 1 {
			t.Errorf("%q belongs to %d clients", k, owners[k])
		}
	}
}
