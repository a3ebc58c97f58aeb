package driver_test

import (
	"context"
	"testing"

	"github.com/seed-8247e700/dsm/driver"
)

// A read of a replica in the process takes a short way if nothing is unusual. It
// answers as the long one does, which a read that is traced takes.
func TestShortWayOfARead(t *testing.T) {
	embedded := driver.OpenDB(node)
	defer embedded.Close()
	if _, err := embedded.Set(ctx, "short/there", []byte("value")); err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Set(ctx, "short/empty", nil); err != nil {
		t.Fatal(err)
	}
	conn, err := embedded.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	closed, err := embedded.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	for name, get := range map[string]func(context.Context, string, ...driver.ReadOption) (driver.Value, error){
		"DB": embedded.Get, "Conn": conn.Get, "closed Conn": closed.Get,
	} {
		for _, key := range []string{"short/there", "short/empty", "short/none", "", "\x00"} {
			for _, ctx := range []context.Context{ctx, t.Context(), over} {
				var trace driver.OpTrace
				long, longErr := get(driver.WithTrace(ctx, &trace), key)
				short, shortErr := get(ctx, key)
				if string(short.Data) != string(long.Data) || (short.Data == nil) != (long.Data == nil) || short.Version != long.Version {
					t.Errorf("%s: %q: %+v by the short way, %+v by the long one", name, key, short, long)
				}
				if (shortErr == nil) != (longErr == nil) || shortErr != nil && shortErr.Error() != longErr.Error() {
					t.Errorf("%s: %q: %v by the short way, %v by the long one", name, key, shortErr, longErr)
				}
			}
		}
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

// Nor does it take memory.
func TestShortWayTakesNoMemory(t *testing.T) {
	embedded := driver.OpenDB(node)
	defer embedded.Close()
	if _, err := embedded.Set(ctx, "short/there", []byte("value")); err != nil {
		t.Fatal(err)
	}
	if allocs := testing.AllocsPerRun(10_000, func() {
		if v, err := embedded.Get(ctx, "short/there"); err != nil || string(v.Data) != "value" {
			t.Fatal(v, err)
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
