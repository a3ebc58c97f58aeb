package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// files has the history and the delivery logs of a run, so far as they were
// asked for.
type files struct {
	history     *history.Writer
	historyFile *os.File

	logDir string
	logs   map[string]*nodeLog // by feed
}

type nodeLog struct {
	file *os.File
	log  *history.DeliveryLog
}

// openFiles creates what the Config asks for, before anything is started.
func openFiles(cfg *Config) (*files, error) {
	f := &files{logDir: cfg.DeliveryLogDir, logs: make(map[string]*nodeLog)}
	if f.logDir != "" {
		if err := os.MkdirAll(f.logDir, 0o755); err != nil {
			return nil, fmt.Errorf("%w: --delivery-log: %w", ErrConfig, err)
		}
	}
	if err := cfg.checkClashes(); err != nil {
		return nil, err
	}
	if err := writePercentiles(cfg.HistFile, newFigures()); err != nil {
		return nil, fmt.Errorf("%w: --hist: %w", ErrConfig, err)
	}
	if cfg.HistoryFile != "" {
		file, err := os.Create(cfg.HistoryFile)
		if err != nil {
			return nil, fmt.Errorf("%w: --history: %w", ErrConfig, err)
		}
		f.historyFile, f.history = file, history.NewWriter(file)
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
	f.logDir = ""
	return errors.Join(errs...)
}
