package bench

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

func newTestAuditor() *auditor {
	return newAuditor(load.NewClock(), &cluster.Feeds{}, check.New(check.Options{}), report.NewFigures(), &files{})
}

// TestAuditorSortsByEnd has two clients end operations in turns: the checks
// must see them by end, and none before its time.
func TestAuditorSortsByEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestAuditor()
		one, two := a.addClient(2), a.addClient(2)
		note := func(l *load.Logbook) {
			l.Begin()
			time.Sleep(time.Microsecond) //nolint:forbidigo // in a bubble
			l.End(&load.Record{Op: history.Op{Kind: history.Get}})
		}
		for range 10 {
			note(one)
			note(two)
		}
		// Everything ended before now but the last.
		a.round()
		if len(a.records) != 1 || a.records[0].Op.End != a.clock.Now() {
			t.Errorf("%d operations wait for the next round, want the one that ended just now", len(a.records))
		}
		time.Sleep(time.Microsecond) //nolint:forbidigo // in a bubble
		a.round()
		if len(a.records) != 0 {
			t.Errorf("%d operations are left", len(a.records))
		}
	})
}

// TestAuditorFloor never lets go of what an operation in flight can still
// report.
func TestAuditorFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestAuditor()
		l := a.addClient(1)
		f := a.feeds.Join("n1", "n1#1")
		position := uint64(0)
		deliver := func(n int) {
			for range n {
				position++
				c := wire.Command{Op: wire.OpBarrier}
				f.Deliver(&wire.Delivery{View: 1, Sender: "n1", Incarnation: 1, Seq: position, First: position, Count: 1, Payload: c.Append(nil), Effects: []byte{1}})
			}
			time.Sleep(time.Microsecond) //nolint:forbidigo // in a bubble
			a.round()
		}
		deliver(2 * floorSlack)
		began := l.Begin()
		deliver(2 * floorSlack)
		deliver(2 * floorSlack)
		if a.start != began || a.floor != floorSlack {
			t.Errorf("start %d and floor %d, want %d and %d", a.start, a.floor, began, floorSlack)
		}
		l.End(&load.Record{Op: history.Op{Kind: history.Get}})
		deliver(1)
		deliver(1)
		if a.floor != 5*floorSlack+2 || a.start <= began {
			t.Errorf("after the operation: start %d, floor %d", a.start, a.floor)
		}
	})
}
