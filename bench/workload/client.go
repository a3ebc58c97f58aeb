package workload

import (
	"math/rand/v2"
	"strconv"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/internal/history"
)

// client is what the choosers of all workloads have.
type client struct {
	keys   *load.Keyspace
	id     int
	random *rand.Rand // of the seed and the client
}

func newClient(k *load.Keyspace, id int) client {
	return client{keys: k, id: id, random: rand.New(rand.NewPCG(k.Seed, uint64(id)))}
}

// someKey returns a variable, each as often as any other.
func (c *client) someKey() string { return c.keys.Plain[c.random.IntN(len(c.keys.Plain))] }

// chance is true with a probability.
func (c *client) chance(p float64) bool { return c.random.Float64() < p }

// named makes a Keyspace of as many variables as a workload has, by their numbers.
func named(w *load.Workload, prefix string, name func(i int) string) *load.Keyspace {
	plain := make([]string, w.Keys)
	for i := range plain {
		plain[i] = prefix + name(i)
	}
	k := load.NameKeys(w, plain)
	k.Prefix = prefix
	return k
}

// endOf is the key below which all keys are that begin with a prefix, which does not end in
// the byte 255.
func endOf(prefix string) string {
	last := len(prefix) - 1
	return prefix[:last] + string(rune(prefix[last]+1))
}

// digits is a number with leading zeros, so that the order of keys is that of their numbers.
func digits(n, width int) string {
	text := strconv.Itoa(n)
	for len(text) < width {
		text = "0" + text
	}
	return text
}

// readRange fills r with a scan of the keys from from on and below to.
func readRange(r *load.Request, from string, s history.Scan) {
	*r = load.Request{Kind: history.ReadRange, Key: from, Scan: &s}
}

// countRange fills r with a count of the keys from from on and below to.
func countRange(r *load.Request, from, to string) {
	*r = load.Request{Kind: history.CountRange, Key: from, Scan: &history.Scan{To: to}}
}

// number is the integer whose text a value is.
func number(value []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(value), 10, 64)
	return n, err == nil
}
