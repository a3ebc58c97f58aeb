package workload

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/history"
)

// mix is a workload of the Yahoo! Cloud Serving Benchmark: shares of what clients do. The
// rest reads a record.
type mix struct {
	updates float64
	inserts float64
	scans   float64
	modify  float64 // a record is read, modified and written
	latest  bool    // what was inserted last is the most popular, not some record
}

// The core workloads of YCSB. Records, values and requests have its defaults, but that a
// record is one value, and not ten fields of 100 bytes.
var (
	ycsbA = mix{updates: 0.5}
	ycsbB = mix{updates: 0.05}
	ycsbC = mix{}
	ycsbD = mix{inserts: 0.05, latest: true}
	ycsbE = mix{inserts: 0.05, scans: 0.95}
	ycsbF = mix{modify: 0.5}
)

const (
	ycsbRecords  = 1000
	ycsbBytes    = 1000
	ycsbMostScan = 100 // records

	leastRecordBytes = 32   // which name the record and its writer
	mostScannedBytes = 2000 // so that a scan is one page, which is always there
)

// defaults are those of YCSB.
func (m mix) defaults(w *load.Workload) {
	w.Keys, w.ValueBytes, w.Dist = ycsbRecords, ycsbBytes, load.Zipfian
	w.Writes = m.updates + m.inserts + m.modify/(1+m.modify) // of which each comes after a read
}

func (m mix) validate(w *load.Workload) error {
	most := load.MaxValueBytes
	if m.scans > 0 {
		most = mostScannedBytes
	}
	return program.CheckInt("value-size", w.ValueBytes, leastRecordBytes, most)
}

// start names the records.
func (m mix) start(w *load.Workload, prefix string) (*load.Keyspace, Invariant) {
	k := named(w, prefix, recordName)
	s := &records{mix: m, prefix: prefix, popular: newZipf(w.Keys), padding: load.NewPadding(w.Seed, w.ValueBytes)}
	s.next.Store(int64(w.Keys))
	s.newest.Store(int64(w.Keys))
	k.Choose = func(k *load.Keyspace, id int) load.Chooser {
		return &ycsbClient{client: newClient(k, id), records: s, popular: s.popular}
	}
	k.Inserted = func() (names []string) {
		for i := w.Keys; i < int(s.next.Load()); i++ {
			names = append(names, s.name(i))
		}
		return names
	}
	return k, newRecordsKept(prefix)
}

// recordName is the name of a record: its number, hashed, as YCSB does to spread records that
// are inserted one after the other over all keys.
func recordName(i int) string {
	return fmt.Sprintf("user%020d", scramble(uint64(i)))
}

func scramble(n uint64) uint64 {
	h := fnv.New64a()
	var b [8]byte
	for i := range b {
		b[i] = byte(n >> (8 * i))
	}
	_, _ = h.Write(b[:]) // never fails
	return h.Sum64()
}

// records are what the clients of a run share.
type records struct {
	mix
	prefix  string
	popular zipf
	padding []byte
	next    atomic.Int64 // number of the record that is inserted next
	newest  atomic.Int64 // the highest number of one that was inserted, and 1
}

func (s *records) name(i int) string { return s.prefix + recordName(i) }

// ycsbClient is a client of YCSB.
type ycsbClient struct {
	client
	*records
	popular zipf // its own, which grows
	made    int  // values
	modify  int  // the record that it modifies, from 1; 0: none
	hasRead bool
	version uint64
}

// Preload fills r with the first value of a record.
func (c *ycsbClient) Preload(r *load.Request, key int) {
	*r = load.Request{Kind: history.Set, Key: c.keys.Plain[key], Value: c.value(key)}
}

// value makes a value of a record, which begins with its number, that of the client, and that
// of the value.
func (c *ycsbClient) value(record int) []byte {
	c.made++
	v := make([]byte, c.keys.ValueBytes)
	head := strconv.AppendInt(v[:0], int64(record), 36)
	head = strconv.AppendInt(append(head, '.'), int64(c.id), 36)
	head = append(strconv.AppendInt(append(head, '.'), int64(c.made), 36), ' ')
	copy(v[len(head):], c.padding[c.made%load.PaddingSlack:])
	return v
}

// recordOf is the number of the record that a value is of.
func recordOf(value []byte) (int, bool) {
	end := slices.Index(value, '.')
	if end < 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(value[:end]), 36, 64)
	return int(n), err == nil
}

// choose returns the number of a record.
func (c *ycsbClient) choose() int {
	loaded := len(c.keys.Plain)
	switch {
	case c.latest:
		n := int(c.newest.Load())
		if c.keys.Dist == load.Uniform {
			return c.random.IntN(n)
		}
		c.popular.grow(n)
		return n - 1 - min(c.popular.draw(c.random), n-1)
	case c.keys.Dist == load.Uniform:
		return c.random.IntN(loaded)
	default:
		// Scrambled, so that the popular ones are no neighbours.
		return int(scramble(uint64(c.popular.draw(c.random))) % uint64(loaded))
	}
}

// Next fills r with the next operation.
func (c *ycsbClient) Next(r *load.Request) {
	if c.hasRead {
		record := c.modify - 1
		*r = load.Request{Kind: history.CompareAndSet, Key: c.name(record), Value: c.value(record), Expect: c.version}
		return
	}
	switch u := c.random.Float64(); {
	case u < c.updates:
		record := c.choose()
		*r = load.Request{Kind: history.Set, Key: c.name(record), Value: c.value(record)}
	case u < c.updates+c.inserts:
		record := int(c.next.Add(1) - 1)
		*r = load.Request{Kind: history.Set, Key: c.name(record), Value: c.value(record)}
	case u < c.updates+c.inserts+c.scans:
		readRange(r, c.name(c.choose()), history.Scan{To: endOf(c.prefix + "user"), Limit: 1 + c.random.IntN(ycsbMostScan)})
	case u < c.updates+c.inserts+c.scans+c.mix.modify:
		c.modify = c.choose() + 1
		*r = load.Request{Kind: history.Get, Key: c.name(c.modify - 1)}
	default:
		*r = load.Request{Kind: history.Get, Key: c.name(c.choose())}
	}
}

// Learn takes the answer.
func (c *ycsbClient) Learn(r *load.Request, a *load.Answer) {
	switch {
	case r.Kind == history.Set && a.Status == history.OK:
		if n, ok := recordOf(r.Value); ok {
			for newest := c.newest.Load(); int64(n) >= newest && !c.newest.CompareAndSwap(newest, int64(n)+1); {
				newest = c.newest.Load()
			}
		}
	case r.Kind == history.Get && c.modify > 0:
		c.hasRead, c.version = a.Status == history.OK && a.Value != nil, a.Version
		if !c.hasRead {
			c.modify = 0
		}
	case r.Kind == history.CompareAndSet: // whether or not somebody was faster
		c.hasRead, c.modify = false, 0
	}
}
