package session

import (
	"math"
	"slices"
	"strconv"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// drafts are what a transaction has written so far.
type drafts struct {
	ops   []wire.TxnOp
	bytes int // of keys and values in ops
	of    map[string]*draft
	keys  []string // of the drafts, in order
}

// draft is a variable that a transaction has written.
type draft struct {
	key     string
	known   bool // exists and value are what the writes leave, whatever servers have
	exists  bool
	value   []byte
	owned   bool          // value has bytes of its own, which may be appended to
	pending []*wire.TxnOp // unless it is known: adds and appends to what servers have
}

// add takes a write.
func (w *drafts) add(o wire.TxnOp) wire.Status {
	size := len(o.Key) + len(o.Value)
	if len(w.ops) == wire.MaxTxnOps || w.bytes+size > wire.MaxTxnBytes {
		return wire.StatusTooLarge
	}
	if ofTime(o.Kind) {
		w.take(o)
		return wire.StatusOK
	}
	d := w.of[o.Key]
	if d == nil {
		d = &draft{key: o.Key}
	}
	if d.known || o.Kind == wire.TxnPut || o.Kind == wire.TxnDelete {
		if status := d.apply(&o); status != wire.StatusOK {
			return status
		}
	} else {
		d.pending = append(d.pending, &o)
	}
	if w.of[o.Key] == nil {
		if w.of == nil {
			w.of = make(map[string]*draft)
		}
		w.of[o.Key] = d
		at, _ := slices.BinarySearch(w.keys, o.Key)
		w.keys = slices.Insert(w.keys, at, o.Key)
	}
	w.take(o)
	return wire.StatusOK
}

// take makes a write one of the transaction's.
func (w *drafts) take(o wire.TxnOp) {
	w.ops = append(w.ops, o)
	w.bytes += len(o.Key) + len(o.Value)
}

// ofTime reports whether a write changes only when a variable expires, and neither its value
// nor its version.
func ofTime(kind wire.TxnKind) bool { return kind == wire.TxnExpire || kind == wire.TxnPersist }

// base makes a draft known, of a variable that servers have with a value, or have not.
func (w *drafts) base(d *draft, value []byte, exists bool) wire.Status {
	if d.known {
		return wire.StatusOK
	}
	next := draft{key: d.key, known: true, exists: exists, value: value}
	for _, o := range d.pending {
		if status := next.apply(o); status != wire.StatusOK {
			return status
		}
	}
	*d = next
	return wire.StatusOK
}

// apply does a write to a draft that is known, or becomes so.
func (d *draft) apply(o *wire.TxnOp) wire.Status {
	switch o.Kind {
	case wire.TxnPut:
		d.exists, d.value, d.owned = true, o.Value, false
	case wire.TxnDelete:
		d.exists, d.value, d.owned = false, nil, false
	case wire.TxnAdd:
		sum, status := d.sum(o.Delta)
		if status != wire.StatusOK {
			return status
		}
		d.exists, d.value, d.owned = true, strconv.AppendInt(nil, sum, 10), false
	case wire.TxnAppend:
		if !d.owned {
			d.value = slices.Clip(d.value)
		}
		d.exists, d.value, d.owned = true, append(d.value, o.Value...), true
	case wire.TxnRead:
	}
	d.known, d.pending = true, nil
	return wire.StatusOK
}

// sum returns what a draft holds after an add, as replicas compute it.
func (d *draft) sum(delta int64) (int64, wire.Status) {
	number := int64(0)
	if d.exists {
		var err error
		if number, err = strconv.ParseInt(string(d.value), 10, 64); err != nil {
			return 0, wire.StatusNotInteger
		}
	}
	if delta > 0 && number > math.MaxInt64-delta || delta < 0 && number < math.MinInt64-delta {
		return 0, wire.StatusOverflow
	}
	return number + delta, wire.StatusOK
}

// next returns the draft with the next key of a range, in its order or the reverse, nil if
// there is none.
func (w *drafts) next(from, to string, reverse bool) *draft {
	if !reverse {
		i, _ := slices.BinarySearch(w.keys, from)
		if i < len(w.keys) && (to == "" || w.keys[i] < to) {
			return w.of[w.keys[i]]
		}
		return nil
	}
	i := len(w.keys)
	if to != "" {
		i, _ = slices.BinarySearch(w.keys, to)
	}
	if i > 0 && w.keys[i-1] >= from {
		return w.of[w.keys[i-1]]
	}
	return nil
}
