package driver

import (
	"fmt"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// RangeOption says which variables a Scan, a Count or a Watch is about. Without one, it is
// about all.
type RangeOption struct {
	from, to string
	err      error
}

// Key is the range of one variable.
func Key(key string) RangeOption {
	return RangeOption{from: key, to: key + "\x00", err: checkKey(key)}
}

// Prefix is the range of the variables whose keys begin with prefix.
func Prefix(prefix string) RangeOption {
	end := []byte(prefix)
	for n := len(end); n > 0; n-- {
		if end[n-1]++; end[n-1] != 0 {
			return RangeOption{from: prefix, to: string(end[:n])}
		}
	}
	return RangeOption{from: prefix}
}

// Range is the range of the variables whose keys are from or above, in the order of their
// bytes, and below to. If to is "", there is no upper bound.
func Range(from, to string) RangeOption {
	r := RangeOption{from: from, to: to}
	if to != "" && from >= to {
		r.err = fmt.Errorf("%w: the range from %q to %q is empty", ErrOption, from, to)
	}
	return r
}

// keyRange collects the range of a call.
type keyRange struct {
	RangeOption
	set bool
}

func (k *keyRange) take(r RangeOption) error {
	if k.set {
		return fmt.Errorf("%w: more than one range", ErrOption)
	}
	k.RangeOption, k.set = r, true
	return r.err
}

// ScanOption changes what a Scan or a Count does: a [RangeOption], [Limit], [At], [Reverse] or
// [KeysOnly].
type ScanOption interface {
	scan(c *scanConfig) error
}

type scanConfig struct {
	keyRange
	flags wire.ScanFlags
	at    uint64
	limit int
}

func (r RangeOption) scan(c *scanConfig) error { return c.take(r) }

type scanFlag wire.ScanFlags

func (f scanFlag) scan(c *scanConfig) error {
	c.flags |= wire.ScanFlags(f)
	return nil
}

// Reverse scans from the end of the range down.
var Reverse ScanOption = scanFlag(wire.ScanReverse)

// KeysOnly scans without values: Item.Data is nil.
var KeysOnly ScanOption = scanFlag(wire.ScanKeys)

type scanLimit int

// Limit ends a Scan after n variables. n must be above 0.
func Limit(n int) ScanOption { return scanLimit(n) }

func (l scanLimit) scan(c *scanConfig) error {
	if l <= 0 {
		return fmt.Errorf("%w: a limit of %d", ErrOption, int(l))
	}
	c.limit = int(l)
	return nil
}

type scanAt uint64

// At scans the state at a position: of a write, of an earlier scan, or of a watch. Servers
// keep the latest states only; if it is gone, the scan ends with ErrSnapshotGone.
func At(position uint64) ScanOption { return scanAt(position) }

func (a scanAt) scan(c *scanConfig) error {
	c.at, c.flags = uint64(a), c.flags|wire.ScanAt
	return nil
}
