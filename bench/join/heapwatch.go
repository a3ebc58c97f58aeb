package join

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/client"
)

// heapWatch follows the live heap of a node.
type heapWatch struct {
	node   string
	conn   *client.Conn
	before uint64        // at rest
	most   atomic.Uint64 // so far
}

func watchHeap(ctx context.Context, node, addr string) (*heapWatch, error) {
	conn, err := client.Dial(ctx, addr, client.Options{})
	if err != nil {
		return nil, fmt.Errorf("bench: %s: %w", node, err)
	}
	return &heapWatch{node: node, conn: conn}, nil
}

// rest notes what is live now, right after a collection.
func (h *heapWatch) rest(ctx context.Context) error {
	status, err := cluster.StatusOf(ctx, h.conn)
	if err != nil {
		return fmt.Errorf("bench: %s: %w", h.node, err)
	}
	h.before = status.LiveHeap
	h.most.Store(h.before)
	return nil
}

// watch follows the node until the context ends. That it does not answer for a
// while is for others to notice.
func (h *heapWatch) watch(ctx context.Context) {
	for program.Pause(ctx, sampleInterval) {
		if status, err := cluster.StatusOf(ctx, h.conn); err == nil {
			h.most.Store(max(h.most.Load(), status.LiveHeap))
		}
	}
}
