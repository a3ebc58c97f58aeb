package fault

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrSchedule is wrapped by errors of a schedule that cannot be carried out.
var ErrSchedule = errors.New("impossible schedule of faults")

// Validate reports the first fault that cannot be: of a node that a group of so
// many does not have, after the end of the load, or of what is not there, or has
// that very fault, at the time.
func (s Schedule) Validate(nodes int, duration time.Duration) error {
	v := &validator{schedule: s, down: make(map[string]time.Duration), paused: make(map[string]time.Duration)}
	for i := range s {
		f := &s[i]
		if f.At >= duration {
			return fmt.Errorf("%w: %s comes after the end, %v", ErrSchedule, f, duration)
		}
		for _, name := range append([]string{f.A, f.B}, f.Nodes...) {
			if n, ok := nodeNumber(name); ok && n > nodes {
				return fmt.Errorf("%w: %s: there is no %s, only n1 to n%d", ErrSchedule, f, name, nodes)
			}
		}
		if err := v.next(f); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrSchedule, f, err)
		}
	}
	return nil
}

// forever is a time that does not come.
const forever = time.Duration(1<<63 - 1)

// validator goes through a schedule and knows until when what is the case.
type validator struct {
	schedule       Schedule
	down, paused   map[string]time.Duration
	away, diskFull time.Duration
}

func (v *validator) next(f *Fault) error {
	for _, node := range f.Nodes {
		down, paused := v.down[node] > f.At, v.paused[node] > f.At
		switch {
		case f.Kind == Restart && v.down[node] != forever:
			return fmt.Errorf("%s is not gone for good before: give it a kill:%s@T or leave:%s@T without a +", node, node, node)
		case f.Kind == Restart:
			v.down[node] = 0
		case down:
			return fmt.Errorf("%s is gone before, and is not restarted yet", node)
		case paused && f.Kind != Kill:
			return fmt.Errorf("%s is paused already", node)
		case f.takesNodes():
			v.down[node], v.paused[node] = f.End(forever), 0
		default:
			v.paused[node] = f.End(forever)
		}
	}
	switch to := f.Kind.info().to; {
	case to == toRegistry && v.away > f.At:
		return errors.New("the registry is away already")
	case to == toEnds || to == toLinks:
		return v.ends(f)
	}
	switch f.Kind {
	case RegistryAway:
		v.away, v.diskFull = f.End(forever), 0
	case DiskFull:
		if v.diskFull > f.At {
			return errors.New("the registry's disk is full already")
		}
		v.diskFull = f.End(forever)
	}
	return nil
}

// ends holds that both ends of a cut or a slow link are there for a part of its time, and
// those of a reset at the time.
func (v *validator) ends(f *Fault) error {
	for _, end := range []string{f.A, f.B} {
		if end == Registry && v.away == forever {
			return errors.New("the registry is away by then, and does not come back before the end")
		}
		if back := v.back(end, f.At); back > f.At && back >= f.At+f.For {
			return fmt.Errorf("%s is gone before, and is not restarted by then", end)
		}
	}
	return nil
}

// back is from when on a node lives that may be gone before a time.
func (v *validator) back(node string, at time.Duration) time.Duration {
	if v.down[node] != forever {
		return v.down[node]
	}
	for i := range v.schedule {
		f := &v.schedule[i]
		if f.Kind == Restart && f.At >= at && slices.Contains(f.Nodes, node) {
			return f.At
		}
	}
	return forever
}
