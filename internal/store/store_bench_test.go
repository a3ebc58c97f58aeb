package store

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/puzpuzpuz/xsync/v4"

	"github.com/seed-8247e700/dsm/internal/wire"
)

const (
	benchValueBytes = 100
	benchSession    = 1
)

// benchKey is a key of 16 bytes.
func benchKey(i int) string { return fmt.Sprintf("variable%08d", i) }

// fillStore returns a store with n variables, and the sequence number of the last
// write.
func fillStore(tb testing.TB, n int) (*Store, uint64) {
	tb.Helper()
	s, out := New(Limits{}), new(Outcome)
	s.ApplyMessage(benchSession, 1, (&wire.Command{Op: wire.OpOpenSession}).Append(nil), out)
	set := wire.Command{Op: wire.OpSet, Session: benchSession, Value: make([]byte, benchValueBytes)}
	var payload []byte
	for i := range n {
		set.Seq++
		set.Floor, set.Key = set.Seq, benchKey(i)
		payload = set.Append(payload[:0])
		s.ApplyMessage(s.Applied()+1, 1, payload, out)
		if out.Results[0].Status != wire.StatusOK {
			tb.Fatalf("write %d: status %d", i, out.Results[0].Status)
		}
	}
	return s, set.Seq
}

// BenchmarkGet reads variables at random with all processors; a plain map and a
// concurrent one beside it. Their keys are not the ones that are asked for, only
// equal, as those of an application are.
func BenchmarkGet(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		keys := make([]string, n)
		plain, concurrent := make(map[string][]byte, n), xsync.NewMap[string, []byte]()
		for i := range keys {
			keys[i] = benchKey(i)
			plain[strings.Clone(keys[i])] = make([]byte, benchValueBytes)
			concurrent.Store(strings.Clone(keys[i]), plain[keys[i]])
		}
		s, _ := fillStore(b, n)
		for _, of := range []struct {
			name string
			get  func(key string) []byte
		}{
			{"plain map", func(key string) []byte { return plain[key] }},
			{"xsync", func(key string) []byte { value, _ := concurrent.Load(key); return value }},
			{"store", func(key string) []byte { value, _, _ := s.Get(key); return value }},
		} {
			b.Run(fmt.Sprintf("variables=%d/of=%s", n, of.name), func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					random := rand.NewPCG(rand.Uint64(), 0)
					for pb.Next() {
						if len(of.get(keys[(random.Uint64()>>32)*uint64(n)>>32])) != benchValueBytes {
							b.Error("no value")
						}
					}
				})
			})
		}
	}
}

// BenchmarkApplySet writes variables that exist, in messages of 64.
func BenchmarkApplySet(b *testing.B) {
	const count = 64
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("variables=%d", n), func(b *testing.B) {
			s, seq := fillStore(b, n)
			out := new(Outcome)
			set := wire.Command{Op: wire.OpSet, Session: benchSession, Seq: seq, Value: make([]byte, benchValueBytes)}
			var payload []byte
			random := rand.NewPCG(1, 2)
			runtime.GC()
			b.ReportAllocs()
			for b.Loop() {
				payload = payload[:0]
				for range count {
					set.Seq++
					set.Floor, set.Key = set.Seq, benchKey(int((random.Uint64()>>32)*uint64(n)>>32))
					payload = set.Append(payload)
				}
				s.ApplyMessage(s.Applied()+1, count, payload, out)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/command")
		})
	}
}

// heapBytes is what is in use on the heap.
func heapBytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkMemory tells the bytes on the heap for each variable of 16 + 100 bytes.
func BenchmarkMemory(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("variables=%d", n), func(b *testing.B) {
			for b.Loop() {
				before := heapBytes()
				s, _ := fillStore(b, n)
				b.ReportMetric(float64(heapBytes()-before)/float64(n), "B/variable")
				runtime.KeepAlive(s)
			}
		})
	}
}

// BenchmarkCollection is a garbage collection beside a million variables.
func BenchmarkCollection(b *testing.B) {
	s, _ := fillStore(b, 1_000_000)
	for b.Loop() {
		runtime.GC()
	}
	runtime.KeepAlive(s)
}
