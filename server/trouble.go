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

// rescue is the commands that list the variables of this node and read one of them,
// with a lease or without, for people.
func (r *replica) rescue() string {
	at := " --stale --dsn dsm://" + r.cfg.Advertise
	return "dsm ls" + at + " lists them, dsm get KEY" + at + " reads one"
}

// tell logs the error of a heartbeat, if it is due. rescue is how the variables of
// this node are read.
func (t *registryTrouble) tell(log *slog.Logger, err error, rescue string, now time.Time) {
	kind := kindOf(err)
	if t.kind == kind && (kind == unreachable || now.Sub(t.told) < troubleInterval) {
		return
	}
	t.kind, t.told = kind, now
	switch kind {
	case otherGroup:
		log.Error("the registry does not have this group's record, so it is ignored: this node keeps its variables, its view is frozen, and it refuses clients once a member fails; "+
			"start the registry with the newest data directory of this group; if that is lost, save the variables from this node ("+rescue+"), "+
			"then start every node of this group again, which joins it to the registry's group, and set them there", "err", err)
	case degraded:
		log.Error("the registry cannot save its state: the view is frozen until it can, reads and writes continue; make room or repair the disk on its host", "err", err)
	default:
		log.Warn("the registry does not answer: the view is frozen, reads and writes continue", "err", err)
	}
}

// over logs the end of the trouble, if there was any.
func (t *registryTrouble) over(log *slog.Logger) {
	if t.kind != noTrouble {
		log.Info("the registry is back")
	}
	*t = registryTrouble{}
}
