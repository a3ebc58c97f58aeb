package sim

import (
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// txnKeys is how many variables are written by transactions alone. Only these have their
// values looked at in one, since damaged memory strikes the values of the others, and what
// a command makes of them is that of one replica.
const txnKeys = 4

// txnName names one of them.
func txnName(n int) string { return "txn" + strconv.Itoa(n) }

// mostOps is how many operations a branch has.
const mostOps = 5

// txn is a random transaction. What a program asks for must not depend on what else happens.
func (c *client) txn() wire.Command {
	t := wire.Txn{Then: c.txnOps(), Else: c.txnOps()}
	for range c.txns.IntN(3) {
		cond := c.cond(c.txnKey())
		t.If = append(t.If, cond)
	}
	if c.scanned != nil && c.w.options.Steps == 0 && chance(c.updates, c.w.traits.updates.ranges) {
		t.If = append(t.If, c.rangeCond())
	}
	c.w.counts.TxnsAsked++
	return wire.Command{Op: wire.OpTxn, Value: t.Append(nil)}
}

func (c *client) txnKey() string { return txnName(c.txns.IntN(txnKeys)) }

func (c *client) txnOps() (ops []wire.TxnOp) {
	for range c.txns.IntN(mostOps + 1) {
		if c.txns.IntN(3) == 0 {
			ops = append(ops, c.plainOp())
			continue
		}
		ops = append(ops, c.txnOp())
	}
	return ops
}

// plainOp is an operation on a variable that other writes have, too.
func (c *client) plainOp() wire.TxnOp {
	n := c.txns.IntN(c.w.traits.keys)
	o := wire.TxnOp{Kind: wire.TxnPut, Key: variableName(n), Value: strconv.AppendInt(nil, int64(c.txns.IntN(1000)), 10)}
	if n%2 == 0 {
		o.Value = c.txnValue()
	}
	switch c.txns.IntN(8) {
	case 0:
		o.Kind, o.Value = wire.TxnDelete, nil
	case 1:
		o.If.Kind = wire.CondPresent
	case 2:
		o.If = c.versionCond()
	}
	return o
}

// txnOp is an operation on a variable of transactions.
func (c *client) txnOp() wire.TxnOp {
	o := wire.TxnOp{Key: c.txnKey(), Old: c.txns.IntN(3) == 0}
	switch c.txns.IntN(8) {
	case 0:
		o.Kind = wire.TxnDelete
	case 1, 2:
		o.Kind, o.Value = wire.TxnAppend, strconv.AppendInt(nil, int64(c.number), 10)
	case 3:
		o.Kind, o.Value = wire.TxnPut, c.txnValue()
	case 4:
		o.Kind, o.Value = wire.TxnPut, []byte("7")
	case 5, 6:
		o.Kind, o.Delta = wire.TxnAdd, 1
		if c.txns.IntN(20) == 0 {
			o.Delta = math.MaxInt64
		}
	default:
		o.Kind, o.Old = wire.TxnRead, false
	}
	if c.txns.IntN(6) == 0 {
		o.If = c.cond("")
	}
	return o
}

func (c *client) txnValue() []byte {
	c.values++
	return strconv.AppendUint(append(strconv.AppendInt(nil, int64(c.number), 10), '.'), c.values, 10)
}

// cond is a condition on a variable of transactions.
func (c *client) cond(key string) wire.Cond {
	cond := wire.Cond{Kind: wire.CondPresent}
	switch c.txns.IntN(4) {
	case 0, 1:
		cond = c.versionCond()
	case 2:
		cond = wire.Cond{Kind: wire.CondValue, Value: []byte("7")}
	}
	cond.Key = key
	return cond
}

func (c *client) versionCond() wire.Cond {
	cond := wire.Cond{Kind: wire.CondVersion}
	if c.w.options.Steps == 0 && c.txns.IntN(2) == 0 {
		cond.Version = c.version
	}
	return cond
}

// drawTxns decides how many writes are transactions, and how many processes are of the
// release before there were any.
func (t *traits) drawTxns(r *rand.Rand, o Options) {
	t.txns, t.old = pick(r, 0, 0.1, 0.1, 0.4), pick(r, 0, 0, 0, 0.3, 0.7)
	if o.Steps > 0 {
		t.old = 0
	}
}

// level is the feature level of a process that begins now.
func (w *world) level() uint32 {
	if !w.healed && chance(w.random.txns, w.traits.old) {
		return wire.LevelVariables - 1
	}
	return wire.LevelNewest
}

// understands holds that a replica is given no command which its process does not speak, or
// which its view may not have.
func (r *replica) understands(d *wire.Delivery) {
	level := r.p.level
	if r.reader.InView() {
		level = min(level, r.reader.FeatureLevel())
	}
	if level >= wire.LevelVariables {
		return
	}
	rest := d.Payload
	for i := range d.Count {
		var c wire.Command
		var err error
		if c, rest, err = wire.DecodeCommand(rest); err != nil {
			return
		}
		if needs := c.Op.Operation().Level; needs > level {
			r.w.fail("feature level: %s, of level %d, is given a %s at %d, which needs level %d", r, level, c.Op, d.First+uint64(i), needs)
		}
	}
}
