package store

import (
	"cmp"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Limits bound what the state takes in. They are counted in the ordered state,
// so every replica of a group must have the same; a snapshot carries them and
// [Restore] refuses one with others. Zero fields stand for the defaults.
type Limits struct {
	MaxKeyBytes   int // length of a key, default 1,024
	MaxValueBytes int // length of a value, default 1 MiB, at least 20
	MaxSessions   int // sessions alive at a time, default 100,000

	// Sessions alive at a time of one client, by its name and address, default
	// 10,000, and of all clients at one address, default 50,000. Those of clients
	// of which neither is known are bounded by MaxSessions alone.
	MaxClientSessions, MaxAddressSessions int

	MaxSessionResults int // distance of a write's Seq from its session's floor, default 65,536

	// Results of all sessions, and bytes of what transactions returned, of which there are no
	// more than sessions with less than their share add; defaults 4 Mi and 256 MiB. They count in
	// a group that has a quota, and are the same in all of a release.
	MaxResults, MaxResultBytes int

	SessionTTL time.Duration // group time without a command until a session expires, in whole milliseconds, default 60 s
}

// DefaultMaxValueBytes is how long a value may be unless a group says otherwise.
const DefaultMaxValueBytes = 1 << 20

// The defaults and the highest limits that make sense: a snapshot's record
// holds one variable or one session whole.
const (
	defaultMaxKeyBytes        = wire.MaxKeyBytes
	defaultMaxSessions        = 100_000
	defaultMaxClientSessions  = 10_000
	defaultMaxAddressSessions = 50_000
	defaultMaxSessionResults  = 1 << 16
	defaultSessionTTL         = time.Minute
	defaultMaxResults         = 4 << 20
	defaultMaxResultBytes     = 256 << 20

	lowestMaxValueBytes = 20 // the longest text of an int64, so that every counter fits

	highestMaxKeyBytes       = 64 << 10
	highestMaxValueBytes     = 256 << 20
	highestMaxSessions       = 10_000_000
	highestMaxSessionResults = 1 << 20
	highestSessionTTL        = 365 * 24 * time.Hour
)

// WithDefaults returns l with the defaults in place of zero fields.
func (l Limits) WithDefaults() Limits {
	l.MaxKeyBytes = cmp.Or(l.MaxKeyBytes, defaultMaxKeyBytes)
	l.MaxValueBytes = cmp.Or(l.MaxValueBytes, DefaultMaxValueBytes)
	l.MaxSessions = cmp.Or(l.MaxSessions, defaultMaxSessions)
	l.MaxClientSessions = cmp.Or(l.MaxClientSessions, defaultMaxClientSessions)
	l.MaxAddressSessions = cmp.Or(l.MaxAddressSessions, defaultMaxAddressSessions)
	l.MaxSessionResults = cmp.Or(l.MaxSessionResults, defaultMaxSessionResults)
	l.SessionTTL = cmp.Or(l.SessionTTL, defaultSessionTTL)
	l.MaxResults = cmp.Or(l.MaxResults, defaultMaxResults)
	l.MaxResultBytes = cmp.Or(l.MaxResultBytes, defaultMaxResultBytes)
	return l
}

// Validate tells which field of l is out of its range, if any.
func (l Limits) Validate() error {
	l = l.WithDefaults()
	for _, f := range []struct {
		name                   string
		value, lowest, highest int
	}{
		{"MaxKeyBytes", l.MaxKeyBytes, 1, highestMaxKeyBytes},
		{"MaxValueBytes", l.MaxValueBytes, lowestMaxValueBytes, highestMaxValueBytes},
		{"MaxSessions", l.MaxSessions, 1, highestMaxSessions},
		{"MaxSessionResults", l.MaxSessionResults, 1, highestMaxSessionResults},
		{"MaxClientSessions", l.MaxClientSessions, 1, highestMaxSessions},
		{"MaxAddressSessions", l.MaxAddressSessions, 1, highestMaxSessions},
	} {
		if f.value < f.lowest || f.value > f.highest {
			return fmt.Errorf("store: %s is %d, want %d to %d", f.name, f.value, f.lowest, f.highest)
		}
	}
	if ttl := l.SessionTTL; ttl < time.Millisecond || ttl > highestSessionTTL || ttl%time.Millisecond != 0 {
		return fmt.Errorf("store: SessionTTL is %v, want whole milliseconds from 1ms to %v", ttl, highestSessionTTL)
	}
	return nil
}

// ttlMillis is the session TTL in the unit of the group's clock.
func (l Limits) ttlMillis() uint64 {
	return uint64(l.SessionTTL / time.Millisecond)
}

// limitNames names what numbers returns.
var limitNames = [...]string{
	"MaxKeyBytes", "MaxValueBytes", "MaxSessions", "MaxSessionResults", "SessionTTL in ms", "MaxClientSessions", "MaxAddressSessions",
}

// limitsBefore is how many of the limits stand in a snapshot of format version 1.
const limitsBefore = 5

// numbers returns the limits as they stand in a snapshot.
func (l Limits) numbers() [len(limitNames)]uint64 {
	return [...]uint64{
		uint64(l.MaxKeyBytes), uint64(l.MaxValueBytes), uint64(l.MaxSessions), uint64(l.MaxSessionResults), l.ttlMillis(),
		uint64(l.MaxClientSessions), uint64(l.MaxAddressSessions),
	}
}
