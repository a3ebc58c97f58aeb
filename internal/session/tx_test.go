package session

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// txServer is a server that has one state, and shows it in pages.
type txServer struct {
	position uint64
	state    map[string]wire.ScanItem
	pages    int // items of each
}

func (s *txServer) set(key, value string, version uint64) {
	s.state[key] = wire.ScanItem{Key: key, Version: version, Value: []byte(value)}
}

// scan is the items of a range.
func (s *txServer) scan(from, to string, reverse bool) (items []wire.ScanItem) {
	if to == from+"\x00" { // quickly, since some tests read thousands
		if i, ok := s.state[from]; ok {
			items = append(items, i)
		}
		return items
	}
	for _, key := range slices.Sorted(maps.Keys(s.state)) {
		if key >= from && (to == "" || key < to) {
			items = append(items, s.state[key])
		}
	}
	if reverse {
		slices.Reverse(items)
	}
	return items
}

// page answers a query as a server does.
func (s *txServer) page(q wire.ScanQuery) wire.Reply {
	if q.Flags&wire.ScanAt != 0 && q.At != s.position {
		return wire.Reply{Status: wire.StatusLagged, Version: q.At}
	}
	items := s.scan(q.From, q.To, q.Flags&wire.ScanReverse != 0)
	page := wire.ScanPage{Count: uint64(len(items))}
	if len(items) > s.pages {
		page.More, page.From, page.To = true, items[s.pages].Key, q.To
		if q.Flags&wire.ScanReverse != 0 {
			page.From, page.To = q.From, items[s.pages].Key+"\x00"
		}
		items = items[:s.pages]
	}
	for _, i := range items {
		if q.Flags&wire.ScanKeys != 0 {
			i.Value = nil
		}
		page.Items = append(page.Items, i)
	}
	return wire.Reply{Position: s.position, Version: s.position, Data: page.Append(nil)}
}

// ask asks a server for the next page.
func ask(t *Tx, scan *Scan, s *txServer) wire.ScanPage {
	reply := s.page(scan.Query(0))
	scan.Reply(&reply)
	page, err := scan.Page(&reply)
	if err != nil {
		panic(err)
	}
	t.Paged(scan)
	return page
}

// get reads a variable, as the driver does.
func (s *txServer) get(t *Tx, key string) (TxItem, wire.Status) {
	if item, ok := t.Written(key); ok {
		return item, wire.StatusOK
	}
	scan := t.Get(key)
	return t.Got(key, ask(t, &scan, s).Items)
}

// next returns the next variable of a scan.
func (s *txServer) next(t *Tx, scan *TxScan) (TxItem, TxStep) {
	for {
		item, step := scan.Next()
		if step != TxPage {
			return item, step
		}
		page := ask(t, &scan.Pages, s)
		scan.Page(&page)
	}
}

// txModel is a transaction that is carried out on a copy of all variables.
type txModel struct {
	own    map[string]wire.ScanItem // as the transaction sees them
	fixed  map[string]bool          // variables that are what it has made them, whatever they were
	looked map[string]bool          // variables on which its function depends
	ranges []span                   // and ranges
}

func (m *txModel) write(o *wire.TxnOp) wire.Status {
	old, exists := m.own[o.Key]
	if o.Kind == wire.TxnPut || o.Kind == wire.TxnDelete {
		m.fixed[o.Key] = true
	}
	next := wire.ScanItem{Key: o.Key}
	switch o.Kind {
	case wire.TxnDelete:
		delete(m.own, o.Key)
		return wire.StatusOK
	case wire.TxnPut:
		next.Value = o.Value
	case wire.TxnAppend:
		next.Value = slices.Concat(old.Value, o.Value)
	case wire.TxnAdd:
		n := 0
		if exists {
			var err error
			if n, err = strconv.Atoi(string(old.Value)); err != nil {
				return wire.StatusNotInteger
			}
		}
		next.Value = []byte(strconv.Itoa(n + int(o.Delta)))
	}
	m.own[o.Key] = next
	return wire.StatusOK
}

