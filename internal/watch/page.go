package watch

import (
	"errors"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// pageVisits bounds the variables that a page looks at. Those that were deleted since the
// page's position, or written first after it, count.
const pageVisits = 1 << 16

// Page returns the answer to a query for a page of a scan. The store must have applied the
// position that q names. Any goroutine may call it. With StatusOK the answer's Version is the
// position whose state the page shows; with StatusLagged it is the one that is gone.
func Page(s *store.Store, q *wire.ScanQuery) wire.Reply {
	position := s.Applied()
	if q.Flags&wire.ScanAt != 0 {
		position = q.At
	}
	page := store.Page{Reverse: q.Flags&wire.ScanReverse != 0, Items: wire.MaxScanItems, Bytes: wire.MaxScanBytes, Visits: pageVisits}
	if q.Limit > 0 && q.Limit < wire.MaxScanItems {
		page.Items = int(q.Limit)
	}
	without := q.Flags&(wire.ScanKeys|wire.ScanCount) != 0
	page.Keys = without
	if q.Flags&wire.ScanCount != 0 {
		page.Items, page.Bytes = pageVisits, pageVisits*wire.MaxKeyBytes
	}
	items, rest, more, err := s.ScanAt(nil, store.Range{From: q.From, To: q.To}, position, page)
	if errors.Is(err, store.ErrForgotten) {
		return wire.Reply{Status: wire.StatusLagged, Position: s.Applied(), Version: position, Data: []byte("the state at that position is not kept any more")}
	}
	out := wire.ScanPage{More: more, From: rest.From, To: rest.To, Count: uint64(len(items))}
	if q.Flags&wire.ScanCount != 0 {
		items = nil
	}
	data := out.AppendHead(nil)
	for _, i := range items {
		item := wire.ScanItem{Key: i.Key, Version: i.Version, Value: i.Value}
		if without {
			item.Value = nil
		}
		data = item.Append(data)
	}
	return wire.Reply{Position: s.Applied(), Version: position, Data: data}
}
