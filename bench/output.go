package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// WriteJSON writes the whole report, set-up and all, as one document.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// ticksPerHalfDistance is how fine the percentiles are that are written: the
// field's usual value.
const ticksPerHalfDistance = 5

// writePercentiles writes the percentiles of all operations to a file, in the
// format of HdrHistogram and in milliseconds, and those of each operation to
// files beside it. No name: nothing.
func writePercentiles(name string, f *figures) error {
	if name == "" {
		return nil
	}
	all, _ := f.merged(func(cellKey) bool { return true })
	err := writePercentileFile(name, all)
	for _, kind := range kinds {
		if h, _ := f.merged(func(key cellKey) bool { return key.kind == kind }); h != nil {
			err = errors.Join(err, writePercentileFile(name+"."+string(kind), h))
		}
	}
	return err
}

func writePercentileFile(name string, h *hdrhistogram.Histogram) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("bench: percentiles: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if h == nil {
		h = newHistogram()
	}
	_, err = h.PercentilesPrint(file, ticksPerHalfDistance, float64(time.Millisecond))
	return err
}
