package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// awaitIdentity opens a node's identity with open. While the disk is full it waits, and
// says so, until ctx ends.
func awaitIdentity(ctx context.Context, log *slog.Logger, open func() (*identity, error)) (*identity, error) {
	for wait, told := leastPause, false; ; wait = min(2*wait, mostPause) {
		ident, err := open()
		if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
			return ident, err
		}
		if !told {
			told = true
			log.Error("the identity directory cannot be opened, waiting: make room on its disk", "err", err)
		}
		if client.Sleep(ctx, wait) != nil {
			return nil, fmt.Errorf("%w: %w", err, ctx.Err())
		}
	}
}

// recordIdentity notes the incarnation that d begins on disk, before the node acts under
// it. While that fails, as on a full disk, it waits, as a registry does that cannot save
// its state, and says so. ErrClosed is returned if ctx ends first.
func (n *Node) recordIdentity(ctx context.Context, incarnation uint64, d *membership.Directive) error {
	var told time.Time
	for wait := leastPause; ; wait = min(2*wait, mostPause) {
		err := n.identity.record(d.Group, incarnation)
		if err == nil {
			if n.hindrance.Swap(nil) != nil {
				n.log.Info("the identity is recorded: continuing", "incarnation", incarnation)
			}
			return nil
		}
		text := fmt.Sprintf("cannot record its identity in %s: %v", n.cfg.DataDir, err)
		n.hindrance.Store(&text)
		if now := time.Now(); told.IsZero() || now.Sub(told) >= troubleInterval {
			told = now
			n.log.Error("the identity cannot be recorded, and this node joins no view until it can: make room or repair the disk of its data directory",
				"dir", n.cfg.DataDir, "incarnation", incarnation, "err", err)
		}
		if client.Sleep(ctx, wait) != nil {
			n.retract(incarnation, d)
			return ErrClosed
		}
	}
}

// retract frees the id of an incarnation that was registered and never began. If it is
// alone in the first view of a generation that view goes with it: it holds nothing.
func (n *Node) retract(incarnation uint64, d *membership.Directive) {
	ctx, cancel := context.WithTimeout(context.Background(), giveUpTime)
	defer cancel()
	alone := false
	if len(d.Views) == 1 && d.Views[0].Prev == 0 && len(d.Views[0].Members) == 1 {
		alone = d.Views[0].Members[0].Incarnation == incarnation
	}
	from := membership.From{ID: n.cfg.ID, Incarnation: incarnation, Group: d.Group, Generation: d.Generation, Key: d.Keys[incarnation]}
	err := n.client.Leave(ctx, from, alone, "its identity could not be recorded")
	if err != nil {
		n.log.Warn("stopped without leaving: the registry has to notice the silence of this node", "err", err)
	}
}
