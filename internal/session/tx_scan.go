package session

import "github.com/seed-8247e700/dsm/internal/wire"

// TxScan shows the variables of a range as a transaction sees them: those that servers have at
// its position, with what it has written, also while the scan goes on. What has been passed is
// a condition of the transaction, and not what is behind it.
//
//	for {
//		item, step := s.Next()
//		switch step {
//		case TxPage: // ask a server by s.Pages, and call s.Page
//		case TxHere: // item is the next variable
//		case TxEnd:
//		default:     // TxRefused: s.Status says why
//		}
//	}
type TxScan struct {
	Pages  Scan        // for the next page
	Status wire.Status // with TxRefused: as of Tx.Got

	Refused string // with TxRefused: the key that was come to

	tx       *Tx
	from, to string // all of the range
	reverse  bool
	keys     bool // without values

	left  span            // what has not been passed
	ended bool            // nothing is left
	items []wire.ScanItem // of the page, and not passed
	more  bool            // there may be another page
}

// TxStep says what comes next in a TxScan.
type TxStep uint8

// What comes next.
const (
	TxEnd     TxStep = iota // nothing: the end of the range
	TxPage                  // a page of what servers have
	TxHere                  // a variable
	TxRefused               // nothing: the transaction cannot be done
)

// Scan returns a scan of the range that q has, with its options ScanReverse and ScanKeys. The
// variables of a scan with ScanKeys have no values.
func (t *Tx) Scan(q wire.ScanQuery) *TxScan {
	return &TxScan{
		Pages: t.scan(q), tx: t, from: q.From, to: q.To, left: span{q.From, q.To}, more: true,
		reverse: q.Flags&wire.ScanReverse != 0, keys: q.Flags&wire.ScanKeys != 0,
	}
}

// Page takes the next page.
func (s *TxScan) Page(page *wire.ScanPage) { s.items, s.more = page.Items, page.More }

// Next returns the next variable, or what has to be done before.
func (s *TxScan) Next() (TxItem, TxStep) {
	for !s.ended {
		if len(s.items) == 0 && s.more {
			return TxItem{}, TxPage
		}
		item, found, status := s.pass()
		switch {
		case status != wire.StatusOK:
			s.Status, s.Refused = status, item.Key
			s.ended = true
			return TxItem{}, TxRefused
		case found:
			return item, TxHere
		}
	}
	return TxItem{}, TxEnd
}

// pass passes the next variable that servers have or that the transaction has written, or the
// end of the range. found reports whether there is a variable to be shown.
func (s *TxScan) pass() (item TxItem, found bool, status wire.Status) {
	own := s.tx.writes.next(s.left.from, s.left.to, s.reverse)
	var has *wire.ScanItem
	if len(s.items) > 0 {
		has = &s.items[0]
	}
	if own == nil && has == nil {
		s.ended = true
		return TxItem{}, false, s.saw(s.left.from, s.left.to, nil)
	}
	key := ""
	switch {
	case own == nil || has != nil && s.before(has.Key, own.key):
		key = has.Key
	default:
		key = own.key
		if has != nil && has.Key != key {
			has = nil
		}
	}
	if has != nil {
		s.items = s.items[1:]
	}
	if s.reverse {
		status = s.saw(key, s.left.to, has)
		s.left.to = key
		s.ended = key == ""
	} else {
		status = s.saw(s.left.from, key+"\x00", has)
		s.left.from = key + "\x00"
	}
	if status == wire.StatusOK {
		item, status = s.see(key, has)
	}
	item.Key = key
	return item, item.Exists, status
}

// before reports whether a key comes before another one.
func (s *TxScan) before(key, other string) bool { return (key < other) != s.reverse && key != other }

// saw notes what was passed.
func (s *TxScan) saw(from, to string, item *wire.ScanItem) wire.Status {
	if !s.tx.ReadOnly && !s.tx.seen.saw(from, to, item) {
		return wire.StatusTooLarge
	}
	return wire.StatusOK
}

// see returns a variable as the transaction sees it.
func (s *TxScan) see(key string, has *wire.ScanItem) (TxItem, wire.Status) {
	var found wire.ScanItem
	if has != nil {
		found = *has
	}
	if exists, ok := s.tx.Exists(key); s.keys && ok { // without what servers have
		return TxItem{Key: key, Exists: exists}, wire.StatusOK
	}
	return s.tx.merge(key, found)
}
