package load

import (
	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/history"
)

// scan reads a range through the driver. Of long values, the items have hashes only.
func (s *driverSession) scan(r *Request, a *Answer) error {
	options := []driver.ScanOption{driver.Range(r.Key, r.Scan.To)}
	if r.Scan.Reverse {
		options = append(options, driver.Reverse)
	}
	if r.Scan.Limit > 0 {
		options = append(options, driver.Limit(r.Scan.Limit))
	}
	for item, err := range s.conn.Scan(s.traced, options...) {
		if err != nil {
			a.Items = nil
			return err
		}
		a.Items = append(a.Items, history.NewItem(item.Key, item.Version, item.Data))
	}
	return nil
}
