package store

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// TestScanAgainstOracle scans ranges in pages of all sizes at positions of the past.
func TestScanAgainstOracle(t *testing.T) { rapid.Check(t, scanAgainstOracle) }

func scanAgainstOracle(t *rapid.T) {
	s, o, script := New(smallLimits), newOracle(smallLimits), newScript()
	s.KeepHistory(rapid.SampledFrom([]int{1, 5_000, 1 << 20}).Draw(t, "history"))
	past := &pastStates{states: []map[string]oracleVariable{{}}}
	var out Outcome
	for range rapid.IntRange(1, 30).Draw(t, "messages") {
		step(t, s, o, script.message(t), &out)
		past.note(o)
		if rapid.IntRange(0, 9).Draw(t, "restore") == 0 {
			s = restoredWithHistory(t, s, 1<<20)
		}
	}
	if err := s.VerifyAll(); err != nil {
		t.Fatal(err)
	}
	for position, state := range past.states {
		if state == nil || s.Kept() > uint64(position) {
			continue
		}
		r := drawRange(t)
		reverse := rapid.Bool().Draw(t, "reverse")
		var want []Item
		for key, v := range state {
			if r.Has(key) {
				want = append(want, Item{Key: key, Version: v.version, Value: []byte(v.value)})
			}
		}
		slices.SortFunc(want, func(a, b Item) int { return strings.Compare(a.Key, b.Key) })
		if reverse {
			slices.Reverse(want)
		}
		got := scanned(t, s, r, uint64(position), reverse)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%+v at %d, reverse %v: %v, want %v", r, position, reverse, got, want)
		}
	}
}

func drawRange(t *rapid.T) Range {
	bound := rapid.SampledFrom([]string{"", "\x00", "e", "eightbyt", "k", "k1", "k3", "k3\x00", "k6", "k7", "l", "\xff"})
	if rapid.Bool().Draw(t, "by prefix") {
		return PrefixRange(bound.Draw(t, "prefix"))
	}
	return Range{From: bound.Draw(t, "from"), To: bound.Draw(t, "to")}
}

// scanned reads a range page by page.
func scanned(t *rapid.T, s *Store, r Range, position uint64, reverse bool) (items []Item) {
	p := Page{
		Reverse: reverse, Items: rapid.IntRange(1, 4).Draw(t, "items"), Visits: rapid.IntRange(1, 4).Draw(t, "visits"),
		Bytes: rapid.SampledFrom([]int{0, 10, 1000}).Draw(t, "bytes"),
	}
	for more := true; more; {
		before := len(items)
		var err error
		if items, r, more, err = s.ScanAt(items, r, position, p); err != nil {
			t.Fatal(err)
		}
		bytes := 0
		for _, i := range items[before:] {
			bytes += len(i.Key) + len(i.Value)
		}
		if n := len(items) - before; n > p.Items || n > p.Visits || n > 1 && bytes > p.Bytes {
			t.Fatalf("a page of %d items and %d bytes, want %+v", n, bytes, p)
		}
	}
	return items
}

func TestPrefixRange(t *testing.T) {
	for _, of := range []struct {
		prefix string
		want   Range
	}{
		{"", Range{}}, {"a", Range{"a", "b"}}, {"a\xff", Range{"a\xff", "b"}}, {"\xff", Range{From: "\xff"}}, {"\xff\xff", Range{From: "\xff\xff"}},
	} {
		if got := PrefixRange(of.prefix); got != of.want {
			t.Errorf("prefix %q: %+v, want %+v", of.prefix, got, of.want)
		}
	}
}

// TestScanBesideTheOwner scans while names come and go. A command sets the two halves of a
// pair, one after the other, and deletes them: at each position at most one is missing.
func TestScanBesideTheOwner(t *testing.T) {
	const pairs, rounds = 50, 200
	s := New(Limits{})
	s.KeepHistory(1 << 16)
	var out Outcome
	s.ApplyMessage(1, 1, (&wire.Command{Op: wire.OpOpenSession}).Append(nil), &out)
	var stop atomic.Bool
	var scans, forgotten atomic.Int64
	var readers sync.WaitGroup
	for r := range 2 {
		readers.Go(func() {
			for !stop.Load() {
				items, err := scanAll(s, r == 1)
				if errors.Is(err, ErrForgotten) {
					forgotten.Add(1)
					continue
				}
				if err := halves(items); err != nil {
					t.Errorf("%v", err)
					return
				}
				scans.Add(1)
				runtime.Gosched()
			}
		})
	}
	seq := uint64(0)
	for round := range rounds {
		for pair := range pairs {
			var payload []byte
			for _, half := range []string{"a", "b"} {
				seq++
				c := wire.Command{Op: wire.OpSet, Session: 1, Seq: seq, Floor: seq, Key: fmt.Sprintf("%s/%02d", half, pair), Value: fmt.Append(nil, round)}
				if (round+pair)%3 == 0 {
					c.Op, c.Value = wire.OpDelete, nil
				}
				payload = c.Append(payload)
			}
			s.ApplyMessage(s.Applied()+1, 2, payload, &out)
		}
		runtime.Gosched()
	}
	stop.Store(true)
	readers.Wait()
	if scans.Load() == 0 {
		t.Error("nothing was scanned")
	}
	t.Logf("%d scans, %d forgotten", scans.Load(), forgotten.Load())
}

func scanAll(s *Store, reverse bool) (items []Item, err error) {
	position := s.Applied()
	r := Range{}
	for more := true; more; {
		items, r, more, err = s.ScanAt(items, r, position, Page{Reverse: reverse, Items: 7, Bytes: 1 << 20, Visits: 20})
		if err != nil {
			return nil, err
		}
		runtime.Gosched()
	}
	return items, nil
}

// halves holds that at most one pair is not whole.
func halves(items []Item) error {
	have := make(map[string]string)
	for _, i := range items {
		have[i.Key] = string(i.Value)
	}
	torn := 0
	for pair := range 50 {
		if have[fmt.Sprintf("a/%02d", pair)] != have[fmt.Sprintf("b/%02d", pair)] {
			torn++
		}
	}
	if torn > 1 {
		return fmt.Errorf("%d pairs differ at one position", torn)
	}
	return nil
}
