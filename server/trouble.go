package server

import (
	"errors"
	"log/slog"
	"time"

	"github.com/seed-8247e700/dsm/registry"
)

// troubleInterval is how often a node repeats what only people can mend.
const troubleInterval = time.Minute

// registryTrouble tells the log what is wrong with the registry: once what may
// pass by itself, every minute what does not.
type registryTrouble struct {
	kind troubleKind
	told time.Time
}

type troubleKind uint8

const (
	noTrouble troubleKind = iota
	unreachable
	otherGroup
	degraded
)

func kindOf(err error) troubleKind {
	switch {
	case errors.Is(err, registry.ErrOtherGroup):
		return otherGroup
	case errors.Is(err, registry.ErrDegraded):
		return degraded
	default:
		return unreachable
	}
}

// tell logs the error of a heartbeat, if it is due.
func (t *registryTrouble) tell(log *slog.Logger, err error, now time.Time) {
	kind := kindOf(err)
	if t.kind == kind && (kind == unreachable || now.Sub(t.told) < troubleInterval) {
		return
	}
	t.kind, t.told = kind, now
	switch kind {
	case otherGroup:
		log.Error("the registry has become another group's: this node's view is frozen, nobody joins it, and its writes stop once a member fails; "+
			"start the registry with the data directory of this node's group, or, if that is lost, save what is needed from the variables and start the nodes again to begin anew in the other group", "err", err)
	case degraded:
		log.Error("the registry cannot save its state: the view is frozen until it can, reads and writes go on; make room or repair the disk on its host", "err", err)
	default:
		log.Warn("the registry does not answer: the view is frozen, reads and writes go on", "err", err)
	}
}

// over logs the end of the trouble, if there was any.
func (t *registryTrouble) over(log *slog.Logger) {
	if t.kind != noTrouble {
		log.Info("the registry is back")
	}
	*t = registryTrouble{}
}
