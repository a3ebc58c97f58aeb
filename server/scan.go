package server

import (
	"runtime"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/watch"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// scansAtOnce bounds the pages that are made at a time, so that scans leave room for
// other work.
const scansAtOnce = 1

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
			reply = watch.Page(f.reader.State(), &q, runtime.Gosched)
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
