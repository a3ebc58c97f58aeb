package registry

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/seed-8247e700/dsm/registry/keeper"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// told writes what the keeper tells of to the log.
type told struct{ log *slog.Logger }

var _ keeper.Told = told{}

// Degraded is part of keeper.Told.
func (t told) Degraded(err error) {
	t.log.Error("the state cannot be saved, refusing every change until it can: make room or repair the disk", "err", err)
}

// Recovered is part of keeper.Told.
func (t told) Recovered() { t.log.Info("the state can be saved again, accepting changes") }

// Event logs what has happened to the group.
func (t told) Event(e *membership.Event) {
	level := slog.LevelInfo
	var attrs []any
	if e.Node.ID != "" {
		attrs = append(attrs, "node", e.Node.String(), "peer_addr", e.Node.PeerAddr)
	}
	if len(e.View.Members) > 0 {
		attrs = append(attrs, "view", e.View.ID, "prev", e.View.Prev, "members", fmt.Sprint(e.View.Members))
	}
	if e.Leader.ID != "" {
		attrs = append(attrs, "leader", e.Leader.String())
	}
	if e.Reason != "" {
		attrs = append(attrs, "reason", e.Reason)
	}
	switch e.Kind {
	case membership.EventNewGeneration:
		level = slog.LevelError
		attrs = append(attrs, "generation", e.Generation, "positions_above", e.Base)
	case membership.EventNoGeneration:
		level = slog.LevelError
	case membership.EventAttemptFailed, membership.EventAttemptSlow, membership.EventPaced, membership.EventProvedDead, membership.EventBaseIgnored, membership.EventLeaveRefused:
		level = slog.LevelWarn
	case membership.EventRegister, membership.EventAttempt, membership.EventPutOff, membership.EventUnpaced, membership.EventCommit,
		membership.EventDepart, membership.EventLeave:
	}
	t.log.Log(context.Background(), level, string(e.Kind), attrs...)
}
