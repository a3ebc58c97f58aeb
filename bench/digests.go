package bench

import (
	"context"
	"errors"

	"github.com/seed-8247e700/dsm/internal/client"
)

// endpoint is a node as clients find it.
type endpoint struct {
	name string // as the report shows it
	addr string
}

// digestsOf orders an audit at the first node, and asks all for the digest of
// their state there.
func digestsOf(ctx context.Context, nodes []endpoint) []digest {
	list := make([]digest, len(nodes))
	position := uint64(0)
	for i, node := range nodes {
		list[i] = digestOf(ctx, node, position)
		if position == 0 {
			position = list[i].position
		}
	}
	return list
}

// digestOf asks a node for its digest at the audit at position, 0: at a new
// one.
func digestOf(ctx context.Context, node endpoint, position uint64) digest {
	d := digest{node: node.name, position: position}
	conn, err := client.Dial(ctx, node.addr, client.Options{})
	if err != nil {
		d.err = err
		return d
	}
	if position == 0 {
		d.position, d.value, err = conn.Audit(ctx)
	} else {
		d.value, err = conn.Digest(ctx, position)
	}
	d.err = errors.Join(err, conn.Close())
	return d
}
