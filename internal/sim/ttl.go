package sim

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// ttlKeys is how many variables have TTLs more often than not. As with those of
// transactions, only these have their values looked at.
const ttlKeys = 3

// ttlName names one of them.
func ttlName(n int) string { return "ttl" + strconv.Itoa(n) }

func (c *client) ttlKey() string { return ttlName(c.ttls.IntN(ttlKeys)) }

// drawTTLs decides how many writes are of variables that expire. A program has none, since
// when they expire depends on how long things take.
func (t *traits) drawTTLs(r *rand.Rand, o Options) {
	if t.ttls = pick(r, 0, 0.1, 0.1, 0.3); o.Steps > 0 {
		t.ttls = 0
	}
}

// timed is a random write of variables that expire.
func (c *client) timed() wire.Command {
	if c.ttls.IntN(4) == 0 {
		return c.untimed()
	}
	t := wire.Txn{Then: c.timedOps(), Else: c.timedOps()}
	if c.ttls.IntN(3) == 0 {
		t.If = append(t.If, wire.Cond{Kind: wire.CondPresent, Key: c.ttlKey()})
	}
	c.w.counts.TxnsAsked++
	return wire.Command{Op: wire.OpTxn, Value: t.Append(nil)}
}

// untimed is a random write of one of the variables that knows nothing of TTLs.
func (c *client) untimed() wire.Command {
	key := c.ttlKey()
	switch c.ttls.IntN(4) {
	case 0:
		return wire.Command{Op: wire.OpDelete, Key: key}
	case 1:
		return wire.Command{Op: wire.OpAdd, Key: key, Delta: 1}
	case 2:
		return wire.Command{Op: wire.OpCompareAndSet, Key: key, Value: c.ttlValue(), Expect: c.version}
	default:
		return wire.Command{Op: wire.OpSet, Key: key, Value: c.ttlValue()}
	}
}

// ttlValue is a number as often as not.
func (c *client) ttlValue() []byte {
	if c.ttls.IntN(2) == 0 {
		return []byte("7")
	}
	return c.txnValue()
}

func (c *client) timedOps() (ops []wire.TxnOp) {
	for range 1 + c.ttls.IntN(3) {
		if c.ttls.IntN(6) == 0 {
			ops = append(ops, c.sharedOp())
			continue
		}
		ops = append(ops, c.timedOp())
	}
	return ops
}

// timedOp is an operation on a variable that expires.
func (c *client) timedOp() wire.TxnOp {
	o := wire.TxnOp{Key: c.ttlKey(), Old: c.ttls.IntN(3) == 0}
	switch c.ttls.IntN(10) {
	case 0, 1:
		o.Kind, o.Value, o.TTL = wire.TxnPut, c.ttlValue(), c.ttl()
	case 2:
		o.Kind, o.Value, o.KeepTTL = wire.TxnPut, c.ttlValue(), c.ttls.IntN(3) > 0
	case 3:
		o.Kind, o.Value, o.TTL = wire.TxnAppend, []byte("8"), c.ttl()*c.ttls.Uint64N(2)
	case 4:
		o.Kind, o.Delta, o.TTL = wire.TxnAdd, 1, c.ttl()*c.ttls.Uint64N(2)
	case 5:
		o.Kind = wire.TxnPersist
	case 6:
		o.Kind, o.Old = wire.TxnTTL, false
	case 7:
		o.Kind, o.Old = wire.TxnRead, false
	default:
		o.Kind, o.TTL = wire.TxnExpire, c.ttl()
	}
	return o
}

// sharedOp is an operation on a variable that other writes have, too.
func (c *client) sharedOp() wire.TxnOp {
	o := wire.TxnOp{Kind: wire.TxnExpire, Key: variableName(c.ttls.IntN(c.w.traits.keys)), TTL: c.ttl()}
	switch c.ttls.IntN(4) {
	case 0:
		o.Kind, o.Value = wire.TxnPut, []byte("7")
	case 1:
		o.Kind, o.TTL = wire.TxnPersist, 0
	case 2:
		o.Kind, o.TTL = wire.TxnTTL, 0
	}
	return o
}

// ttl is a random one, in milliseconds. Few outlive the run.
func (c *client) ttl() uint64 {
	longest := pick(c.ttls, 50*time.Millisecond, 200*time.Millisecond, time.Second, 5*time.Second)
	if c.ttls.IntN(20) == 0 {
		longest = time.Hour
	}
	return uint64(between(c.ttls, 10*time.Millisecond, longest).Milliseconds())
}
