package driver

import (
	"fmt"
	"iter"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Scan returns the variables of a range as [DB.Scan] does, at the transaction's position and
// with what it has written, also while the scan goes on. The variables that it returns and the
// gaps between them are what the transaction has seen: if one of them is another when it is
// committed, or there is a new one between, it conflicts. If the caller leaves the loop, what
// comes behind the last variable is no part of that. Scans may be nested. At has no place in
// it. With KeysOnly, a variable that the transaction has written has no version.
//
// An iterator that is used after the transaction's function has returned returns ErrTxDone.
func (tx *Tx) Scan(options ...ScanOption) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		scan, config, err := tx.newScan(options)
		if err != nil {
			yield(Item{}, err)
			return
		}
		for n := 0; config.limit == 0 || n < config.limit; n++ {
			limit := 0
			if config.limit > 0 {
				limit = config.limit - n
			}
			item, found, err := tx.next(scan, limit)
			if err != nil {
				yield(Item{}, err)
				return
			}
			if !found {
				return
			}
			shown := Item{Key: item.Key, Value: valueOf(&item)}
			if config.flags&wire.ScanKeys != 0 {
				shown.Data = nil
			}
			if !yield(shown, nil) {
				return
			}
		}
	}
}

// Count returns how many variables there are in a range, as Scan would return them. Limit,
// Reverse and KeysOnly have no place in it.
func (tx *Tx) Count(options ...ScanOption) (int, error) {
	scan, config, err := tx.newScan(append(options[:len(options):len(options)], KeysOnly))
	if err != nil {
		return 0, err
	}
	if config.limit != 0 || config.flags != wire.ScanKeys {
		defer tx.lock()()
		return 0, tx.fail(fmt.Errorf("%w: Count takes a range", ErrOption))
	}
	if tx.tx.ReadOnly {
		return tx.count(config)
	}
	for n := 0; ; n++ {
		_, found, err := tx.next(scan, 0)
		if err != nil || !found {
			return n, err
		}
	}
}

// count has servers count.
func (tx *Tx) count(config scanConfig) (n int, err error) {
	defer tx.lock()()
	scan := tx.tx.Count(config.from, config.to)
	for more := true; more; {
		if err := tx.usable(); err != nil {
			return 0, err
		}
		page, err := tx.page(&scan, 0)
		if err != nil {
			return 0, err
		}
		n, more = n+int(page.Count), page.More
	}
	return n, nil
}

func (tx *Tx) newScan(options []ScanOption) (*session.TxScan, scanConfig, error) {
	defer tx.lock()()
	var config scanConfig
	if err := tx.usable(); err != nil {
		return nil, config, err
	}
	for _, o := range options {
		if err := o.scan(&config); err != nil {
			return nil, config, tx.fail(err)
		}
	}
	if config.flags&wire.ScanAt != 0 {
		return nil, config, tx.fail(fmt.Errorf("%w: a transaction has one position, so its scans take no At", ErrOption))
	}
	return tx.tx.Scan(wire.ScanQuery{From: config.from, To: config.to, Flags: config.flags}), config, nil
}

// next returns the next variable of a scan, which is to show at most limit more, 0 for all.
func (tx *Tx) next(scan *session.TxScan, limit int) (item session.TxItem, found bool, err error) {
	defer tx.lock()()
	for {
		if err := tx.usable(); err != nil {
			return item, false, err
		}
		var step session.TxStep
		switch item, step = scan.Next(); step {
		case session.TxHere:
			return item, true, nil
		case session.TxPage:
			page, err := tx.page(&scan.Pages, limit)
			if err != nil {
				return item, false, err
			}
			scan.Page(&page)
		case session.TxRefused:
			return item, false, tx.refuse(scan.Refused, scan.Status)
		case session.TxEnd:
			return item, false, nil
		}
	}
}
