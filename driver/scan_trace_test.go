package driver_test

import (
	"testing"

	"github.com/seed-8247e700/dsm/driver"
)

// A trace has the position that a scan shows before its first variable, and that of a count.
func TestScanTrace(t *testing.T) {
	for name, h := range handles(t) {
		prefix := fresh("trace")
		at := set(t, h, prefix+"a", "old")
		now := set(t, h, prefix+"a", "new")
		for _, test := range []struct {
			options []driver.ScanOption
			from    uint64
			to      uint64
		}{
			{[]driver.ScanOption{driver.Prefix(prefix)}, now, 1<<64 - 1},
			{[]driver.ScanOption{driver.Prefix(prefix), driver.At(at)}, at, at},
		} {
			var scanned, counted driver.OpTrace
			items := 0
			for _, err := range h.Scan(driver.WithTrace(within(t), &scanned), test.options...) {
				items++
				if err != nil || scanned.Position < test.from || scanned.Position > test.to || scanned.Attempts != 1 {
					t.Errorf("%s: a scan at %d, not from %d to %d, %v", name, scanned.Position, test.from, test.to, err)
				}
			}
			n, err := h.Count(driver.WithTrace(within(t), &counted), test.options...)
			if n != 1 || items != 1 || err != nil || counted.Position < test.from || counted.Position > test.to {
				t.Errorf("%s: a count at %d, %d and %d variables, %v", name, counted.Position, n, items, err)
			}
		}
	}
}
