package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// counts says how many mutants had each outcome.
type counts struct {
	of       [unreached + 1]int
	accepted int
}

func (c *counts) summary(all int) string {
	tried := 0
	for _, n := range c.of {
		tried += n
	}
	return fmt.Sprintf("%d mutants, %d killed (%d by time), %d survive (%d unreached, %d accepted), %d do not compile, %d not tried",
		all, c.of[killed]+c.of[timedOut], c.of[timedOut], c.of[survived]+c.of[unreached], c.of[unreached], c.accepted,
		c.of[notCompiled], all-tried)
}

// names are shown in front of mutants.
var names = [unreached + 1]string{
	notTried: "not tried", notCompiled: "does not compile", killed: "killed", timedOut: "killed by time",
	survived: "survives", unreached: "survives unreached",
}

// count notes what became of a mutant, and prints it if it survives.
func (h *hunt) count(c *counts, m *mutant, o outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.of[o]++
	accepted := h.accepted.note(m, o)
	name := names[o]
	switch {
	case o < survived:
		if h.verbose {
			h.print("%s: %s", name, m.place())
		}
		return
	case accepted:
		c.accepted++
		if h.verbose {
			h.print("%s, accepted: %s", name, m.place())
		}
		return
	}
	h.survivors++
	h.print("%s: %s", name, m.place())
}

// print prints a line. It is called with the hunt locked, or while nothing is tried.
func (h *hunt) print(format string, args ...any) {
	if _, err := fmt.Fprintf(h.out, format+"\n", args...); err != nil {
		h.fail(err)
	}
}

// fail ends the hunt, if it is the first error. It is called like print.
func (h *hunt) fail(err error) {
	if h.failed == nil {
		h.failed = err
	}
}

// verdict returns an error if a survivor is not accepted, or if one that is accepted is
// none.
func (h *hunt) verdict() error {
	stale := h.accepted.stale(func(file string) bool {
		_, err := os.Stat(filepath.Join(h.dir, filepath.FromSlash(file)))
		return h.searched[file] || err != nil
	})
	for _, line := range stale {
		h.print("%s, %s", h.settings.accepted, line)
	}
	switch {
	case h.failed != nil:
		return h.failed
	case h.survivors > 0 || len(stale) > 0:
		return fmt.Errorf("survivors that are not accepted: %d, lines of %s that are out of date: %d; test what survives, or accept it there with a reason, and delete those lines",
			h.survivors, h.settings.accepted, len(stale))
	}
	return nil
}
