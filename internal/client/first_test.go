package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// hang waits until the question is given up.
func hang(ctx context.Context) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

// Many that hang, asked one at a time, cost little more than one.
func TestFirstAmongMany(t *testing.T) {
	for hanging, within := range map[int]time.Duration{0: 0, 1: 250 * time.Millisecond, 2: 375 * time.Millisecond, 20: 1400 * time.Millisecond, 63: 3600 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			list := append(slices.Repeat([]string{"hangs"}, hanging), "quick")
			began := time.Now()
			got, err := First(t.Context(), list, 1, 250*time.Millisecond, func(ctx context.Context, addr string) (string, error) {
				if addr == "hangs" {
					return hang(ctx)
				}
				return addr, nil
			})
			if got != "quick" || err != nil || time.Since(began) > within {
				t.Errorf("%d hang: %q, %v after %v, want at most %v", hanging, got, err, time.Since(began), within)
			}
		})
	}
}

// The answer comes in the time of the best, however many of the others hang.
func TestFirst(t *testing.T) {
	many := make([]string, 200)
	for i := range many {
		many[i] = fmt.Sprint("hangs", i)
	}
	for name, tc := range map[string]struct {
		list   []string
		atOnce int
		within time.Duration
	}{
		"alone":           {[]string{"slow"}, AtOnce, 100 * time.Millisecond},
		"three that hang": {[]string{"hangs", "hangs too", "hangs as well", "slow"}, AtOnce, 100 * time.Millisecond},
		"one fails":       {[]string{"fails", "slow"}, 1, 100 * time.Millisecond},
		"the quickest":    {[]string{"slow", "quick"}, AtOnce, 0},
		"one at a time":   {[]string{"hangs", "hangs too", "quick"}, 1, 2 * Stagger},
		"200 that hang":   {append(many, "quick"), AtOnce, time.Duration(201-AtOnce) * Stagger},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				got, err := First(t.Context(), tc.list, tc.atOnce, Stagger, func(ctx context.Context, addr string) (string, error) {
					switch {
					case strings.HasPrefix(addr, "hangs"):
						return hang(ctx)
					case addr == "fails":
						return "", errors.New("fails")
					case addr == "slow":
						select {
						case <-time.After(100 * time.Millisecond):
						case <-ctx.Done():
						}
					}
					return addr, nil
				})
				if want := tc.list[len(tc.list)-1]; got != want || err != nil || time.Since(began) != tc.within {
					t.Errorf("%q, %v after %v, want %q after %v", got, err, time.Since(began), want, tc.within)
				}
			})
		})
	}
}

// Without an answer it says why, for each of the list, in its order.
func TestFirstFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := First(ctx, []string{"a", "b", "c"}, AtOnce, Stagger, func(ctx context.Context, addr string) (string, error) {
			if addr == "b" {
				return hang(ctx)
			}
			return "", errors.New(addr + " refuses")
		})
		if !errors.Is(err, context.DeadlineExceeded) || err.Error() != "a refuses\ncontext deadline exceeded\nc refuses" {
			t.Errorf("%v", err)
		}
		if _, err := First(ctx, nil, AtOnce, Stagger, func(context.Context, string) (string, error) { return "", nil }); err != nil {
			t.Errorf("of nobody: %v", err)
		}
	})
}
