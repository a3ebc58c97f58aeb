package bench

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

func newTestAuditor() *auditor {
	return newAuditor(newClock(), &feeds{}, check.New(check.Options{}), newFigures(), &files{})
}

// TestAuditorSortsByEnd has two clients end operations in turns: the checks
// must see them by end, and none before its time.
func TestAuditorSortsByEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestAuditor()
		one, two := a.addClient(2), a.addClient(2)
		note := func(l *logbook) {
			l.begin()
			time.Sleep(time.Microsecond) //nolint:forbidigo // in a bubble
			l.end(&record{op: history.Op{Kind: history.Get}})
		}
		for range 10 {
			note(one)
			note(two)
		}
		// Everything ended before now but the last.
		var ends []int64
		for _, l := range []*logbook{one, two} {
			for i := range l.records {
				ends = append(ends, l.records[i].op.End)
			}
		}
		a.round()
		if len(a.records) != 1 || a.records[0].op.End != ends[len(ends)-1] {
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
		f := a.feeds.join("n1", "n1#1")
		position := uint64(0)
		deliver := func(n int) {
			for range n {
				position++
				c := wire.Command{Op: wire.OpBarrier}
				f.deliver(&wire.Delivery{View: 1, Sender: "n1", Incarnation: 1, Seq: position, First: position, Count: 1, Payload: c.Append(nil), Effects: []byte{1}})
			}
			time.Sleep(time.Microsecond) //nolint:forbidigo // in a bubble
			a.round()
		}
		deliver(2 * floorSlack)
		began := l.begin()
		deliver(2 * floorSlack)
		deliver(2 * floorSlack)
		if a.start != began || a.floor != floorSlack {
			t.Errorf("start %d and floor %d, want %d and %d", a.start, a.floor, began, floorSlack)
		}
		l.end(&record{op: history.Op{Kind: history.Get}})
		deliver(1)
		deliver(1)
		if a.floor != 5*floorSlack+2 || a.start <= began {
			t.Errorf("after the operation: start %d, floor %d", a.start, a.floor)
		}
	})
}

// TestLogbookHoldsItsClient has a client wait when nobody reads what it notes.
func TestLogbookHoldsItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestAuditor()
		l := a.addClient(totalRecords)
		noted := 0
		go func() {
			for range 3 * minRecords {
				l.begin()
				l.end(&record{op: history.Op{Kind: history.Get}})
				noted++
			}
		}()
		synctest.Wait()
		if noted != minRecords-1 {
			t.Errorf("%d operations are done and not read, want %d and one that is held", noted, minRecords-1)
		}
		time.Sleep(time.Second) //nolint:forbidigo // in a bubble
		for range 3 {
			a.round()
			synctest.Wait()
		}
		if noted != 3*minRecords {
			t.Errorf("%d operations are done, want all %d", noted, 3*minRecords)
		}
		if held := l.close(); held != time.Second {
			t.Errorf("held for %v, want 1s", held)
		}
	})
}

// TestLogbookClose lets a client go that is held.
func TestLogbookClose(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		l := newTestAuditor().addClient(totalRecords)
		done := make(chan struct{})
		go func() {
			for range minRecords + 10 {
				l.begin()
				l.end(&record{})
			}
			close(done)
		}()
		synctest.Wait()
		l.close()
		<-done
	})
}

// TestFeed has a source wait that can, and not one that must not.
func TestFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &feeds{}
		f := s.join("n1", "n1#1")
		for range maxFeed + 10 {
			f.deliver(&wire.Delivery{})
		}
		went := make(chan bool, 1)
		go func() { went <- f.deliverOrWait(&wire.Delivery{}) }()
		synctest.Wait()
		select {
		case <-went:
			t.Fatal("there was no room")
		default:
		}
		if n := len(f.take(nil)); n != maxFeed+10 {
			t.Errorf("%d events, want %d", n, maxFeed+10)
		}
		if !<-went {
			t.Error("the source was told that the run is over")
		}
		for range maxFeed {
			f.deliver(&wire.Delivery{})
		}
		go func() { went <- f.deliverOrWait(&wire.Delivery{}) }()
		synctest.Wait()
		s.close()
		if <-went {
			t.Error("the source was not told that the run is over")
		}
	})
}

// TestFeedNames tells two runs of one node apart.
func TestFeedNames(t *testing.T) {
	s := &feeds{}
	if a, b := s.join("n1", "n1#1"), s.join("n1", "n1#7"); a.name != "n1" || b.name != "n1#7" {
		t.Errorf("names %q and %q", a.name, b.name)
	}
}