// holds reports whether the conditions of a transaction hold on a server.
func (s *txServer) holds(t *rapid.T, txn *wire.Txn) bool {
	for i := range txn.If {
		c := &txn.If[i]
		switch c.Kind {
		case wire.CondVersion:
			if s.state[c.Key].Version != c.Version {
				return false
			}
		case wire.CondRange:
			var h wire.RangeHash
			items := s.scan(c.Key, c.Range.To, false)
			for _, item := range items {
				h.Add(item.Key, item.Version)
			}
			if uint64(len(items)) != c.Range.Count || h.Sum() != c.Range.Sum {
				return false
			}
		default:
			t.Fatalf("condition %d", c.Kind)
		}
	}
	return true
}

func drawTxKey(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b", "ba", "c", "d", "e"}).Draw(t, "key")
}

func drawTxWrite(t *rapid.T) wire.TxnOp {
	o := wire.TxnOp{Key: drawTxKey(t), Kind: rapid.SampledFrom([]wire.TxnKind{wire.TxnPut, wire.TxnDelete, wire.TxnAdd, wire.TxnAdd, wire.TxnAppend, wire.TxnAppend}).Draw(t, "write")}
	switch o.Kind {
	case wire.TxnAdd:
		o.Delta = 3
	case wire.TxnPut, wire.TxnAppend:
		o.Value = []byte(rapid.SampledFrom([]string{"1", "2", "x", ""}).Draw(t, "value"))
	}
	return o
}

// A transaction sees what a copy of all variables would show it. Its commit is refused if, and
// only if, something that its function has seen is another.
func TestTxAgainstModel(t *testing.T) { rapid.Check(t, txAgainstModel) }

func txAgainstModel(t *rapid.T) {
	s := &txServer{position: 100, state: make(map[string]wire.ScanItem), pages: rapid.IntRange(1, 3).Draw(t, "page")}
	for i, key := range rapid.SliceOfDistinct(rapid.Custom(drawTxKey), rapid.ID[string]).Draw(t, "variables") {
		s.set(key, rapid.SampledFrom([]string{"5", "y"}).Draw(t, "value"), uint64(10+i))
	}
	m := &txModel{own: maps.Clone(s.state), fixed: make(map[string]bool), looked: make(map[string]bool)}
	tx := new(Tx)
	for range rapid.IntRange(1, 8).Draw(t, "steps") {
		switch rapid.IntRange(0, 3).Draw(t, "step") {
		case 3:
			if !m.change(t, tx, s) {
				return
			}
		case 0:
			key := drawTxKey(t)
			item, status := s.get(tx, key)
			if status != wire.StatusOK {
				t.Fatalf("the read of %q has status %d", key, status)
			}
			m.look(t, item, key)
		case 1:
			o := drawTxWrite(t)
			_, known := tx.Written(o.Key)
			before := m.own[o.Key]
			want := m.write(&o)
			if got := tx.Write(o); got != want && known {
				t.Fatalf("%+v on %+v: %d, want %d", o, before, got, want)
			} else if want != wire.StatusOK {
				return // nothing is committed
			}
		case 2:
			if !m.scan(t, tx, s) {
				return
			}
		}
	}
	txn := tx.Commit()
	if again := tx.Commit(); !bytes.Equal(again.Append(nil), txn.Append(nil)) {
		t.Fatalf("%+v and then %+v", txn, again)
	}
	if err := new(wire.Txn).Decode(txn.Append(nil)); err != nil {
		t.Fatal(err)
	}
	if tx.Writes() != (len(txn.Then) > 0) || len(txn.Else) > 0 {
		t.Fatalf("%+v", txn)
	}
	if !s.holds(t, &txn) {
		t.Fatalf("%+v does not hold although nothing has changed", txn)
	}
	// Something changes, or is new, or goes.
	changed := drawTxKey(t)
	if _, exists := s.state[changed]; exists && rapid.Bool().Draw(t, "goes") {
		delete(s.state, changed)
	} else {
		s.set(changed, "5", 101)
	}
	seen := m.looked[changed]
	for _, r := range m.ranges {
		seen = seen || changed >= r.from && (r.to == "" || changed < r.to)
	}
	if s.holds(t, &txn) == seen {
		t.Fatalf("%q has changed; the function has seen it: %v; %+v", changed, seen, txn.If)
	}
}

