package fault

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrSyntax is wrapped by errors of what is no schedule.
var ErrSyntax = errors.New("not a schedule of faults")

// Bounds of a schedule.
const (
	maxFaults = 10_000
	maxTime   = 30 * 24 * time.Hour
	maxNodes  = 1000
)

// Parse reads a schedule. Its errors wrap ErrSyntax and name the part that is
// wrong, and the right form.
func Parse(text string) (Schedule, error) {
	if strings.Count(text, ",") >= maxFaults {
		return nil, fmt.Errorf("%w: more than %d faults", ErrSyntax, maxFaults)
	}
	var s Schedule
	parts := strings.Split(text, ",")
	for i, part := range parts {
		part = strings.TrimSpace(part)
		if part == "" && len(s) > 0 {
			return nil, fmt.Errorf("%w: nothing follows the comma after %s: leave the comma out", ErrSyntax, &s[len(s)-1])
		}
		f, err := parseOne(part)
		if err != nil {
			return nil, withHint(err, part, parts[i+1:])
		}
		s = append(s, f)
	}
	s.sort()
	return s, nil
}

// withHint adds to an error what its part, and those after it, were perhaps meant
// to be.
func withHint(err error, part string, after []string) error {
	isNode := func(part string) bool {
		what, _, _ := strings.Cut(part, "@")
		_, ok := nodeNumber(strings.TrimSpace(what))
		return ok
	}
	switch {
	case strings.Contains(part, ";"):
		return fmt.Errorf("%w; faults are separated by commas", err)
	case isNode(part) || len(after) > 0 && isNode(after[0]):
		return fmt.Errorf("%w (join nodes with +: kill:n1+n2@3s)", err)
	case strings.HasPrefix(part, "random"):
		return fmt.Errorf("%w; random cannot be combined with other faults; its seed is --seed", err)
	default:
		return err
	}
}

// parseOne reads WHAT:WHO@T+D=RATE, with spaces between its parts.
func parseOne(text string) (f Fault, err error) {
	what, when, timed := strings.Cut(text, "@")
	kind, who, named := strings.Cut(what, ":")
	kind, who = strings.TrimSpace(kind), strings.TrimSpace(who)
	f.Kind = Kind(kind)
	info := f.Kind.info()
	if info.form == "" {
		names := Kinds()
		last := len(names) - 1
		return f, fmt.Errorf("%w: %q: unknown fault %q; the faults are %s and %s, for example %s",
			ErrSyntax, text, kind, strings.Join(names[:last], ", "), names[last], Kill.info().form)
	}
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: %q: %s; write it like %s", ErrSyntax, text, fmt.Sprintf(format, args...), info.form)
	}
	if !timed {
		return f, wrong("it does not say when, after an @")
	}
	when, rate, rated := strings.Cut(when, "=")
	at, long, lasts := strings.Cut(when, "+")
	if f.At, err = parseTime(strings.TrimSpace(at)); err != nil {
		return f, wrong("%v", err)
	}
	if lasts {
		if f.For, err = parseTime(strings.TrimSpace(long)); err != nil {
			return f, wrong("%v", err)
		}
		if f.For == 0 {
			return f, wrong("it lasts no time")
		}
	}
	switch {
	case lasts && info.lasts == noTime:
		return f, wrong("it happens at once, and has no length")
	case !lasts && info.lasts == aTime:
		return f, wrong("it does not say for how long, after a +")
	case named && info.to == toRegistry:
		return f, wrong("it is about the registry, and nobody else")
	case !named && info.to != toRegistry && info.to != toLinks:
		return f, wrong("it does not say to whom, after a :")
	case rated && !info.rated:
		return f, wrong("it has no rate")
	case !rated && info.rated:
		return f, wrong("it does not say at which rate, after an =")
	}
	if named {
		err = f.parseWho(info.to, who)
	}
	if rated && err == nil {
		f.Rate, err = parseRate(strings.TrimSpace(rate))
	}
	if err != nil {
		return f, wrong("%v", err)
	}
	return f, nil
}

// parseWho reads the nodes or the ends.
func (f *Fault) parseWho(to target, who string) error {
	switch to {
	case toNodes:
		f.Nodes = strings.Split(who, "+")
		for i, node := range f.Nodes {
			node = strings.TrimSpace(node)
			f.Nodes[i] = node
			if node == Registry {
				return errors.New("what can be done to the registry is registry@3s+2s, diskfull@3s+2s and cut:n1-registry@3s+2s")
			}
			if _, ok := nodeNumber(node); !ok {
				return fmt.Errorf("%q is not a node: nodes are n1, n2 and so on", node)
			}
			if slices.Contains(f.Nodes[:i], node) {
				return fmt.Errorf("%s is there twice", node)
			}
		}
	case toEnds, toLinks:
		var paired bool
		if f.A, f.B, paired = strings.Cut(who, "-"); !paired && f.Kind != Reset {
			f.A, f.B, f.OneWay = strings.Cut(who, ">")
		}
		f.A, f.B = strings.TrimSpace(f.A), strings.TrimSpace(f.B)
		if f.Kind == Reset && !paired {
			return errors.New("it does not say between whom")
		}
		for _, end := range []string{f.A, f.B} {
			if _, ok := nodeNumber(end); !ok && end != Registry && (end != "" || paired || f.OneWay) {
				return fmt.Errorf("%q is neither a node (n1, n2 and so on) nor registry", end)
			}
		}
		if f.A == "" || f.A == Registry && f.B == "" {
			return errors.New("an end without another must be a node")
		}
		if f.A == f.B {
			return fmt.Errorf("%s has no way to itself", f.A)
		}
	}
	return nil
}

// parseTime reads a duration that is not negative and has no sign.
func parseTime(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || strings.ContainsAny(text, "+-") {
		return 0, fmt.Errorf("%q is not a time such as 3s, 500ms or 1m30s", text)
	}
	if d > maxTime {
		return 0, fmt.Errorf("%s is more than %v", text, maxTime)
	}
	return d, nil
}

// nodeNumber is the 3 of n3.
func nodeNumber(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, "n")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 1 && n <= maxNodes && strconv.Itoa(n) == digits
}

// NodeName is the name of the i-th node, from 1.
func NodeName(i int) string { return "n" + strconv.Itoa(i) }
