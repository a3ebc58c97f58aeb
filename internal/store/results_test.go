package store

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/wire"
)

func TestResultLogAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var log resultLog
		var spare sparePages
		oracle := make(map[uint64]wire.Result)
		const session = 7
		floor := rapid.SampledFrom([]uint64{1, 1 << 40, 1<<64 - 300}).Draw(t, "first floor")
		sum := uint64(0)
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			at := floor + rapid.Uint64Range(0, 200).Draw(t, "distance")
			switch _, recorded := oracle[at]; {
			case rapid.IntRange(0, 3).Draw(t, "raise") == 0 && at < 1<<64-250:
				sum -= log.drop(session, floor, at, &spare)
				floor = at
				maps.DeleteFunc(oracle, func(seq uint64, _ wire.Result) bool { return seq < floor })
			case at >= floor && !recorded:
				r := wire.Result{Position: uint64(i) + 1, Number: int64(at)}
				log.put(at, r, &spare)
				oracle[at] = r
				sum += hashResult(session, at, &r)
			}
			if len(log.pages) > 0 && log.pages[0].number < floor>>resultPageBits {
				t.Fatalf("page %d is kept below the floor %d", log.pages[0].number, floor)
			}
		}
		got, want := make(map[uint64]wire.Result), uint64(0)
		copied := log.clone()
		last := uint64(0)
		for seq, r := range copied.all() {
			if seq <= last {
				t.Fatalf("%d after %d", seq, last)
			}
			last = seq
			got[seq] = *r
			want += hashResult(session, seq, r)
		}
		if diff := cmp.Diff(oracle, got); diff != "" || log.count() != len(oracle) || sum != want {
			t.Fatalf("count %d, sum %x, want %d and %x (-want +got):\n%s", log.count(), sum, len(oracle), want, diff)
		}
		for seq, r := range oracle {
			if log.get(seq) != r || log.get(seq+1000).Position != 0 {
				t.Fatalf("get of %d", seq)
			}
		}
		log.release(&spare)
		for _, p := range spare.pages {
			if p.results != ([resultsPerPage]wire.Result{}) {
				t.Fatal("a spare page holds results")
			}
		}
	})
}

func TestResultLogEndsEarly(t *testing.T) {
	var log resultLog
	for seq := range uint64(3) {
		log.put(seq+1, wire.Result{Position: 1}, new(sparePages))
	}
	for seq := range log.all() {
		if seq != 1 {
			t.Fatalf("went on to %d", seq)
		}
		break
	}
}
