package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/outfile"
)

// readerPatience bounds how long a run waits for whoever reads a named pipe that it was
// given for a file.
var readerPatience = 10 * time.Second

// OpenOutput opens a file for results. If it is a named pipe whose reader takes nothing
// for 10 seconds, writes to it return an error.
func OpenOutput(name string) (*outfile.File, error) {
	file, err := outfile.Open(name, 0o666)
	if err != nil {
		return nil, err
	}
	file.SetPatience(readerPatience)
	return file, nil
}

// WriteJSON writes the whole report, set-up and all, as one document.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// ticksPerHalfDistance is how fine the percentiles are that are written: the
// field's usual value.
const ticksPerHalfDistance = 5

// percentileFiles has the files for percentiles: of all operations under "", of each
// kind under its name. nil: they were not asked for.
type percentileFiles map[history.Kind]*outfile.File

// openPercentiles opens a file, and one beside it for each kind of operation. No name:
// none.
func openPercentiles(name string) (percentileFiles, error) {
	if name == "" {
		return nil, nil
	}
	p := make(percentileFiles)
	for _, kind := range append([]history.Kind{""}, kinds...) {
		file := name
		if kind != "" {
			file += "." + string(kind)
		}
		f, err := OpenOutput(file)
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p[kind] = f
	}
	return p, nil
}

// write writes the percentiles of all operations, and those of each kind that there
// was, in the format of HdrHistogram and in milliseconds.
func (p percentileFiles) write(f *figures) error {
	var errs []error
	for kind, file := range p {
		h, _ := f.merged(func(key cellKey) bool { return kind == "" || key.kind == kind })
		if h == nil && kind != "" {
			continue
		}
		if h == nil {
			h = newHistogram()
		}
		if _, err := h.PercentilesPrint(file, ticksPerHalfDistance, float64(time.Millisecond)); err != nil {
			errs = append(errs, fmt.Errorf("bench: percentiles: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (p percentileFiles) close() error {
	var errs []error
	for _, file := range p {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}
