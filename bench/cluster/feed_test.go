package cluster

import (
	"testing"
	"testing/synctest"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// TestFeed has a source wait that can, and not one that must not.
func TestFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Feeds{}
		f := s.Join("n1", "n1#1")
		for range maxFeed + 10 {
			f.Deliver(&wire.Delivery{})
		}
		went := make(chan bool, 1)
		go func() { went <- f.deliverOrWait(&wire.Delivery{}) }()
		synctest.Wait()
		select {
		case <-went:
			t.Fatal("there was no room")
		default:
		}
		if n := len(f.Take(nil)); n != maxFeed+10 {
			t.Errorf("%d events, want %d", n, maxFeed+10)
		}
		if !<-went {
			t.Error("the source was told that the run is over")
		}
		for range maxFeed {
			f.Deliver(&wire.Delivery{})
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
	s := &Feeds{}
	if a, b := s.Join("n1", "n1#1"), s.Join("n1", "n1#7"); a.Name != "n1" || b.Name != "n1#7" {
		t.Errorf("names %q and %q", a.Name, b.Name)
	}
}
