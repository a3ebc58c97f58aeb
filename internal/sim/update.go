package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/sim/oracle"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// UpdateCounts tell what has become of updates.
type UpdateCounts struct {
	Updates         uint64 `name:"updates done"`
	UpdateRuns      uint64 `name:"  runs of their functions"`
	UpdateConflicts uint64 `name:"  conflicts"`
	UpdatesGone     uint64 `name:"  states that were gone"`
	UpdatesGivenUp  uint64 `name:"  given up after many"`
	UpdatesFailed   uint64 `name:"  failed, or of unknown outcome"`
}

// updateTraits are what the updates of a run are like.
type updateTraits struct {
	every  time.Duration // a client begins one; 0: never
	reads  int           // at most, of an attempt
	ranges float64       // chance that a transaction has a condition on a range
}

// drawUpdates decides how many updates and conditions on ranges there are: none in half of the
// runs.
func (t *traits) drawUpdates(r *rand.Rand) {
	if r.IntN(2) == 0 {
		return
	}
	t.updates = updateTraits{every: t.detection * pick(r, time.Duration(1), 2, 4), reads: 1 + r.IntN(5), ranges: pick(r, 0, 0.2, 0.5)}
}

// mostAttempts is how often an update is tried.
const mostAttempts = 6

// updating is an update of a client, with all its attempts. What it decides is session.Tx and
// session.Update.
type updating struct {
	c      *client
	update session.Update
	number uint64 // among those of the client
	tx     session.Tx
	left   int    // reads of the attempt to come
	bound  uint64 // generation of the attempt's first read, 0: there was none yet
}

// update begins updates, now and then.
func (c *client) update() {
	w := c.w
	if w.draining || w.traits.updates.every == 0 || w.options.Steps > 0 {
		return
	}
	w.After(time.Duration(c.updates.ExpFloat64()*float64(max(w.traits.updates.every, w.scannable()))), c.update)
	c.updated++
	u := &updating{c: c, number: c.updated}
	u.attempt()
}

// attempt runs the update's function.
func (u *updating) attempt() {
	u.tx, u.bound, u.left = session.Tx{}, 0, u.c.updates.IntN(u.c.w.traits.updates.reads+1)
	u.c.w.counts.UpdateRuns++
	u.step()
}

// again runs the function again after a pause, unless that was often enough.
func (u *updating) again() {
	c := u.c
	if c.w.draining || u.update.Attempts() >= mostAttempts {
		c.w.counts.UpdatesGivenUp++
		return
	}
	c.w.After(u.update.Pause(c.updates.Float64()), u.attempt)
}

// step goes on with the function: it reads, writes, or comes to its end.
func (u *updating) step() {
	c := u.c
	if u.left == 0 {
		u.commit()
		return
	}
	u.left--
	switch c.updates.IntN(4) {
	case 0:
		u.scan()
	case 1:
		u.write()
		u.step()
	default:
		u.get()
	}
}

// write writes something, of what transactions alone write.
func (u *updating) write() {
	c := u.c
	o := wire.TxnOp{Key: txnName(c.updates.IntN(txnKeys))}
	switch c.updates.IntN(4) {
	case 0:
		o.Kind = wire.TxnDelete
	case 1:
		o.Kind, o.Value = wire.TxnAppend, strconv.AppendInt(nil, int64(c.number), 10)
	case 2:
		o.Kind, o.Delta = wire.TxnAdd, 1
	default:
		o.Kind, o.Value = wire.TxnPut, strconv.AppendUint(nil, u.number, 10)
	}
	u.tx.Write(o) // an add to no number is none, as for a function that goes on without
}

// get reads a variable.
func (u *updating) get() {
	key := txnName(u.c.updates.IntN(txnKeys))
	if u.c.updates.IntN(2) == 0 {
		key = variableName(u.c.updates.IntN(u.c.w.traits.keys))
	}
	if _, ok := u.tx.Written(key); ok {
		u.step()
		return
	}
	scan := u.tx.Get(key)
	u.page(&scan, 1, func(page *wire.ScanPage) {
		u.tx.Got(key, page.Items)
		u.step()
	})
}

