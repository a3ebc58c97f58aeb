package server

import (
	"errors"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

const (
	// scansAtOnce bounds the pages that are made at a time, so that scans leave room for
	// other work.
	scansAtOnce = 2

	// scanVisits bounds the variables that a page looks at. Those that were deleted since
	// the page's position, or written first, count.
	scanVisits = 1 << 16
)

// scans makes pages beside the protocol loop.
type scans chan struct{}

// scan answers with a page. p has reached its position. Owner only.
func (f *front) scan(m *member.Member, p *member.Read) {
	q, err := wire.DecodeScanQuery([]byte(p.Key))
	if err != nil {
		m.Answer(p.Ticket, wire.Reply{Status: wire.StatusBadRequest, Data: []byte(err.Error())})
		return
	}
	f.goOn(func() {
		reply := wire.Reply{Status: wire.StatusUnavailable}
		select {
		case f.scans <- struct{}{}:
			reply = f.page(&q)
			<-f.scans
		case <-f.ended:
		}
		f.turns.post(func(m *member.Member) {
			if !f.reader.Serves() && !p.Stale {
				reply = wire.Reply{Status: wire.StatusUnavailable}
			}
			m.Answer(p.Ticket, reply)
		})
	})
}

// page makes the page that a query asks for.
func (f *front) page(q *wire.ScanQuery) wire.Reply {
	s := f.reader.State()
	position := s.Applied()
	if q.Flags&wire.ScanAt != 0 {
		position = q.At
	}
	page := store.Page{Reverse: q.Flags&wire.ScanReverse != 0, Items: wire.MaxScanItems, Bytes: wire.MaxScanBytes, Visits: scanVisits}
	if q.Limit > 0 && q.Limit < wire.MaxScanItems {
		page.Items = int(q.Limit)
	}
	without := q.Flags&(wire.ScanKeys|wire.ScanCount) != 0
	page.Keys = without
	if q.Flags&wire.ScanCount != 0 {
		page.Items, page.Bytes = scanVisits, scanVisits*wire.MaxKeyBytes
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
