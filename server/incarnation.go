package server

import (
	"context"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/transport"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// newReplica prepares an incarnation in the generation that d tells of.
func (n *Node) newReplica(ctx context.Context, incarnation uint64, d *membership.Directive) (*replica, error) {
	if err := n.recordIdentity(ctx, incarnation, d); err != nil {
		return nil, err
	}
	self := isis.MemberID{ID: n.cfg.ID, Incarnation: incarnation}
	r := &replica{
		cfg: &n.cfg, log: n.log.With("incarnation", incarnation), self: self,
		group: d.Group, generation: d.Generation, key: d.Keys[incarnation], settings: d.Settings, next: d,
		ended: make(chan struct{}), joined: make(chan struct{}), lease: leaseSignal{held: make(chan struct{})},
		beats:  make(chan *member.Beat, 1),
		leaves: leaves{asked: make(chan leaveRequest, 1), refused: make(chan refusal, 1)},
	}
	r.init(n.cfg.MaxAdmittedBytes, r)
	r.newTimers()
	r.startLoops()
	var err error
	r.net, err = transport.New(transport.Config{
		Self: self, Group: r.group, Generation: r.generation, Handler: r, Logger: r.log, Loop: r.linkLoop(),
		Dial:           n.cfg.Dial,
		Locate:         func(ctx context.Context, p transport.Peer) (string, error) { return r.locate(ctx, p.MemberID, p.Addr) },
		MaxRecordBytes: n.cfg.maxRecordBytes(), PingInterval: linkPings(d.Settings.Detection),
		SilenceLimit: silentPings * linkPings(d.Settings.Detection),
	})
	if err != nil {
		r.closeLoops()
		return nil, err
	}
	r.member = member.New(member.Config{
		Core:  n.cfg.core(self, d),
		Group: r.group, Generation: r.generation, Settings: r.settings, Limits: r.limits(),
		HistoryBytes: n.cfg.WatchHistory, MaxLagBytes: n.cfg.MaxLagBytes,
		Clock: n.cfg.clock, Links: r.net, Host: host{r}, Doubt: r.doubt,
	})
	r.member.Deliveries(n.cfg.OnDeliver != nil)
	r.reader = r.member.Reader()
	r.front = &front{
		cfg: r.cfg, log: r.log, node: self.ID, limits: r.limits(), reader: r.reader, turns: r, ended: r.ended,
		goOn: r.goOn, info: r.info, status: r.status,
	}
	r.front.begin()
	return r, nil
}

// core is how the protocol runs in the generation that d tells of.
func (c *Config) core(self isis.MemberID, d *membership.Directive) isis.Config {
	return isis.Config{
		Self: self, Base: d.Base, Agreed: d.Settings.Delivery == membership.Agreed, Window: c.Window,
		MaxUndelivered: undelivered * c.Window, MaxUndeliveredBytes: undeliveredBytes,
		MaxBatchBytes: c.MaxBatchBytes, MaxPendingBytes: 2 * c.MaxAdmittedBytes,
	}
}

// live runs a replica until it ends, and returns why it did.
func (n *Node) live(ctx context.Context, r *replica) error {
	ctx, cancel := context.WithCancel(ctx)
	r.ctx = ctx
	n.setIncarnation(r)
	first := r.next
	r.post(func(m *member.Member) { m.Start(first) })
	r.background.Go(func() { r.sendHeartbeats(ctx, n.client) })
	r.background.Go(func() { r.watch(ctx, n.client) })
	r.background.Go(func() { r.asks(ctx, n.client) })
	select {
	case <-r.ended:
	case <-ctx.Done():
	}
	cancel()
	r.stop(ErrClosed)
	return configError(r.reason)
}
