package store

import (
	"math"
	"strconv"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// txn draws an encoded transaction, now and then what is none.
func (s *script) txn(t *rapid.T) []byte {
	if rapid.IntRange(0, 30).Draw(t, "no transaction") == 0 {
		return []byte{1, 5, 1, 'k'}
	}
	var txn wire.Txn
	for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "conditions") {
		c := s.cond(t, wire.CondVersion)
		c.Key = drawKey(t)
		txn.If = append(txn.If, c)
	}
	txn.If = append(txn.If, s.rangeConds(t)...)
	// More keys than are found by a scan of the cells, at times.
	keys := rapid.SampledFrom([]int{3, 3, 7, 40}).Draw(t, "keys")
	if rapid.IntRange(0, 2).Draw(t, "possible") > 0 {
		txn.Then, txn.Else = possibleOps(t, keys), possibleOps(t, 3)
	} else {
		txn.Then, txn.Else = s.txnOps(t, keys), s.txnOps(t, 3)
	}
	return txn.Append(nil)
}

func (s *script) txnOps(t *rapid.T, keys int) (ops []wire.TxnOp) {
	for range rapid.IntRange(0, keys+1).Draw(t, "operations") {
		o := wire.TxnOp{Kind: wire.TxnKind(rapid.IntRange(1, 8).Draw(t, "operation"))}
		o.Key = drawKey(t)
		if keys > 7 && o.Key != "" && rapid.IntRange(0, 3).Draw(t, "few keys") > 0 {
			o.Key = "k" + strconv.Itoa(rapid.IntRange(0, 14).Draw(t, "key"))
		}
		o.Old = o.Kind != wire.TxnRead && o.Kind != wire.TxnTTL && rapid.Bool().Draw(t, "old")
		drawTTL(t, &o)
		if rapid.IntRange(0, 5).Draw(t, "conditional") == 0 {
			o.If = s.cond(t, wire.CondNone)
		}
		switch o.Kind {
		case wire.TxnPut, wire.TxnAppend:
			o.Value = drawValue(t)
		case wire.TxnAdd:
			o.Delta = rapid.SampledFrom([]int64{1, -1, 0, math.MaxInt64, math.MinInt64, 1000}).Draw(t, "delta")
		}
		ops = append(ops, o)
	}
	return ops
}

// possibleOps draws operations that can mostly be done.
func possibleOps(t *rapid.T, n int) (ops []wire.TxnOp) {
	for i := range rapid.IntRange(1, n+1).Draw(t, "operations") {
		o := wire.TxnOp{Key: "k" + strconv.Itoa(rapid.IntRange(0, 14).Draw(t, "key"))}
		o.Kind = rapid.SampledFrom([]wire.TxnKind{wire.TxnPut, wire.TxnDelete, wire.TxnAppend, wire.TxnRead, wire.TxnExpire, wire.TxnPersist, wire.TxnTTL}).Draw(t, "operation")
		o.Old = o.Kind != wire.TxnRead && o.Kind != wire.TxnTTL && rapid.Bool().Draw(t, "old")
		drawTTL(t, &o)
		if o.Kind == wire.TxnPut || o.Kind == wire.TxnAppend {
			o.Value = strconv.AppendInt(nil, int64(i), 10)
		}
		ops = append(ops, o)
	}
	return ops
}

// rangeConds draws conditions on ranges: what is in them, or, as if something had changed
// since, without one that is or with one that is not.
func (s *script) rangeConds(t *rapid.T) (list []wire.Cond) {
	bounds := rapid.SampledFrom([][]string{nil, nil, nil, {"", ""}, {"k", ""}, {"k1", "k1\x00"}, {"", "k1", "k3", "k6"}, {"k", "k2", "k2", "k4", "k5", ""}}).Draw(t, "ranges")
	for ; len(bounds) > 0; bounds = bounds[2:] {
		c := wire.Cond{Kind: wire.CondRange, Key: bounds[0]}
		state := s.oracle.rangeState(c.Key, bounds[1], nil)
		switch rapid.IntRange(0, 9).Draw(t, "changed") {
		case 0:
			gone := drawKey(t)
			state = s.oracle.rangeState(c.Key, bounds[1], func(key string) bool { return key == gone })
		case 1:
			more := s.oracle.clone()
			more.variables[drawKey(t)] = oracleVariable{version: 1}
			state = more.rangeState(c.Key, bounds[1], nil)
		case 2:
			state.Count++
		}
		c.Range = &state
		list = append(list, c)
	}
	return list
}

// drawTTL gives an operation a TTL if it may have one, or has it keep the one of before.
func drawTTL(t *rapid.T, o *wire.TxnOp) {
	ttl := rapid.SampledFrom([]uint64{1, 2, 5, 9, 10, 20, 50, wire.MaxTTL})
	switch o.Kind {
	case wire.TxnExpire:
		o.TTL = ttl.Draw(t, "TTL")
	case wire.TxnPut, wire.TxnAdd, wire.TxnAppend:
		kind := rapid.IntRange(0, 2).Draw(t, "with a TTL")
		if kind == 1 {
			o.TTL = ttl.Draw(t, "TTL")
		}
		o.KeepTTL = kind == 2 && o.Kind == wire.TxnPut
		o.Ephemeral = !o.KeepTTL && rapid.IntRange(0, 4).Draw(t, "ephemeral") == 0
	case wire.TxnDelete, wire.TxnRead, wire.TxnPersist, wire.TxnTTL:
	}
}

func (s *script) cond(t *rapid.T, from wire.CondKind) wire.Cond {
	c := wire.Cond{Kind: wire.CondKind(rapid.IntRange(int(from), int(wire.CondPresent)).Draw(t, "condition"))}
	switch c.Kind {
	case wire.CondVersion:
		c.Version = rapid.SampledFrom([]uint64{0, 0, s.next - 1, s.next - 2, s.next / 2}).Draw(t, "version")
	case wire.CondValue:
		c.Value = drawValue(t)
	}
	return c
}
