package bench

import (
	"context"
	"errors"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/workload"
	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
)

// lookAtReplicas has every node that gave a digest show the variables of the run at a position,
// and holds that against the order and what the workload promises.
func (r *run) lookAtReplicas(ctx context.Context, digests []cluster.Digest, position uint64) {
	for _, d := range digests {
		err := d.Err
		if err == nil {
			err = r.lookAt(ctx, &d, position)
		}
		if err != nil {
			r.invariant.Miss(d.Node, err.Error())
		}
	}
}

// lookAt looks at one node.
func (r *run) lookAt(ctx context.Context, d *cluster.Digest, position uint64) (err error) {
	db, err := driver.Open("dsm://" + d.Addr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	replica := workload.Replica{Node: d.Node, Position: position}
	for item, err := range db.Scan(ctx, driver.Prefix(r.keys.Prefix), driver.At(position)) {
		if err != nil {
			return err
		}
		replica.Items = append(replica.Items, history.NewItem(item.Key, item.Version, item.Data))
	}
	r.checker.Scan(&check.Scan{
		Name: "a scan of " + d.Node + " at the end", From: r.keys.Prefix, To: endOfPrefix(r.keys.Prefix), Position: position, Items: replica.Items,
	})
	r.invariant.Replica(&replica)
	return nil
}

// endOfPrefix is the key below which all keys are that begin with a prefix of a run, "" if
// there is none.
func endOfPrefix(prefix string) string {
	if prefix == "" {
		return ""
	}
	last := len(prefix) - 1
	return prefix[:last] + string(rune(prefix[last]+1))
}
