package session

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/wire"
)

func TestWatchBegins(t *testing.T) {
	w := NewWatch(wire.WatchQuery{From: "a", To: "b", Flags: wire.WatchOld, Credit: 7})
	if q := w.Query(); q != (wire.WatchQuery{From: "a", To: "b", Flags: wire.WatchOld, Credit: 7}) {
		t.Fatalf("%+v", q)
	}
	reply := wire.Reply{Position: 5}
	if got := w.Reply(&reply, 9); got != Begun || reply.Position != 9 {
		t.Fatalf("%v, position %d", got, reply.Position)
	}
	if q := w.Query(); q.After != 5 || q.Flags != wire.WatchOld|wire.WatchAfter {
		t.Fatalf("%+v", q)
	}
	reply = wire.Reply{Position: 8} // of another server, which has begun after 5
	if got := w.Reply(&reply, 2); got != Begun || reply.Position != 8 || w.Position() != 5 {
		t.Fatalf("%v, position %d, at %d", got, reply.Position, w.Position())
	}
}

// TestWatchPosition holds which events count as returned when a connection ends.
func TestWatchPosition(t *testing.T) {
	w := NewWatch(wire.WatchQuery{Flags: wire.WatchAfter, After: 3})
	for _, step := range []struct {
		do   func() bool
		news bool
		want uint64
	}{
		{func() bool { w.Returned(5, false); return false }, false, 3},
		{func() bool { w.Returned(5, true); return false }, false, 5},
		{func() bool { return w.Progress(4) }, false, 5},
		{func() bool { return w.Progress(5) }, false, 5},
		{func() bool { return w.Progress(6) }, true, 6},
	} {
		if news := step.do(); news != step.news || w.Query().After != step.want || w.Position() != step.want {
			t.Errorf("news %v, at %d, want %+v", news, w.Position(), step)
		}
	}
}

// TestWatchLags holds that a watch asks several servers before it ends.
func TestWatchLags(t *testing.T) {
	w := NewWatch(wire.WatchQuery{Flags: wire.WatchAfter, After: 3})
	lagged := func() (wire.Reply, Beginning) {
		reply := wire.Reply{Status: wire.StatusLagged, Position: 3, Version: 30, Data: []byte("why")}
		got := w.Reply(&reply, 9)
		return reply, got
	}
	for range 2 {
		for range LagAttempts - 1 {
			if reply, got := lagged(); got != NotBegun || reply.Status != wire.StatusUnavailable {
				t.Fatalf("%v, %+v", got, reply)
			}
			refused := wire.Reply{Status: wire.StatusUnavailable}
			if got := w.Reply(&refused, 9); got != NotBegun || refused.Status != wire.StatusUnavailable {
				t.Fatalf("%v, %+v", got, refused)
			}
		}
		if got := w.Reply(&wire.Reply{Position: 12}, 9); got != Begun { // which forgets them
			t.Fatal(got)
		}
	}
	for range LagAttempts - 1 {
		lagged()
	}
	if reply, got := lagged(); got != Lagged || reply.Status != wire.StatusOK || reply.Position != 9 {
		t.Fatalf("%v, %+v", got, reply)
	}
	if w.Position() != 3 {
		t.Errorf("at %d", w.Position())
	}
	if !w.Ended(wire.StatusLagged) || w.Ended(wire.StatusUnavailable) || w.Ended(wire.StatusInterrupted) {
		t.Error("only a watch that lags is over")
	}
}

func TestWatchPauses(t *testing.T) {
	var w Watch
	for n, want := range []time.Duration{5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000, 1000} {
		if got := w.Pause(0.5); got != want*time.Millisecond {
			t.Errorf("pause %d: %v", n, got)
		}
	}
	w.Reply(&wire.Reply{}, 0)
	if got := w.Pause(0.5); got != 5*time.Millisecond {
		t.Errorf("after it has begun: %v", got)
	}
}

// TestEventsOverConnections holds that every event is returned once, in order, whatever
// breaks, and that it is counted what they have cost.
func TestEventsOverConnections(t *testing.T) { checkEvents(t) }

func checkEvents(t testing.TB) {
	rapid.Check(t, func(t *rapid.T) {
		type event struct {
			position, number int
			last             bool
		}
		var all, got []event
		for position := range rapid.IntRange(0, 6).Draw(t, "positions") {
			n := rapid.IntRange(1, 3).Draw(t, "changes")
			for number := range n {
				all = append(all, event{position + 1, number, number == n-1})
			}
		}
		w := NewWatch(wire.WatchQuery{Flags: wire.WatchAfter})
		for len(got) < len(all) {
			var events Events[event]
			rest := slices.DeleteFunc(slices.Clone(all), func(e event) bool { return uint64(e.position) <= w.Position() })
			cost, taken := 0, 0
			var list []event
			take := func() {
				var bytes int
				list, bytes = events.Take(list)
				for _, e := range list {
					got = append(got, e)
					w.Returned(uint64(e.position), e.last)
				}
				taken += bytes
			}
			n := rapid.IntRange(0, len(rest)).Draw(t, "arrive")
			whole := 0
			for _, e := range rest[:n] {
				cost++
				complete := events.Add(e, 1, e.last)
				if complete != e.last {
					t.Fatalf("%+v: complete %v", e, complete)
				}
				if complete {
					whole = cost
				}
				if rapid.Bool().Draw(t, "take") {
					take()
				}
			}
			events.End()
			take()
			if taken != whole {
				t.Fatalf("cost %d, not %d", taken, whole)
			}
		}
		if !slices.Equal(got, all) {
			t.Fatalf("%+v became %+v", all, got)
		}
	})
}

func TestScanStaysAtOnePosition(t *testing.T) {
	s := NewScan(wire.ScanQuery{From: "a", To: "z", Flags: wire.ScanReverse})
	if q := s.Query(3); q != (wire.ScanQuery{From: "a", To: "z", Flags: wire.ScanReverse, Limit: 3}) || s.Position() != 0 {
		t.Fatalf("%+v", q)
	}
	page := wire.ScanPage{More: true, From: "a", To: "m", Count: 1, Items: []wire.ScanItem{{Key: "x", Version: 2}}}
	reply := wire.Reply{Position: 9, Version: 7, Data: page.Append(nil)}
	s.Reply(&reply)
	if got, err := s.Page(&reply); err != nil || len(got.Items) != 1 || s.Position() != 7 {
		t.Fatalf("%+v %v at %d", got, err, s.Position())
	}
	if q := s.Query(0); q != (wire.ScanQuery{From: "a", To: "m", Flags: wire.ScanReverse | wire.ScanAt, At: 7}) {
		t.Fatalf("%+v", q)
	}
	reply = wire.Reply{Status: wire.StatusLagged, Position: 9, Version: 7}
	s.Reply(&reply)
	if _, err := s.Page(&reply); err != ErrGone || reply.Status != wire.StatusOK { //nolint:errorlint // as it is
		t.Errorf("%v, %+v", err, reply)
	}
	reply = wire.Reply{Position: 9, Version: 7, Data: []byte{7}}
	s.Reply(&reply)
	if _, err := s.Page(&reply); err == nil || err == ErrGone { //nolint:errorlint // as it is
		t.Errorf("a malformed page: %v", err)
	}
}