// change changes when a variable expires, if there is one.
func (m *txModel) change(t *rapid.T, tx *Tx, s *txServer) (possible bool) {
	key := drawTxKey(t)
	_, want := m.own[key]
	exists, ok := tx.Exists(key)
	switch {
	case ok && exists != want:
		t.Fatalf("%q exists: %v, want %v", key, exists, want)
	case !ok:
		item, status := s.get(tx, key)
		if status != wire.StatusOK {
			t.Fatalf("the read of %q has status %d", key, status)
		}
		m.look(t, item, key)
		exists = item.Exists
	}
	if !exists {
		return true
	}
	o := wire.TxnOp{Kind: wire.TxnPersist, Key: key}
	if rapid.Bool().Draw(t, "expire") {
		o = wire.TxnOp{Kind: wire.TxnExpire, Key: key, TTL: 1}
	}
	writes := len(tx.writes.ops)
	if status := tx.Write(o); status != wire.StatusOK {
		t.Fatalf("%+v: %d", o, status)
	}
	if last := tx.writes.ops[writes:]; len(last) != 1 || last[0].Kind != o.Kind || last[0].Key != key || last[0].TTL != o.TTL {
		t.Fatalf("%+v leaves %+v", o, last)
	}
	// The variable is as it was.
	item, status := s.get(tx, key)
	if status == wire.StatusNotInteger {
		return false // an add from before cannot be done
	}
	if status != wire.StatusOK {
		t.Fatalf("the read of %q has status %d", key, status)
	}
	m.look(t, item, key)
	return true
}

// look compares a variable that was read.
func (m *txModel) look(t *rapid.T, item TxItem, key string) {
	want, exists := m.own[key]
	if item.Key != key || item.Exists != exists || item.Version != want.Version || exists && !bytes.Equal(item.Value, want.Value) {
		t.Fatalf("%q is read as %+v, want %+v, %v", key, item, want, exists)
	}
	if !m.fixed[key] {
		m.looked[key] = true
	}
}

// scan scans a range, writes meanwhile, and leaves early at times.
func (m *txModel) scan(t *rapid.T, tx *Tx, s *txServer) (possible bool) {
	bounds := rapid.SampledFrom([][2]string{{"", ""}, {"b", ""}, {"", "c"}, {"b", "c"}, {"ba", "ba\x00"}, {"f", ""}}).Draw(t, "range")
	q := wire.ScanQuery{From: bounds[0], To: bounds[1]}
	reverse := rapid.Bool().Draw(t, "reverse")
	if reverse {
		q.Flags |= wire.ScanReverse
	}
	keys := rapid.Bool().Draw(t, "keys")
	if keys {
		q.Flags |= wire.ScanKeys
	}
	scan := tx.Scan(q)
	left := span{q.From, q.To}
	for {
		if rapid.IntRange(0, 5).Draw(t, "leave") == 0 {
			return true
		}
		item, step := s.next(tx, scan)
		if step == TxRefused {
			t.Fatalf("the scan of %v ends with status %d", left, scan.Status)
		}
		var want *wire.ScanItem
		for _, key := range slices.Sorted(maps.Keys(m.own)) {
			if key >= left.from && (left.to == "" || key < left.to) && (want == nil || reverse) {
				w := m.own[key]
				want = &w
			}
		}
		if (want == nil) != (step == TxEnd) {
			t.Fatalf("the scan of %v comes to %+v, step %d, want %+v", left, item, step, want)
		}
		if want == nil {
			m.ranges = append(m.ranges, left)
			return true
		}
		if item.Key != want.Key || item.Version != want.Version || !item.Exists || !keys && !bytes.Equal(item.Value, want.Value) {
			t.Fatalf("the scan of %v comes to %+v, want %+v", left, item, want)
		}
		if reverse {
			m.ranges = append(m.ranges, span{want.Key, left.to})
			left.to = want.Key
		} else {
			m.ranges = append(m.ranges, span{left.from, want.Key + "\x00"})
			left.from = want.Key + "\x00"
		}
		if rapid.IntRange(0, 3).Draw(t, "writes") == 0 {
			o := drawTxWrite(t)
			if m.write(&o) != wire.StatusOK {
				return false
			}
			if tx.Write(o) != wire.StatusOK {
				t.Fatal("a write that can be done is refused")
			}
		}
	}
}
