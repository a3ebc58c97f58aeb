package sim

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// ownKeys is how many variables have owners more often than not. As with those that have
// TTLs, only these have their values looked at.
const ownKeys = 3

// ownName names one of them.
func ownName(n int) string { return "own" + strconv.Itoa(n) }

// drawOwners decides how many clients have a session with a TTL of its own. A program has none,
// since when one expires depends on how long things take.
func (t *traits) drawOwners(r *rand.Rand, o Options) {
	if t.owns = pick(r, 0, 0, 0.3, 0.6); o.Steps > 0 {
		t.owns = 0
	}
}

// drawTTL decides whether the client's sessions have a TTL of their own, and which.
func (c *client) drawTTL() {
	if t := &c.w.traits; chance(c.owns, t.owns) {
		c.ownTTL = between(c.owns, 300*time.Millisecond, max(min(t.sessionTTL, 4*t.detection), time.Second)).Truncate(time.Millisecond)
	}
}

// openOwn is the command by which the client opens its session. A view of an earlier release
// has refused it a TTL of its own before.
func (c *client) openOwn() wire.Command {
	cmd := c.openSession(c.String())
	if c.ownTTL > 0 && !c.plainOnly {
		cmd.Op, cmd.Delta = wire.OpOpenTimed, c.ownTTL.Milliseconds()
	}
	return cmd
}

// keepUp renews a session with a TTL of its own in time, and closes it now and then.
func (c *client) keepUp() {
	w := c.w
	if c.ownTTL == 0 || w.draining {
		return
	}
	w.After(c.ownTTL/4, c.keepUp)
	if c.keepingUp {
		return
	}
	op := &operation{c: c, begun: w.Now, state: c.state, then: func(bool) { c.keepingUp = false }}
	open := false
	if len(c.active) == 0 && c.stream.Open() == 0 && c.owns.IntN(8) == 0 {
		op.command, open = c.state.session.Close(&op.Operation)
	} else if id := c.state.session.ID(); id != 0 {
		op.command, open = c.state.session.RenewAs(&op.Operation, id)
	}
	if c.keepingUp = open; open {
		c.active = append(c.active, op)
		op.attempt()
	}
}

// owning is a random transaction on variables that the client's session owns, or others do.
func (c *client) owning() wire.Command {
	t := wire.Txn{Then: c.owningOps(), Else: c.owningOps()}
	if c.owns.IntN(3) == 0 {
		t.If = append(t.If, wire.Cond{Kind: wire.CondPresent, Key: c.ownKey()})
	}
	c.w.counts.TxnsAsked++
	return wire.Command{Op: wire.OpTxn, Value: t.Append(nil)}
}

// ownKey is mostly the client's own.
func (c *client) ownKey() string {
	if c.owns.IntN(3) == 0 {
		return ownName(c.owns.IntN(ownKeys))
	}
	return ownName(c.number % ownKeys)
}

func (c *client) owningOps() (ops []wire.TxnOp) {
	for range 1 + c.owns.IntN(3) {
		o := wire.TxnOp{Kind: wire.TxnPut, Key: c.ownKey(), Value: []byte("7"), Ephemeral: true, Old: c.owns.IntN(3) == 0}
		switch c.owns.IntN(10) {
		case 0:
			o.Kind, o.Value = wire.TxnAppend, []byte("8")
		case 1:
			o.Kind, o.Value, o.Delta = wire.TxnAdd, nil, 1
		case 2:
			o.Ephemeral, o.KeepTTL = false, c.owns.IntN(3) > 0
		case 3:
			o.Kind, o.Value, o.Ephemeral = wire.TxnDelete, nil, false
		case 4:
			o.Kind, o.Value, o.Ephemeral, o.Old = wire.TxnRead, nil, false, false
		case 5:
			o.TTL = uint64(between(c.owns, 10*time.Millisecond, 2*time.Second).Milliseconds())
		case 6:
			o.Key, o.Old = variableName(c.owns.IntN(c.w.traits.keys)), false
		}
		ops = append(ops, o)
	}
	return ops
}
