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
