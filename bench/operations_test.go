package bench

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/client"
)

// benchGroup is a group in this process, and its handles.
func benchGroup(b *testing.B, nodes int, embedded bool) *inside {
	b.Helper()
	cfg := shortConfig()
	cfg.Nodes, cfg.Embedded, cfg.Conns = nodes, embedded, 1
	sys, _, err := startInside(b.Context(), &cfg, program.Env{}.OrNowhere(), &cluster.Feeds{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := sys.Stop(); err != nil {
			b.Error(err)
		}
	})
	return sys.(*inside)
}

// parallelism is how many goroutines of each processor use a handle at once.
const parallelism = 32

// BenchmarkOperations measures reads and writes at the first node of a group, by its
// handle in the same process and by one over loopback. All nodes share the process.
func BenchmarkOperations(b *testing.B) {
	for _, nodes := range []int{1, 3} {
		for _, embedded := range []bool{true, false} {
			where := "network"
			if embedded {
				where = "embedded"
			}
			g := benchGroup(b, nodes, embedded)
			db, value := g.Handles[0], make([]byte, 100)
			keys := make([]string, 10_000)
			for i := range keys {
				keys[i] = fmt.Sprintf("variable/%07d", i)
				if _, err := db.Set(b.Context(), keys[i], value); err != nil {
					b.Fatal(err)
				}
			}
			var next atomic.Uint64
			key := func() string { return keys[next.Add(7919)%uint64(len(keys))] }
			for name, operation := range map[string]func() error{
				"set": func() error { _, err := db.Set(b.Context(), key(), value); return err },
				"get": func() error { _, err := db.Get(b.Context(), key()); return err },
			} {
				b.Run(fmt.Sprintf("%s/%s/nodes=%d", where, name, nodes), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if err := operation(); err != nil {
							b.Fatal(err)
						}
					}
				})
				b.Run(fmt.Sprintf("%s/%s/nodes=%d/goroutines=%d", where, name, nodes, parallelism*runtime.GOMAXPROCS(0)), func(b *testing.B) {
					b.SetParallelism(parallelism)
					b.ReportAllocs()
					b.RunParallel(func(p *testing.PB) {
						for p.Next() {
							if err := operation(); err != nil {
								b.Error(err)
								return
							}
						}
					})
				})
			}
		}
	}
}

// BenchmarkRoundTrip measures a ping to a node and back over loopback.
func BenchmarkRoundTrip(b *testing.B) {
	g := benchGroup(b, 1, false)
	conn, err := client.Dial(b.Context(), g.Nodes[0].Addr(), client.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			b.Error(err)
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		if err := conn.Ping(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
