package store

import (
	"fmt"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// benchKeys are the variables of benchmarks.
func benchKeys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("variable/%07d", i)
	}
	return keys
}

// benchStore has variables, and a session at position 1.
func benchStore(b *testing.B, keys []string) (s *Store, seq uint64) {
	s = New(Limits{})
	var out Outcome
	open := wire.Command{Op: wire.OpOpenSession}
	s.ApplyMessage(1, 1, open.Append(nil), &out)
	for _, key := range keys {
		seq++
		c := wire.Command{Op: wire.OpSet, Session: 1, Seq: seq, Floor: seq, Key: key, Value: make([]byte, 100)}
		s.ApplyMessage(seq+1, 1, c.Append(nil), &out)
		if status := out.Results[0].Status; status != wire.StatusOK {
			b.Fatal(status)
		}
	}
	return s, seq
}

// BenchmarkApplyMessage applies messages of one command and of many, in a store that keeps
// no changes and in one that keeps as many as a node does.
func BenchmarkApplyMessage(b *testing.B) {
	for _, of := range []struct{ count, variables, history int }{
		{1, 10_000, 0}, {1, 1_000_000, 0}, {64, 10_000, 0}, {64, 1_000_000, 0}, {64, 10_000, 64 << 20}, {64, 1_000_000, 64 << 20},
	} {
		count, n := of.count, of.variables
		b.Run(fmt.Sprintf("commands=%d/variables=%d/history=%d", count, n, of.history), func(b *testing.B) {
			keys := benchKeys(n)
			s, seq := benchStore(b, keys)
			s.KeepHistory(of.history)
			var out Outcome
			var payload []byte
			value := make([]byte, 100)
			b.ReportAllocs()
			for b.Loop() {
				payload = payload[:0]
				for range count {
					seq++
					c := wire.Command{Op: wire.OpSet, Session: 1, Seq: seq, Floor: seq, Key: keys[seq*7919%uint64(n)], Value: value}
					payload = c.Append(payload)
				}
				s.ApplyMessage(seq+2-uint64(count), count, payload, &out)
			}
			if status := out.Results[0].Status; status != wire.StatusOK {
				b.Fatal(status)
			}
		})
	}
}

// BenchmarkNewNames writes variables that did not exist.
func BenchmarkNewNames(b *testing.B) {
	keys := benchKeys(1 << 20)
	var s *Store
	var seq uint64
	var out Outcome
	var payload []byte
	value := make([]byte, 100)
	b.ReportAllocs()
	i := len(keys)
	for b.Loop() {
		if i == len(keys) {
			b.StopTimer()
			s, seq = benchStore(b, nil)
			i = 0
			b.StartTimer()
		}
		seq++
		c := wire.Command{Op: wire.OpSet, Session: 1, Seq: seq, Floor: seq, Key: keys[i*7919%len(keys)], Value: value}
		payload = c.Append(payload[:0])
		s.ApplyMessage(seq+1, 1, payload, &out)
		i++
	}
}

// BenchmarkVerify measures one slice of an audit's share, the longest that the owner is
// kept from other work, in a state that fits in no cache.
func BenchmarkVerify(b *testing.B) {
	for _, state := range []struct {
		name  string
		n     int
		value int
	}{{"tiny", 1 << 20, 8}, {"1KiB", 1 << 17, 1 << 10}, {"1MiB", 1 << 7, 1 << 20}} {
		b.Run(state.name, func(b *testing.B) {
			s := New(Limits{})
			value := make([]byte, state.value)
			for i := range state.n {
				s.variables.set(nil, fmt.Sprintf("variable %d", i), value, 1)
			}
			s.applied.Store(1)
			var slices, items, bytes int
			for b.Loop() {
				s.verifier.items, s.verifier.bytes = leastShare, maxShareBytes
				start := s.verifier.next
				if err := s.Verify(); err != nil {
					b.Fatal(err)
				}
				if n := int(s.verifier.next) - int(start); n > 0 {
					slices, items, bytes = slices+1, items+n, bytes+n*(state.value+len("variable 100000"))
				}
			}
			b.ReportMetric(float64(items)/float64(slices), "variables/op")
			b.SetBytes(int64(bytes / slices))
		})
	}
}

// BenchmarkExpiries has variables expire that are all due, as many in each message as one tick
// removes.
func BenchmarkExpiries(b *testing.B) {
	keys := benchKeys(1 << 20)
	var s *Store
	var out Outcome
	position, left, expired := uint64(0), 0, 0
	value := make([]byte, 16)
	for b.Loop() {
		if left == 0 {
			b.StopTimer()
			s, _ = benchStore(b, nil)
			position = s.Applied()
			s.KeepHistory(64 << 20)
			for i := range keys {
				key := keys[i*7919%len(keys)]
				e := s.variables.set(nil, key, value, position)
				s.variables.timers.set(e, uint64(1000+i/100), position, 0)
			}
			left = len(keys)
			tick := clock(1e6, position)
			s.ApplyMessage(position+1, 1, tick.Append(nil), &out)
			position++
			b.StartTimer()
		}
		tick := clock(1e6, position)
		s.ApplyMessage(position+1, 1, tick.Append(nil), &out)
		position++
		expired += left - s.Timers()
		left = s.Timers()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(expired), "ns/expiry")
}
