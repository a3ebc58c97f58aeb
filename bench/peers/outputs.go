package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/seed-8247e700/dsm/bench/peers/compare"
)

// outputs is where a report goes beside the standard output. Empty: nowhere.
type outputs struct {
	json     string
	markdown string
	update   string
}

// check finds out before anything is measured that a file cannot be written.
func (o *outputs) check() error {
	var errs []error
	for _, path := range []string{o.json, o.markdown} {
		if path != "" {
			errs = append(errs, writable(path))
		}
	}
	if o.update != "" {
		document, err := os.ReadFile(o.update)
		if err == nil {
			_, err = compare.Update(document, "")
		}
		if err == nil {
			err = writable(o.update)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("-update %s: %w", o.update, err))
		}
	}
	return errors.Join(errs...)
}

// writable opens a file for writing and leaves it, or that there is none, as it was.
func writable(path string) error {
	_, err := os.Stat(path)
	isNew := errors.Is(err, fs.ErrNotExist)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	err = file.Close()
	if isNew {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// write writes a report wherever it is to go. What cannot be written to one file
// is still written to the others.
func (o *outputs) write(report *compare.Report, aims []compare.Aim, stdout io.Writer) error {
	text := report.Markdown()
	shown := text
	if len(aims) > 0 {
		shown += "\n### Aims\n\n" + compare.JudgmentTable(compare.Judge(report.Measurements, aims))
	}
	_, err := io.WriteString(stdout, shown)
	errs := []error{err}
	if o.json != "" {
		content, err := report.JSON(aims)
		if err == nil {
			err = os.WriteFile(o.json, content, 0o644)
		}
		errs = append(errs, err)
	}
	if o.markdown != "" {
		errs = append(errs, os.WriteFile(o.markdown, []byte(text), 0o644))
	}
	switch {
	case o.update == "":
	case report.SetUp.Interrupted:
		errs = append(errs, fmt.Errorf("-update %s: left as it was: the run was interrupted", o.update))
	default:
		document, err := os.ReadFile(o.update)
		if err == nil {
			document, err = compare.Update(document, text)
		}
		if err == nil {
			err = os.WriteFile(o.update, document, 0o644)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
