package sim

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// scanning is a scan of a client, page after page. What it decides is session.Scan.
type scanning struct {
	c     *client
	scan  session.Scan
	shown check.Scan
	limit uint64
	bound uint64 // generation of its first page, 0: it has none yet
}

// scan scans something, sometimes at a position of the past.
func (c *client) scan() {
	q := wire.ScanQuery{}
	q.From, q.To = c.someRange()
	if c.watches.IntN(3) == 0 {
		q.Flags |= wire.ScanReverse
	}
	if seen := c.past(); c.watches.IntN(3) == 0 && seen > 0 {
		q.Flags, q.At = q.Flags|wire.ScanAt, seen
	}
	s := &scanning{
		c: c, scan: session.NewScan(q), limit: pick[uint64](c.watches, 0, 1, 3),
		shown: check.Scan{Name: fmt.Sprintf("a scan of %s from %q to %q", c, q.From, q.To), From: q.From, To: q.To, Reverse: q.Flags&wire.ScanReverse != 0},
	}
	s.page()
}

// page asks for the next page.
func (s *scanning) page() {
	c := s.c
	op := &operation{c: c, begun: c.w.Now, state: c.state}
	op.Kind = session.Get
	op.asks = func(req *wire.Request) {
		q := s.scan.Query(s.limit)
		req.Kind, req.Key = wire.RequestScan, string(q.Append(nil))
		req.Position = max(req.Position, q.At)
	}
	op.takes = s.scan.Reply
	op.then = func(ok bool) {
		if !ok || s.bound != 0 && s.bound != op.state.bound {
			return
		}
		s.bound = op.state.bound
		s.took(&op.reply)
	}
	c.enter(op)
}

// took takes a page, and goes on with the next one.
func (s *scanning) took(reply *wire.Reply) {
	w := s.c.w
	page, err := s.scan.Page(reply)
	switch {
	case errors.Is(err, session.ErrGone):
		w.counts.ScansGone++
		return
	case err != nil:
		w.fail("protocol: %s is shown a page that it cannot read: %v", s.c, err)
		return
	}
	for _, i := range page.Items {
		s.shown.Items = append(s.shown.Items, history.NewItem(strings.Clone(i.Key), i.Version, i.Value))
	}
	if page.More {
		s.page()
		return
	}
	w.counts.Scans++
	s.shown.Position = reply.Version
	s.c.scanned = condOf(&s.shown)
	if !w.traits.agreed {
		w.order(s.bound).checker.Scan(&s.shown)
	}
}
