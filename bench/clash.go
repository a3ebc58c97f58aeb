package bench

import (
	"fmt"
	"os"
	"path/filepath"
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
		for _, kind := range kinds {
			add("hist", c.HistFile+"."+string(kind))
		}
	}
	return names, flags
}

// checkClashes refuses files that would be mixed up with each other, or with
// those of an earlier run. Nothing has been written yet.
func (c *Config) checkClashes() error {
	if c.DeliveryLogDir != "" {
		old, err := filepath.Glob(filepath.Join(escapeGlob(c.DeliveryLogDir), "*"+logSuffix))
		if err != nil {
			return fmt.Errorf("%w: --delivery-log: %w", ErrConfig, err)
		}
		if len(old) > 0 {
			return fmt.Errorf("%w: --delivery-log %s: %s is there already, which would be taken for a log of this run: remove it, or name another directory",
				ErrConfig, c.DeliveryLogDir, filepath.Base(old[0]))
		}
	}
	names, flags := c.outputs()
	for i, name := range names {
		for j := range i {
			if sameFile(name, names[j]) {
				return fmt.Errorf("%w: --%s and --%s both write %s: name two files", ErrConfig, flags[j], flags[i], name)
			}
		}
		if c.DeliveryLogDir != "" && filepath.Ext(name) == logSuffix && sameFile(filepath.Dir(name), c.DeliveryLogDir) {
			return fmt.Errorf("%w: --%s %s would be taken for a delivery log: write it elsewhere, or name it without %s",
				ErrConfig, flags[i], name, logSuffix)
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

// sameFile reports whether two names are of the same file or directory, which
// need not be there yet. Devices may be written to twice.
func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA == nil && errB == nil {
		return os.SameFile(infoA, infoB) && (infoA.Mode().IsRegular() || infoA.IsDir())
	}
	return errA != nil && errB != nil && resolved(a) == resolved(b)
}

// resolved is the one name of a file that is not there, as far as directories
// above it are.
func resolved(name string) string {
	absolute, err := filepath.Abs(name)
	if err != nil {
		return filepath.Clean(name) // without a working directory nothing better is known
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(absolute)); err == nil {
		return filepath.Join(dir, filepath.Base(absolute))
	}
	return absolute
}
