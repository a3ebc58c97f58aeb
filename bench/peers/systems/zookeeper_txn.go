package systems

import (
	"context"
	"errors"

	"github.com/go-zookeeper/zk"

	"github.com/seed-8247e700/dsm/bench/peers/point"
)

// ReadTwo reads one after the other: the multi of its client has no reads.
func (c zooKeeperClient) ReadTwo(_ context.Context, keys [2]string) (seen [2]point.Seen, err error) {
	for i, key := range keys {
		v, stat, err := c.c.Get("/" + key)
		if err != nil {
			return seen, err
		}
		seen[i] = point.Seen{Value: v, Version: uint64(stat.Version)}
	}
	return seen, nil
}

// SwapTwo is a multi of two writes, each on condition of a version.
func (c zooKeeperClient) SwapTwo(_ context.Context, keys [2]string, seen [2]point.Seen, values [2][]byte) error {
	set := func(i int) *zk.SetDataRequest {
		return &zk.SetDataRequest{Path: "/" + keys[i], Data: values[i], Version: int32(seen[i].Version)}
	}
	results, err := c.c.Multi(set(0), set(1))
	for i := range results {
		if errors.Is(results[i].Error, zk.ErrBadVersion) {
			return point.ErrChanged
		}
		err = errors.Join(err, results[i].Error)
	}
	return err
}
