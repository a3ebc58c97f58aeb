package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// acceptances are the survivors that are accepted, by their keys.
type acceptances map[string]*acceptance

type acceptance struct {
	line   int // of the file of acceptances
	exists bool
	killed bool
}

// readAccepted reads the survivors that are accepted: each is a line without
// indentation, and its reason is the indented lines below. Lines that begin with # are
// comments. The file may be missing.
func readAccepted(name string) (acceptances, error) {
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	a, err := parseAccepted(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return a, nil
}

func parseAccepted(text string) (acceptances, error) {
	accepted := make(acceptances)
	begun, reasoned := 0, true // the line of the latest one, and whether it has a reason
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		key := strings.TrimSpace(line)
		switch {
		case key == "" || key[0] == '#':
		case line[0] == '\t' || line[0] == ' ':
			reasoned = true
		case !reasoned:
			return nil, errNoReason(begun)
		case accepted[key] != nil:
			return nil, fmt.Errorf("line %d repeats line %d", number, accepted[key].line)
		default:
			accepted[key] = &acceptance{line: number}
			begun, reasoned = number, false
		}
	}
	if !reasoned {
		return nil, errNoReason(begun)
	}
	return accepted, nil
}

func errNoReason(line int) error {
	return fmt.Errorf("line %d has no reason: write one below, indented", line)
}

// note records what became of a mutant that was found, and reports whether it is
// accepted.
func (a acceptances) note(m *mutant, o outcome) bool {
	entry := a[m.key()]
	if entry == nil {
		return false
	}
	entry.exists = true
	entry.killed = entry.killed || o == killed || o == timedOut
	return true
}

// stale returns a line for each acceptance that should be taken out. complete reports
// whether all mutants of a file were found.
func (a acceptances) stale(complete func(file string) bool) []string {
	var lines []string
	for _, key := range slices.SortedFunc(maps.Keys(a), func(x, y string) int { return cmp.Compare(a[x].line, a[y].line) }) {
		file, _, _ := strings.Cut(key, ": ")
		switch {
		case a[key].killed:
			lines = append(lines, fmt.Sprintf("line %d: is killed now: %s", a[key].line, key))
		case complete(file) && !a[key].exists:
			lines = append(lines, fmt.Sprintf("line %d: does not exist any more: %s", a[key].line, key))
		}
	}
	return lines
}
