package cluster

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

// Digest is a node's digest of its state at a position, or why there is none.
type Digest struct {
	Node     string
	Addr     string // where clients reach it
	Position uint64
	Value    uint64
	Err      error
}

// digestsOf orders an audit at the first node, and asks all for the digest of
// their state there.
func digestsOf(ctx context.Context, nodes []endpoint) []Digest {
	list := make([]Digest, len(nodes))
	position := uint64(0)
	for i, node := range nodes {
		list[i] = digestOf(ctx, node, position)
		if position == 0 {
			position = list[i].Position
		}
	}
	return list
}

// digestOf asks a node for its digest at the audit at position, 0: at a new
// one.
func digestOf(ctx context.Context, node endpoint, position uint64) Digest {
	d := Digest{Node: node.name, Addr: node.addr, Position: position}
	conn, err := client.Dial(ctx, node.addr, client.Options{})
	if err != nil {
		d.Err = err
		return d
	}
	if position == 0 {
		d.Position, d.Value, err = conn.Audit(ctx)
	} else {
		d.Value, err = conn.Digest(ctx, position)
	}
	d.Err = errors.Join(err, conn.Close())
	return d
}
