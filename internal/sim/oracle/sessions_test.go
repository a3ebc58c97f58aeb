package oracle

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// What was crowded at a position is known later on.
func TestCrowded(t *testing.T) {
	o := New(Config{
		SessionTTL: 1e9, Tick: 1e9, Counts: &Counts{}, MaxSessions: 3, MaxClientSessions: 2,
		Fail: func(format string, args ...any) { t.Errorf(format, args...) },
	})
	refused := func(of int64, most uint64) wire.Result {
		return wire.Result{Status: wire.StatusTooManySessions, Number: of, Version: most}
	}
	position := uint64(10)
	do := func(c wire.Command, result wire.Result) {
		position++
		result.Position = position
		o.Command(position, &c, &result, nil)
	}
	open := wire.Command{Op: wire.OpOpenSession, Key: "a"}
	do(open, wire.Result{})
	do(open, wire.Result{})
	do(open, refused(wire.BoundOfClient, 2))
	do(wire.Command{Op: wire.OpOpenSession}, wire.Result{})
	do(open, refused(wire.BoundOfGroup, 3))
	do(wire.Command{Op: wire.OpCloseSession, Session: 11}, wire.Result{})
	do(open, wire.Result{})
	for _, tc := range []struct {
		position uint64
		client   string
		of       int64
		most     int
	}{
		{10, "a", 0, 0},
		{11, "a", 0, 0},
		{12, "a", wire.BoundOfClient, 2},
		{13, "a", wire.BoundOfClient, 2},
		{13, "b", 0, 0},
		{13, "", 0, 0},
		{14, "", wire.BoundOfGroup, 3},
		{15, "b", wire.BoundOfGroup, 3},
		{16, "a", 0, 0},
		{99, "a", wire.BoundOfGroup, 3},
	} {
		if of, most := o.Crowded(tc.client, tc.position); of != tc.of || most != tc.most {
			t.Errorf("%q at %d: bound %d of %d, want %d of %d", tc.client, tc.position, most, of, tc.most, tc.of)
		}
	}
	if o.Counts.Crowded != 2 {
		t.Errorf("%d refusals", o.Counts.Crowded)
	}
}
