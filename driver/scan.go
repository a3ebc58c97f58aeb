package driver

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Item is a variable that a Scan has found.
type Item struct {
	Key string
	Value
}

// Scan returns the variables of a range, in the order of the bytes of their keys:
//
//	for item, err := range db.Scan(ctx, driver.Prefix("users/")) {
//		if err != nil { ... }
//		fmt.Println(item.Key, item.Version)
//	}
//
// All items show the state at one position, which is at or after everything that the handle
// has seen when the scan begins; with At, it is the position that At names. The scan reads
// page after page, also from another server if the first fails. A server keeps the state of a
// position as long as it keeps what has changed since, by default the latest 4 MiB; if a scan
// takes longer, it ends with ErrSnapshotGone, and so does one at a position that is gone. With
// WithTrace, the trace has the position before the first item is returned.
//
// An error ends the scan, and is the last pair. If the caller leaves the loop, nothing is left
// behind. The iterator may be used again: then it scans again. Unlike the bytes of a Get, those
// of an Item belong to the caller.
func (h *handle) Scan(ctx context.Context, options ...ScanOption) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		s, err := h.newScan(ctx, options)
		if err != nil {
			yield(Item{}, err)
			return
		}
		left := s.config.limit
		for more := true; more; {
			page, err := s.page(left)
			if err != nil {
				yield(Item{}, err)
				return
			}
			for _, i := range page.Items {
				if !yield(Item{Key: i.Key, Value: Value{Data: i.Value, Version: i.Version}}, nil) {
					return
				}
			}
			if s.config.limit > 0 {
				left -= len(page.Items)
			}
			more = page.More && (s.config.limit == 0 || left > 0)
		}
	}
}

// Count returns how many variables there are in a range, at one position, as Scan says. Limit,
// Reverse and KeysOnly have no place in it.
func (h *handle) Count(ctx context.Context, options ...ScanOption) (int, error) {
	s, err := h.newScan(ctx, options)
	if err != nil {
		return 0, err
	}
	if s.config.limit != 0 || s.config.flags&^wire.ScanAt != 0 {
		return 0, fmt.Errorf("%w: Count takes a range and At", ErrOption)
	}
	s.config.flags |= wire.ScanCount
	s.begin()
	count := 0
	for more := true; more; {
		page, err := s.page(0)
		if err != nil {
			return 0, err
		}
		count += int(page.Count)
		more = page.More
	}
	return count, nil
}

// scan is a scan under way.
type scan struct {
	h      *handle
	ctx    context.Context
	config scanConfig
	scan   session.Scan
}

func (h *handle) newScan(ctx context.Context, options []ScanOption) (*scan, error) {
	s := &scan{h: h, ctx: ctx}
	for _, o := range options {
		if err := o.scan(&s.config); err != nil {
			return nil, err
		}
	}
	s.begin()
	return s, nil
}

// begin begins with the first page.
func (s *scan) begin() {
	s.scan = session.NewScan(wire.ScanQuery{From: s.config.from, To: s.config.to, Flags: s.config.flags, At: s.config.at})
}

// page asks for the next page, of at most limit items, 0 for as many as it has.
func (s *scan) page(limit int) (wire.ScanPage, error) {
	page, _, err := s.h.page(s.ctx, &s.scan, limit)
	return page, err
}

// page asks for the next page of a scan, and returns the state of the session that the page
// belongs to.
func (h *handle) page(ctx context.Context, scan *session.Scan, limit int) (wire.ScanPage, *state, error) {
	q := scan.Query(uint64(limit))
	op := operation{handle: h, Operation: session.Operation{Kind: session.Get}}
	op.reads = func(ctx context.Context, l *link, position uint64) (wire.Reply, error) {
		node, ok := l.conn.(wire.Watcher)
		if !ok {
			return wire.Reply{Status: wire.StatusUnsupported, Data: []byte("the connection has no scans")}, nil
		}
		reply, err := node.Scan(ctx, max(position, q.At), &q)
		if err == nil {
			scan.Reply(&reply)
		}
		return reply, err
	}
	reply, err := op.read(ctx)
	if trace := traceOf(ctx); trace != nil {
		trace.fill(&op, reply.Version)
	}
	if err != nil {
		return wire.ScanPage{}, nil, err
	}
	page, err := scan.Page(&reply)
	switch {
	case errors.Is(err, session.ErrGone):
		return wire.ScanPage{}, nil, fmt.Errorf("%w: position %d", ErrSnapshotGone, reply.Version)
	case err != nil:
		return wire.ScanPage{}, nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return page, op.state, nil
}
