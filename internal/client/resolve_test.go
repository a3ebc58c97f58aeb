package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// names is a Lookup of a table; it hangs where the table has nothing.
func names(table map[string][]string) Lookup {
	return func(ctx context.Context, host string) ([]string, error) {
		if list, ok := table[host]; ok {
			return list, nil
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
}

func TestResolve(t *testing.T) {
	var many, bounded []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("10.0.0.%d", i))
		bounded = append(bounded, fmt.Sprintf("10.0.0.%d:1", i))
	}
	lookup := names(map[string][]string{
		"one": {"10.0.0.1"}, "six": {"::1", "fe80::1%eth0"}, "twice": {"10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2", "10.0.0.1"},
		"many": many, "none": {}, "localhost": {"127.0.0.1"},
	})
	for addr, want := range map[string][]string{
		"10.0.0.1:1":       {"10.0.0.1:1"},
		"[::1]:1":          {"[::1]:1"},
		"[fe80::1%eth0]:1": {"[fe80::1%eth0]:1"},
		"one:1":            {"10.0.0.1:1"},
		"six:1":            {"[::1]:1", "[fe80::1%eth0]:1"},
		"twice:1":          {"10.0.0.1:1", "10.0.0.2:1"},
		"many:1":           bounded[:maxAddresses],
		"none:1":           nil,
		"localhost:1":      {"127.0.0.1:1", "[::1]:1"},
	} {
		got, err := Resolve(t.Context(), lookup, addr)
		if !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%s: %q, %v, want %q", addr, got, err, want)
		}
	}
	fails := func(context.Context, string) ([]string, error) { return nil, errors.New("no such host") }
	if got, err := Resolve(t.Context(), fails, "localhost:1"); err != nil || len(got) != 2 {
		t.Errorf("localhost: %q, %v", got, err)
	}
	if got, err := Resolve(t.Context(), fails, "a:1"); err == nil {
		t.Errorf("a: %q", got)
	}
	if got, err := Resolve(t.Context(), nil, "a:1"); err != nil || !slices.Equal(got, []string{"a:1"}) {
		t.Errorf("without a look-up: %q, %v", got, err)
	}
}

// Every address of every name is asked; look-ups that hang hold up nobody.
func TestFirstOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		lookup := names(map[string][]string{"a": {"10.0.0.1", "10.0.0.2"}, "b": {"10.0.0.3", "10.0.0.4"}})
		got, err := FirstOf(t.Context(), lookup, []string{"hangs:1", "a:1", "b:1"}, AtOnce, Stagger, func(ctx context.Context, addr string) (string, error) {
			if addr == "10.0.0.4:1" {
				return addr, nil
			}
			return hang(ctx)
		})
		if got != "10.0.0.4:1" || err != nil || time.Since(began) != 0 {
			t.Errorf("%q, %v after %v", got, err, time.Since(began))
		}
	})
}
