package systems

import (
	"context"

	"github.com/seed-8247e700/dsm/bench/peers/point"
	"github.com/seed-8247e700/dsm/driver"
)

// ReadTwo reads one after the other.
func (c *dsmClient) ReadTwo(ctx context.Context, keys [2]string) (seen [2]point.Seen, err error) {
	for i, key := range keys {
		v, err := c.db.Get(ctx, key)
		if err != nil {
			return seen, err
		}
		seen[i] = point.Seen{Value: v.Data, Version: v.Version}
	}
	return seen, nil
}

// SwapTwo is a transaction on condition of both versions.
func (c *dsmClient) SwapTwo(ctx context.Context, keys [2]string, seen [2]point.Seen, values [2][]byte) error {
	result, err := c.db.Txn(ctx).
		If(driver.When(keys[0], driver.IfVersion(seen[0].Version)), driver.When(keys[1], driver.IfVersion(seen[1].Version))).
		Then(driver.Put(keys[0], values[0]), driver.Put(keys[1], values[1])).
		Commit()
	if err == nil && !result.Then {
		err = point.ErrChanged
	}
	return err
}