// scan scans a range, and leaves it early at times.
func (u *updating) scan() {
	c := u.c
	q := wire.ScanQuery{}
	n := c.updates.IntN(c.w.traits.keys)
	switch c.updates.IntN(3) {
	case 0:
		q.From = variableName(n)
	case 1:
		q.From, q.To = "txn", "txo"
	}
	if c.updates.IntN(3) == 0 {
		q.Flags |= wire.ScanReverse
	}
	most := pick(c.updates, 1, 3, 1000)
	scan := u.tx.Scan(q)
	var on func()
	on = func() {
		for ; most > 0; most-- {
			switch _, step := scan.Next(); step {
			case session.TxPage:
				u.page(&scan.Pages, 2, func(page *wire.ScanPage) {
					scan.Page(page)
					on()
				})
				return
			case session.TxEnd, session.TxRefused:
				most = 0
			case session.TxHere:
			}
		}
		u.step()
	}
	on()
}

// page asks for a page of what servers have, at most so many variables, and holds it against
// the state at the position of the whole attempt.
func (u *updating) page(scan *session.Scan, limit uint64, took func(*wire.ScanPage)) {
	c := u.c
	op := &operation{c: c, begun: c.w.Now, state: c.state}
	op.Kind = session.Get
	var q wire.ScanQuery
	op.asks = func(req *wire.Request) {
		q = scan.Query(limit)
		req.Kind, req.Key = wire.RequestScan, string(q.Append(nil))
		req.Position = max(req.Position, q.At)
	}
	op.takes = scan.Reply
	op.then = func(ok bool) {
		if !ok || u.bound != 0 && u.bound != op.state.bound {
			return // the function returns the error
		}
		u.bound = op.state.bound
		page, err := scan.Page(&op.reply)
		switch {
		case errors.Is(err, session.ErrGone):
			c.w.counts.UpdatesGone++
			u.update.Gone()
			u.again()
			return
		case err != nil:
			c.w.fail("protocol: %s is shown a page that it cannot read: %v", c, err)
			return
		}
		for i := range page.Items {
			page.Items[i].Key = strings.Clone(page.Items[i].Key)
		}
		page.From, page.To = strings.Clone(page.From), strings.Clone(page.To)
		u.tx.Paged(scan)
		u.hold(&q, &page)
		took(&page)
	}
	c.enter(op)
}

// hold holds what a page shows against the state at the position of the attempt.
func (u *updating) hold(q *wire.ScanQuery, page *wire.ScanPage) {
	w := u.c.w
	if w.traits.agreed {
		return
	}
	shown := check.Scan{
		Name: fmt.Sprintf("update %d of %s", u.number, u.c), From: q.From, To: q.To, Reverse: q.Flags&wire.ScanReverse != 0,
		Position: u.tx.Position(),
	}
	for _, i := range page.Items {
		shown.Items = append(shown.Items, history.NewItem(i.Key, i.Version, i.Value))
	}
	if page.More && shown.Reverse {
		shown.From = page.To
	} else if page.More {
		shown.To = page.From
	}
	w.order(u.bound).checker.Scan(&shown)
}

// commit commits what the function has written, and with it that this update is done.
func (u *updating) commit() {
	c := u.c
	if c.w.draining {
		return
	}
	u.tx.Write(wire.TxnOp{Kind: wire.TxnPut, Key: oracle.UpdateKey + strconv.Itoa(c.number), Value: strconv.AppendUint(nil, u.number, 10)})
	txn := u.tx.Commit()
	op := &operation{c: c, begun: c.w.Now, state: c.state, command: wire.Command{Op: wire.OpTxn, Value: txn.Append(nil)}}
	op.Kind = session.Write
	op.after = func() {
		done := op.answered() && op.reply.Status == wire.StatusOK
		switch outcome, _ := u.update.Ended(&txn, &op.reply, done, op.lost); outcome {
		case session.Committed:
			c.w.counts.Updates++
		case session.Conflicted:
			c.w.counts.UpdateConflicts++
			u.again()
		case session.Failed:
			c.w.counts.UpdatesFailed++
		}
	}
	c.enter(op)
}

// condOf is the condition that a range is as a scan has shown it.
func condOf(s *check.Scan) *wire.Cond {
	items := slices.Clone(s.Items)
	if s.Reverse {
		slices.Reverse(items)
	}
	var h wire.RangeHash
	for i := range items {
		h.Add(items[i].Key, items[i].Version)
	}
	return &wire.Cond{Kind: wire.CondRange, Key: s.From, Range: &wire.RangeState{To: s.To, Count: uint64(len(items)), Sum: h.Sum()}}
}

// rangeCond is the condition that the range which was scanned last has not changed, or now
// and then one that cannot hold.
func (c *client) rangeCond() wire.Cond {
	cond := *c.scanned
	if c.updates.IntN(10) == 0 {
		state := *cond.Range
		state.Sum[c.updates.IntN(len(state.Sum))]++
		cond.Range = &state
	}
	return cond
}
