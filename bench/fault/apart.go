package fault

import "time"

// Apart tells, for each fault, why what it costs cannot be held against a bound:
// it overlaps another, or what it needs is missing. It is "" for a fault that
// stands alone. A kill stands for as long as a group may take to go on without the
// node, missed, or until it lives again, if that is later.
func (s Schedule) Apart(missed time.Duration) []string {
	why := make([]string, len(s))
	for i := range s {
		for j := range s {
			if i == j || !overlap(&s[i], &s[j], missed) {
				continue
			}
			why[i] = "overlaps " + s[j].String()
			if s[j].Kind == RegistryAway || s[j].Kind == DiskFull {
				why[i] = "no registry: " + s[j].String()
				break
			}
		}
	}
	return why
}

// overlap reports whether two faults stand at the same time.
func overlap(a, b *Fault, missed time.Duration) bool {
	return a.At < b.stands(missed) && b.At < a.stands(missed)
}

// stands is until when a fault does, with a moment for one that has no length.
func (f *Fault) stands(missed time.Duration) time.Duration {
	const moment = 1
	switch {
	case f.Kind == Kill:
		return f.At + max(missed, f.For)
	case f.Kind == RegistryAway && f.For == 0:
		return forever
	default:
		return f.At + max(f.For, moment)
	}
}
