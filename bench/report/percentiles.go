package report

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/outfile"
)

// ticksPerHalfDistance is how fine the percentiles are that are written: the
// field's usual value.
const ticksPerHalfDistance = 5

// PercentileFiles has the files for percentiles: of all operations under "", of each
// kind under its name. nil: they were not asked for.
type PercentileFiles map[history.Kind]*outfile.File

// OpenPercentiles opens a file, and one beside it for each kind of operation. No name:
// none.
func OpenPercentiles(name string) (PercentileFiles, error) {
	if name == "" {
		return nil, nil
	}
	p := make(PercentileFiles)
	for _, kind := range append([]history.Kind{""}, Kinds...) {
		file := name
		if kind != "" {
			file += "." + string(kind)
		}
		f, err := program.OpenOutput(file)
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		p[kind] = f
	}
	return p, nil
}

// Write writes the percentiles of all operations, and those of each kind that there
// was, in the format of HdrHistogram and in milliseconds.
func (p PercentileFiles) Write(f *Figures) error {
	var errs []error
	for kind, file := range p {
		h, _ := f.merged(func(key cellKey) bool { return kind == "" || key.kind == kind })
		if h == nil && kind != "" {
			continue
		}
		if h == nil {
			h = load.NewHistogram()
		}
		if _, err := h.PercentilesPrint(file, ticksPerHalfDistance, float64(time.Millisecond)); err != nil {
			errs = append(errs, fmt.Errorf("bench: percentiles: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Close closes the files.
func (p PercentileFiles) Close() error {
	var errs []error
	for _, file := range p {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}
