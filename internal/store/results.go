package store

import (
	"iter"
	"slices"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Results are kept in pages of resultsPerPage neighbouring sequence numbers, so
// that a session takes memory for what it recorded and not for the distance
// between its floor and its highest sequence, and recording makes no garbage.
const (
	resultsPerPage = 1 << resultPageBits
	resultPageBits = 4
)

// A resultPage has the results of the sequence numbers from number *
// resultsPerPage on. A result whose Position is 0 is not recorded.
type resultPage struct {
	number  uint64
	results [resultsPerPage]wire.Result
}

// resultLog has the recorded results of one session.
type resultLog struct {
	pages []*resultPage // by number
	kept  int           // results
}

// find returns where the page with this number is, or belongs.
func (l *resultLog) find(number uint64) (index int, found bool) {
	n := len(l.pages)
	if n == 0 || number < l.pages[0].number {
		return 0, false
	}
	// Mostly every page from the first on exists.
	if i := number - l.pages[0].number; i < uint64(n) && l.pages[i].number == number {
		return int(i), true
	}
	if number > l.pages[n-1].number {
		return n, false
	}
	return slices.BinarySearchFunc(l.pages, number, func(p *resultPage, number uint64) int {
		if p.number < number {
			return -1
		}
		if p.number > number {
			return 1
		}
		return 0
	})
}

// get returns the result recorded for seq; its Position is 0 if there is none.
func (l *resultLog) get(seq uint64) wire.Result {
	if i, found := l.find(seq >> resultPageBits); found {
		return l.pages[i].results[seq%resultsPerPage]
	}
	return wire.Result{}
}

// put records a result for seq, which has none.
func (l *resultLog) put(seq uint64, r wire.Result, spare *sparePages) {
	number := seq >> resultPageBits
	i, found := l.find(number)
	if !found {
		p := spare.take()
		p.number = number
		l.pages = slices.Insert(l.pages, i, p)
	}
	l.pages[i].results[seq%resultsPerPage] = r
	l.kept++
}

// drop removes the results from sequence from up to but without floor, below
// from being none, and returns the sum of their hashes.
func (l *resultLog) drop(session, from, floor uint64, spare *sparePages) (sum uint64) {
	whole := 0 // pages that end below floor
	for _, p := range l.pages {
		first := p.number << resultPageBits
		if first >= floor {
			break
		}
		end := min(floor-first, resultsPerPage)
		for i := max(from, first) - first; i < end; i++ {
			if r := &p.results[i]; r.Position != 0 {
				sum += hashResult(session, first+i, r)
				*r = wire.Result{}
				l.kept--
			}
		}
		if floor-first >= resultsPerPage {
			spare.give(p)
			whole++
		}
	}
	l.pages = slices.Delete(l.pages, 0, whole)
	return sum
}

// release gives all pages back.
func (l *resultLog) release(spare *sparePages) {
	for _, p := range l.pages {
		p.results = [resultsPerPage]wire.Result{}
		spare.give(p)
	}
	l.pages, l.kept = nil, 0
}

// all yields the recorded results, by sequence number.
func (l *resultLog) all() iter.Seq2[uint64, *wire.Result] {
	return func(yield func(uint64, *wire.Result) bool) {
		for _, p := range l.pages {
			for i := range p.results {
				if r := &p.results[i]; r.Position != 0 && !yield(p.number<<resultPageBits+uint64(i), r) {
					return
				}
			}
		}
	}
}

// count returns how many results are recorded.
func (l *resultLog) count() int { return l.kept }

// clone returns a copy that shares nothing with l.
func (l *resultLog) clone() resultLog {
	copied := resultLog{pages: make([]*resultPage, len(l.pages)), kept: l.kept}
	for i, p := range l.pages {
		page := *p
		copied.pages[i] = &page
	}
	return copied
}

// sparePages has pages without any result, for use again.
type sparePages struct {
	pages []*resultPage
}

// maxSparePages bounds what a store keeps for use again (about 0.5 MiB).
const maxSparePages = 1024

func (s *sparePages) take() *resultPage {
	n := len(s.pages)
	if n == 0 {
		return new(resultPage)
	}
	p := s.pages[n-1]
	s.pages = s.pages[:n-1]
	return p
}

func (s *sparePages) give(p *resultPage) {
	if len(s.pages) < maxSparePages {
		s.pages = append(s.pages, p)
	}
}
