package driver_test

import (
	"testing"

	"github.com/seed-8247e700/dsm/driver"
)

// A read of a real replica in the process takes no memory either.
func TestNodeGetTakesNoMemory(t *testing.T) {
	db := driver.OpenDB(node)
	defer db.Close()
	if _, err := db.Set(ctx, "alloc", []byte("value")); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() {
		if v, err := db.Get(ctx, "alloc"); err != nil || string(v.Data) != "value" {
			t.Fatal(v, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
