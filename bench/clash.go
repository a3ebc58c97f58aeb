package bench

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/outfile"
)

// logSuffix ends the names of delivery logs.
const logSuffix = ".jsonl"

// outputs has the files that a Config writes, by name, and the flag of each.
// Delivery logs are not among them: nodes are not known yet.
func (c *Config) outputs() (names, flags []string) {
	add := func(flag, name string) { names, flags = append(names, name), append(flags, flag) }
	if c.HistoryFile != "" {
		add("history", c.HistoryFile)
	}
	if c.HistFile != "" {
		add("hist", c.HistFile)
		for _, kind := range report.Kinds {
			add("hist", c.HistFile+"."+string(kind))
		}
	}
	return names, flags
}

// Derives reports whether a run may write, beside the file that a flag names, another
// with a dot and a suffix added to that name.
func Derives(flag, suffix string) bool {
	switch flag {
	case "hist":
		return slices.Contains(report.Kinds, history.Kind(suffix))
	case program.FlagCPUProfile, program.FlagMemProfile, program.FlagTrace:
		number, isNode := strings.CutPrefix(suffix, "n")
		_, err := strconv.ParseUint(number, 10, 31)
		return suffix == fault.Registry || isNode && err == nil
	}
	return false
}

// checkClashes refuses files that would be mixed up with each other, or with
// those of an earlier run. Nothing has been written yet.
func (c *Config) checkClashes() error {
	if c.DeliveryLogDir != "" {
		old, err := filepath.Glob(filepath.Join(escapeGlob(c.DeliveryLogDir), "*"+logSuffix))
		if err != nil {
			return fmt.Errorf("--delivery-log: %w", err)
		}
		if len(old) > 0 {
			return fmt.Errorf("--delivery-log %s: %s is there already, which would be taken for a log of this run: remove it, or name another directory",
				c.DeliveryLogDir, filepath.Base(old[0]))
		}
	}
	names, flags := c.outputs()
	for i, name := range names {
		for j := range i {
			if outfile.Same(name, names[j]) {
				return fmt.Errorf("--%s and --%s both write %s: name two files", flags[j], flags[i], name)
			}
		}
		if c.DeliveryLogDir != "" && filepath.Ext(name) == logSuffix && outfile.Same(filepath.Dir(name), c.DeliveryLogDir) {
			return fmt.Errorf("--%s %s would be taken for a delivery log: write it elsewhere, or name it without %s",
				flags[i], name, logSuffix)
		}
	}
	return nil
}

// escapeGlob makes a pattern that only dir itself matches.
func escapeGlob(dir string) string {
	var b []byte
	for i := range len(dir) {
		switch dir[i] {
		case '*', '?', '[', '\\':
			b = append(b, '\\')
		}
		b = append(b, dir[i])
	}
	return string(b)
}
