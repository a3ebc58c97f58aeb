package load

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/history"
)

// TestLogbookHoldsItsClient has a client wait when nobody reads what it notes.
func TestLogbookHoldsItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLogbook(NewClock(), &atomic.Uint64{}, make(chan struct{}, 1), totalRecords)
		noted := 0
		go func() {
			for range 3 * minRecords {
				l.Begin()
				l.End(&Record{Op: history.Op{Kind: history.Get}})
				noted++
			}
		}()
		synctest.Wait()
		if noted != minRecords-1 {
			t.Errorf("%d operations are done and not read, want %d and one that is held", noted, minRecords-1)
		}
		time.Sleep(time.Second) //nolint:forbidigo // in a bubble
		for range 3 {
			l.Take(nil)
			synctest.Wait()
		}
		if noted != 3*minRecords {
			t.Errorf("%d operations are done, want all %d", noted, 3*minRecords)
		}
		if held := l.Close(); held != time.Second {
			t.Errorf("held for %v, want 1s", held)
		}
	})
}

// What scans have shown fills a logbook sooner, which nudges its reader when it is half full.
func TestLogbookWeighsScans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nudge := make(chan struct{}, 1)
		l := NewLogbook(NewClock(), &atomic.Uint64{}, nudge, totalRecords)
		noted := atomic.Int64{}
		scan := Record{Op: history.Op{Kind: history.ReadRange, Scan: &history.Scan{Items: make([]history.Item, 15*itemsPerRecord)}}}
		go func() {
			for range 8 {
				l.Begin()
				l.End(&scan)
				noted.Add(1)
			}
		}()
		synctest.Wait()
		// Each is 16 records: the fourth fills the logbook.
		if n := noted.Load(); n != minRecords/16-1 {
			t.Errorf("%d scans are done and not read, want %d and one that is held", n, minRecords/16-1)
		}
		if len(nudge) != 1 {
			t.Error("the reader is not nudged")
		}
		<-nudge
		if p := l.Take(nil); len(p.Records) != 4 {
			t.Errorf("%d records", len(p.Records))
		}
		synctest.Wait()
		if n := noted.Load(); n != 7 {
			t.Errorf("%d scans are done, want 7 and one that is held", n)
		}
		l.Close()
	})
}

// TestLogbookClose lets a client go that is held.
func TestLogbookClose(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		l := NewLogbook(NewClock(), &atomic.Uint64{}, make(chan struct{}, 1), totalRecords)
		done := make(chan struct{})
		go func() {
			for range minRecords + 10 {
				l.Begin()
				l.End(&Record{})
			}
			close(done)
		}()
		synctest.Wait()
		l.Close()
		<-done
	})
}
