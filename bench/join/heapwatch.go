package join

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/server"
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
	status, err := statusOf(ctx, h.conn)
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
		if status, err := statusOf(ctx, h.conn); err == nil {
			h.most.Store(max(h.most.Load(), status.LiveHeap))
		}
	}
}

func statusOf(ctx context.Context, conn *client.Conn) (status server.Status, err error) {
	raw, err := conn.Status(ctx)
	if err != nil {
		return status, err
	}
	return status, json.Unmarshal(raw, &status)
}

// statusAt asks the node at an address once.
func statusAt(ctx context.Context, addr string) (status server.Status, err error) {
	conn, err := client.Dial(ctx, addr, client.Options{})
	if err != nil {
		return status, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return statusOf(ctx, conn)
}
