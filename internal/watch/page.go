package watch

import (
	"errors"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// pageVisits bounds the variables that a page looks at. Those that were deleted since the
// page's position, or written first after it, count. After pageYields of them others get the
// processor.
const (
	pageVisits = 1 << 16
	pageYields = 1 << 11
)

// Page returns the answer to a query for a page of a scan. The store must have applied the
// position that q names. Any goroutine may call it; yield is called now and then. With StatusOK
// the answer's Version is the position whose state the page shows; with StatusLagged it is the
// one that is gone.
func Page(s *store.Store, q *wire.ScanQuery, yield func()) wire.Reply {
	position := s.Applied()
	if q.Flags&wire.ScanAt != 0 {
		position = q.At
	}
	counts := q.Flags&wire.ScanCount != 0
	page := store.Page{
		Reverse: q.Flags&wire.ScanReverse != 0, Keys: counts || q.Flags&wire.ScanKeys != 0,
		Items: wire.MaxScanItems, Bytes: wire.MaxScanBytes, Visits: pageYields,
	}
	if q.Limit > 0 && q.Limit < wire.MaxScanItems {
		page.Items = int(q.Limit)
	}
	var out wire.ScanPage
	var items []store.Item
	left := store.Range{From: q.From, To: q.To}
	for visits := 0; visits < pageVisits; visits += pageYields {
		some, rest, more, err := s.ScanAt(items, left, position, page)
		if errors.Is(err, store.ErrForgotten) {
			return wire.Reply{Status: wire.StatusLagged, Position: s.Applied(), Version: position, Data: []byte("the state at that position is not kept any more")}
		}
		found := some[len(items):]
		for i := range found {
			page.Bytes -= found[i].Bytes(page.Keys)
		}
		page.Items -= len(found)
		out.Count += uint64(len(found))
		left, out.More = rest, more
		if items = some; counts {
			items, page.Items, page.Bytes = items[:0], wire.MaxScanItems, wire.MaxScanBytes
		}
		if !more || page.Items <= 0 || page.Bytes <= 0 {
			break
		}
		yield()
	}
	out.From, out.To = left.From, left.To
	data := out.AppendHead(nil)
	for _, i := range items {
		item := wire.ScanItem{Key: i.Key, Version: i.Version, Value: i.Value}
		if page.Keys {
			item.Value = nil
		}
		data = item.Append(data)
	}
	return wire.Reply{Position: s.Applied(), Version: position, Data: data}
}
