package session

import (
	"errors"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// ErrGone is returned for a scan whose state is not kept any more.
var ErrGone = errors.New("session: the state at that position is not kept any more")

// Scan is what a client knows of a scan, whose pages show the state at one position.
type Scan struct {
	query wire.ScanQuery // for what is left
	gone  bool
}

// NewScan returns a scan of what q says.
func NewScan(q wire.ScanQuery) Scan { return Scan{query: q} }

// Query returns what to ask a server for, which must have applied At: the next page, of at
// most limit items, or of as many as it has if limit is 0.
func (s *Scan) Query(limit uint64) wire.ScanQuery {
	q := s.query
	q.Limit = limit
	return q
}

// Position returns the position whose state the scan shows, 0 if that is not known yet.
func (s *Scan) Position() uint64 { return s.query.At }

// Reply takes the answer of a server to Query. It makes the answer one of the operation, which
// ends if the state is gone.
func (s *Scan) Reply(reply *wire.Reply) {
	if s.gone = reply.Status == wire.StatusLagged; s.gone {
		reply.Status = wire.StatusOK
	}
}

// Page takes the answer of the operation, and returns the page in it. If the state is gone,
// the error is ErrGone.
func (s *Scan) Page(reply *wire.Reply) (wire.ScanPage, error) {
	if s.gone {
		return wire.ScanPage{}, ErrGone
	}
	page, err := wire.DecodeScanPage(reply.Data)
	if err != nil {
		return wire.ScanPage{}, err
	}
	if !planted.On(planted.ScanMoves) {
		s.query.At, s.query.Flags = reply.Version, s.query.Flags|wire.ScanAt
	}
	if planted.On(planted.SyncedEarly) {
		page.More = false
	}
	s.query.From, s.query.To = page.From, page.To
	return page, nil
}
