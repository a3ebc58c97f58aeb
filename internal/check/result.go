package check

import "fmt"

// maxTexts bounds the violations of a check that are told in full.
const maxTexts = 5

// Result is the outcome of one check.
type Result struct {
	Name       string   `json:"name"`
	Covers     string   `json:"covers"`     // what was held against what
	Kept       string   `json:"kept"`       // what is kept whole, and what as a hash
	Events     uint64   `json:"events"`     // how much was checked
	Violations uint64   `json:"violations"` //
	Unchecked  uint64   `json:"unchecked"`  // events that could not be checked: as bad as a violation
	Texts      []string `json:"texts,omitempty"`
}

// Pass reports whether everything was checked and nothing was wrong.
func (r *Result) Pass() bool { return r.Violations == 0 && r.Unchecked == 0 }

// tally counts for a check, and keeps the first texts.
type tally struct {
	name       string                   // of the check
	found      func(check, text string) // hears of each violation; nil: nobody
	events     uint64
	violations uint64
	unchecked  uint64
	texts      []string
}

// violate counts a violation.
func (t *tally) violate(format string, args ...any) {
	t.violations++
	if t.found != nil {
		t.found(t.name, fmt.Sprintf(format, args...))
	}
	t.tell("violation: ", format, args...)
}

// miss counts an event that could not be checked.
func (t *tally) miss(format string, args ...any) {
	t.unchecked++
	t.tell("could not check: ", format, args...)
}

func (t *tally) tell(prefix, format string, args ...any) {
	if len(t.texts) < maxTexts {
		t.texts = append(t.texts, prefix+fmt.Sprintf(format, args...))
	}
}

func (t *tally) result(covers, kept string) Result {
	return Result{
		Name: t.name, Covers: covers, Kept: kept,
		Events: t.events, Violations: t.violations, Unchecked: t.unchecked, Texts: t.texts,
	}
}
