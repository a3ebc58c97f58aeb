package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/outfile"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// files has the history and the delivery logs of a run, so far as they were
// asked for.
type files struct {
	history     *history.Writer
	historyFile *outfile.File
	percentiles report.PercentileFiles

	logDir  string
	dropDir func()              // removes directories that were made for logs and have none
	logs    map[string]*nodeLog // by feed
}

type nodeLog struct {
	file *os.File
	log  *history.DeliveryLog
}

// openFiles opens what the Config asks for, before anything is started. What an
// earlier run wrote stays until there is something to write, and what is new and has
// nothing in the end is removed.
func openFiles(cfg *Config) (f *files, err error) {
	f = &files{logs: make(map[string]*nodeLog), dropDir: func() {}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%w: %w", program.ErrConfig, err), f.close())
			f = nil
		}
	}()
	if err := cfg.checkClashes(); err != nil {
		return f, err
	}
	if cfg.DeliveryLogDir != "" {
		undo, err := outfile.MakeDir(cfg.DeliveryLogDir, 0o755)
		if err != nil {
			return f, fmt.Errorf("--delivery-log: %w", err)
		}
		f.logDir, f.dropDir = cfg.DeliveryLogDir, undo
	}
	if f.percentiles, err = report.OpenPercentiles(cfg.HistFile); err != nil {
		return f, fmt.Errorf("--hist: %w", err)
	}
	if cfg.HistoryFile != "" {
		if f.historyFile, err = program.OpenOutput(cfg.HistoryFile); err != nil {
			return f, fmt.Errorf("--history: %w", err)
		}
		f.history = history.NewWriter(f.historyFile)
	}
	return f, nil
}

// complete writes an operation to the history.
func (f *files) complete(o *history.Op) error {
	if f.history == nil {
		return nil
	}
	return f.history.Write(o)
}

// deliver writes a delivery to its node's log.
func (f *files) deliver(feed string, d *wire.Delivery) error {
	if f.logDir == "" {
		return nil
	}
	l := f.logs[feed]
	if l == nil {
		file, err := os.Create(filepath.Join(f.logDir, feed+logSuffix))
		if err != nil {
			return fmt.Errorf("bench: delivery log: %w", err)
		}
		l = &nodeLog{file: file, log: history.NewDeliveryLog(file)}
		f.logs[feed] = l
	}
	return l.log.Deliver(d)
}

// close writes what is held back and closes all files. It may be called again.
func (f *files) close() error {
	var errs []error
	if f.history != nil {
		errs = append(errs, f.history.Close(), f.historyFile.Close())
		f.history = nil
	}
	for _, l := range f.logs {
		errs = append(errs, l.log.Close(), l.file.Close())
	}
	clear(f.logs)
	errs = append(errs, f.percentiles.Close())
	f.percentiles = nil
	f.dropDir()
	f.logDir = ""
	return errors.Join(errs...)
}
