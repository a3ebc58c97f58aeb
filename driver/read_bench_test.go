package driver_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/puzpuzpuz/xsync/v4"

	"github.com/seed-8247e700/dsm/driver"
)

// What the benchmarks of reads read, and how.
const (
	benchKeys       = 10_000 // of 16 bytes
	benchValueBytes = 100
	benchReaders    = 2
	benchWriteEvery = time.Millisecond
)

// makeKeys makes the keys that are asked for. Those in the maps are equal, and not
// the same strings: an application has its keys from elsewhere, too.
func makeKeys() []string {
	keys := make([]string, benchKeys)
	for i := range keys {
		keys[i] = fmt.Sprintf("variable%08d", i)
	}
	return keys
}

// readAll has the readers call get with keys at random until the benchmark is
// over.
func readAll(b *testing.B, keys []string, get func(key string) []byte) {
	b.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(benchReaders))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		random := rand.NewPCG(rand.Uint64(), 0)
		for pb.Next() {
			key := keys[(random.Uint64()>>32)*benchKeys>>32]
			if len(get(key)) != benchValueBytes {
				b.Errorf("no value of %s", key)
				return
			}
		}
	})
}

// writeBeside calls set with keys at random, one every millisecond, until the
// benchmark is over.
func writeBeside(b *testing.B, keys []string, set func(key string, value []byte)) {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	var writer sync.WaitGroup
	writer.Go(func() {
		ticker := time.NewTicker(benchWriteEvery)
		defer ticker.Stop()
		value := make([]byte, benchValueBytes)
		for {
			select {
			case <-ticker.C:
				set(keys[rand.IntN(len(keys))], value)
			case <-ctx.Done():
				return
			}
		}
	})
	b.Cleanup(func() {
		stop()
		writer.Wait()
	})
}

// BenchmarkEmbeddedRead reads a replica in the process with two goroutines while
// a third writes a thousand times a second. Beside it stand what could not be
// quicker, a map that nobody writes to and nothing guards, and a concurrent map.
func BenchmarkEmbeddedRead(b *testing.B) {
	keys := makeKeys()
	b.Run("of=plain map", func(b *testing.B) {
		values := make(map[string][]byte, len(keys))
		for _, key := range keys {
			values[strings.Clone(key)] = make([]byte, benchValueBytes)
		}
		readAll(b, keys, func(key string) []byte { return values[key] })
	})
	b.Run("of=xsync", func(b *testing.B) {
		values := xsync.NewMap[string, []byte]()
		for _, key := range keys {
			values.Store(strings.Clone(key), make([]byte, benchValueBytes))
		}
		writeBeside(b, keys, func(key string, value []byte) { values.Store(key, append([]byte(nil), value...)) })
		readAll(b, keys, func(key string) []byte {
			value, _ := values.Load(key)
			return value
		})
	})
	embedded := driver.OpenDB(node)
	defer embedded.Close()
	value := make([]byte, benchValueBytes)
	for _, key := range keys {
		if _, err := embedded.Set(ctx, key, value); err != nil {
			b.Fatal(err)
		}
	}
	conn, err := embedded.Conn(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	for _, of := range []struct {
		name string
		get  func(ctx context.Context, key string, options ...driver.ReadOption) (driver.Value, error)
	}{
		{"DB", embedded.Get},
		{"Conn", conn.Get},
	} {
		b.Run("of="+of.name, func(b *testing.B) {
			writeBeside(b, keys, func(key string, value []byte) {
				if _, err := embedded.Set(ctx, key, value); err != nil {
					b.Error(err)
				}
			})
			readAll(b, keys, func(key string) []byte {
				value, err := of.get(ctx, key)
				if err != nil {
					b.Error(err)
				}
				return value.Data
			})
		})
	}
}
