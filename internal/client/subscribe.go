package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// subscribeID is the id of the one request on a subscription's connection.
const subscribeID = 1

// ErrLagged says that a subscriber read too slowly and the node gave it up.
// Deliveries are missing after the last one returned.
var ErrLagged = errors.New("client: the subscriber fell too far behind the node's deliveries")

// Subscription receives what a node delivers, on a connection of its
// own, so that a slow reader holds up nothing else.
type Subscription struct {
	nc     net.Conn
	info   wire.Info
	frames *wire.FrameReader
	start  uint64
	once   sync.Once
	closed error
}

// Subscribe asks the node at addr for its deliveries from now on, which is not
// before the node has reached position; Start returns where that was. Dialling and
// the node's answer are within ctx; the subscription lasts until Close.
func Subscribe(ctx context.Context, addr string, o Options, position uint64) (*Subscription, error) {
	o = o.withDefaults()
	nc, reply, err := connect(ctx, addr, o)
	if err != nil {
		return nil, err
	}
	s := &Subscription{nc: nc, info: reply.Info, frames: wire.NewFrameReader(nc, limitOf(reply.Info))}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { stopped <- nc.SetDeadline(time.Unix(1, 0)) })
	err = s.begin(position)
	if !stop() {
		err = errors.Join(context.Cause(ctx), <-stopped)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("client: subscribing to %s: %w", addr, err), s.Close())
	}
	return s, nil
}

// begin sends the request and reads the reply.
func (s *Subscription) begin(position uint64) error {
	frame := wire.AppendRequest(nil, &wire.Request{ID: subscribeID, Kind: wire.RequestSubscribe, Position: position})
	if _, err := s.nc.Write(frame); err != nil {
		return err
	}
	kind, body, err := s.frames.Next()
	if err != nil {
		return err
	}
	if kind != wire.FrameReply {
		return fmt.Errorf("%w: a frame of kind %d before the reply", wire.ErrMalformed, kind)
	}
	reply, err := wire.DecodeReply(body)
	if err != nil {
		return err
	}
	s.start = reply.Position
	return statusError("subscribe", reply)
}

// Info is what the node is, by its answer in the handshake.
func (s *Subscription) Info() wire.Info { return s.info }

// Start is the position after which the deliveries begin.
func (s *Subscription) Start() uint64 { return s.start }

// Next waits for the next delivery. Payload and Effects are overwritten by the
// call after it. The error is ErrLagged when the reader was too slow, and wraps
// io.EOF when the node has left and ended the subscription.
func (s *Subscription) Next() (wire.Delivery, error) {
	for {
		kind, body, err := s.frames.Next()
		if err != nil {
			return wire.Delivery{}, fmt.Errorf("client: deliveries of node %s: %w", s.info.NodeID, err)
		}
		switch kind {
		case wire.FrameDelivery:
			d, err := wire.DecodeDelivery(body)
			d.Sender = strings.Clone(d.Sender)
			return d, err
		case wire.FrameReply:
			return wire.Delivery{}, endOfSubscription(body)
		case wire.FrameGoAway:
			// The node is leaving, and delivers what it still has to.
		default:
			return wire.Delivery{}, fmt.Errorf("%w: a frame of kind %d among deliveries", wire.ErrMalformed, kind)
		}
	}
}

// endOfSubscription says why the node ends a subscription with a reply.
func endOfSubscription(body []byte) error {
	reply, err := wire.DecodeReply(body)
	if err != nil {
		return err
	}
	if reply.Status == wire.StatusLagged {
		return ErrLagged
	}
	if err := statusError("deliveries", reply); err != nil {
		return err
	}
	return fmt.Errorf("%w: a second reply to a subscription", wire.ErrMalformed)
}

// Close ends the subscription. A Next that waits returns an error. It may be called
// from any goroutine, and more than once.
func (s *Subscription) Close() error {
	s.once.Do(func() { s.closed = s.nc.Close() })
	return s.closed
}
