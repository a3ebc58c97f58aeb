package registry

import (
	"context"
	"errors"

	"connectrpc.com/connect"

	"github.com/seed-8247e700/dsm/registry/membership"
	"github.com/seed-8247e700/dsm/registry/registrypb"
)

// Watch delivers a directive at once and at every change that concerns the
// node, and reconnects by itself when the registry goes away. A directive that
// is not newer than one delivered before is dropped. The callback runs in the
// caller's goroutine and holds up the stream only: the registry keeps the
// newest directive for a slow reader, and nothing else.
//
// It returns nil after it has delivered a directive that says excluded, the
// context's error when that ends, and a refusal (another group or generation)
// at once.
func (c *Client) Watch(ctx context.Context, from membership.From, deliver func(*membership.Directive)) error {
	req := &registrypb.WatchRequest{Id: from.ID, Incarnation: from.Incarnation, Group: from.Group, Generation: from.Generation, Key: keyProto(from.Key)}
	w := &watch{client: c, req: req, deliver: deliver}
	pause := newPause()
	for {
		before := w.revision
		err := w.stream(ctx)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrDegraded) {
			return err
		}
		if w.revision != before {
			pause = newPause()
		}
		if err := pause.wait(ctx); err != nil {
			return err
		}
	}
}

// watch is a Watch over its connections.
type watch struct {
	client   *Client
	req      *registrypb.WatchRequest
	deliver  func(*membership.Directive)
	revision uint64 // of the newest directive delivered
}

// stream reads one connection until it ends; nil: the node is excluded.
func (w *watch) stream(ctx context.Context) error {
	// Ends the stream's goroutines together with this call.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := w.client.api.Watch(ctx, connect.NewRequest(w.req))
	if err != nil {
		return w.client.explain(ctx, err)
	}
	// Nothing is left to be learnt from closing a stream that has ended.
	defer func() { _ = stream.Close() }()
	for stream.Receive() {
		d := stream.Msg()
		if d.GetRevision() > w.revision || d.GetExcluded() {
			w.revision = d.GetRevision()
			w.deliver(directiveOf(d))
		}
		if d.GetExcluded() {
			return nil
		}
	}
	if stream.Err() != nil {
		return w.client.explain(ctx, stream.Err())
	}
	return ErrUnreachable
}
