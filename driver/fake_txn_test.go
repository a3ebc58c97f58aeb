package driver

import (
	"maps"
	"slices"
	"strconv"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// items returns the variables of a range at a position.
func (g *fakeGroup) items(from, to string, position uint64) (list []wire.ScanItem) {
	for _, key := range slices.Sorted(maps.Keys(g.history)) {
		if v := g.at(key, position); v.value != nil && key >= from && (to == "" || key < to) {
			list = append(list, wire.ScanItem{Key: key, Version: v.position, Value: v.value})
		}
	}
	return list
}

// scan answers with a page of at most two variables.
func (g *fakeGroup) scan(r *wire.Request, reply *wire.Reply, position uint64) {
	q, err := wire.DecodeScanQuery([]byte(r.Key))
	if err != nil {
		reply.Status = wire.StatusBadRequest
		return
	}
	if reply.Position = position; q.Flags&wire.ScanAt != 0 {
		position = q.At
	}
	if reply.Version = position; position < g.forgotten {
		reply.Status = wire.StatusLagged
		return
	}
	page := wire.ScanPage{Items: g.items(q.From, q.To, position)}
	most := 2
	if q.Flags&wire.ScanCount != 0 {
		page.Count, page.Items = uint64(len(page.Items)), nil
	}
	reverse := q.Flags&wire.ScanReverse != 0
	if reverse {
		slices.Reverse(page.Items)
	}
	if len(page.Items) > most {
		page.More, page.From, page.To = true, page.Items[most].Key, q.To
		if reverse {
			page.From, page.To = q.From, page.Items[most].Key+"\x00"
		}
		page.Items = page.Items[:most]
	}
	reply.Data = page.Append(nil)
}

// transact does a transaction of the kinds that an Update has.
func (g *fakeGroup) transact(encoded []byte, r *wire.Result) {
	var t wire.Txn
	if t.Decode(encoded) != nil {
		r.Status, r.Number = wire.StatusBadRequest, wire.TxnWhole
		return
	}
	for i, c := range t.If {
		to, count, sum := c.Key+"\x00", uint64(0), wire.RangeSum{}
		if c.Kind == wire.CondRange {
			to, count, sum = c.Range.To, c.Range.Count, c.Range.Sum
		}
		var h wire.RangeHash
		list := g.items(c.Key, to, g.position)
		version := uint64(0)
		for _, item := range list {
			h.Add(item.Key, item.Version)
			version = item.Version
		}
		if c.Kind == wire.CondVersion && version != c.Version || c.Kind == wire.CondRange && (uint64(len(list)) != count || h.Sum() != sum) {
			r.Number, r.Version = wire.TxnElse, uint64(i+1)
			return
		}
	}
	r.Number = wire.TxnThen
	for _, o := range t.Then {
		old := g.at(o.Key, g.position).value
		next := o.Value
		switch o.Kind {
		case wire.TxnAdd:
			n, _ := strconv.ParseInt(string(old), 10, 64)
			next = strconv.AppendInt(nil, n+o.Delta, 10)
		case wire.TxnAppend:
			next = slices.Concat(old, o.Value)
		case wire.TxnDelete:
			next = nil
		}
		g.history[o.Key] = append(g.history[o.Key], fakeVersion{g.position, next})
	}
}
