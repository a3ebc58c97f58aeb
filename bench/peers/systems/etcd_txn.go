package systems

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/seed-8247e700/dsm/bench/peers/point"
)

// ReadTwo reads both in one request, which the member that it reaches answers.
func (c etcdClient) ReadTwo(ctx context.Context, keys [2]string) (seen [2]point.Seen, err error) {
	r, err := c.c.Txn(ctx).Then(clientv3.OpGet(keys[0], clientv3.WithSerializable()), clientv3.OpGet(keys[1], clientv3.WithSerializable())).Commit()
	if err != nil {
		return seen, err
	}
	for i, key := range keys {
		kvs := r.Responses[i].GetResponseRange().Kvs
		if len(kvs) == 0 {
			return seen, fmt.Errorf("systems: etcd has no %q", key)
		}
		seen[i] = point.Seen{Value: kvs[0].Value, Version: uint64(kvs[0].ModRevision)}
	}
	return seen, nil
}

// SwapTwo is a transaction on condition of both revisions.
func (c etcdClient) SwapTwo(ctx context.Context, keys [2]string, seen [2]point.Seen, values [2][]byte) error {
	same := func(i int) clientv3.Cmp {
		return clientv3.Compare(clientv3.ModRevision(keys[i]), "=", int64(seen[i].Version))
	}
	put := func(i int) clientv3.Op { return clientv3.OpPut(keys[i], string(values[i])) }
	r, err := c.c.Txn(ctx).If(same(0), same(1)).Then(put(0), put(1)).Commit()
	if err == nil && !r.Succeeded {
		err = point.ErrChanged
	}
	return err
}
