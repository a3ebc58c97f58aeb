package main

import (
	"log/slog"
	"time"

	"github.com/seed-8247e700/dsm/internal/outlive"
)

// readerTime bounds how long a command that runs for long waits, as it starts and
// as it ends, for what it has said to be read.
const readerTime = time.Second

// outlive has a command that runs for long outlive its terminal and whoever reads
// its output: from here on neither stdout nor stderr can fail or block, and lines
// that nobody takes are lost. It returns the logger that the flags ask for. stop
// ends what was begun.
func (s *surroundings) outlive(l *logging) (logger *slog.Logger, stop func(), err error) {
	format, err := l.parse()
	if err != nil {
		return nil, nil, err
	}
	stderr := outlive.NewWriter(s.stderr, format.lost)
	s.stdout, s.stderr = outlive.NewWriter(s.stdout, nil), stderr
	outlive.IgnoreOutputSignals()
	logger = slog.New(format.handler(stderr))
	stop = func() {}
	if s.hangups != nil {
		stop = s.hangups(func() {
			logger.Info("SIGHUP ignored: the process has no terminal, and no configuration to read again")
		})
	}
	return logger, stop, nil
}

// warnUnread logs that what stdout was told is lost, if it is: that a node or a
// registry serves, and where. It waits a moment for a reader.
func (s *surroundings) warnUnread(logger *slog.Logger) {
	w, ok := s.stdout.(*outlive.Writer)
	if ok && (!w.Flush(readerTime) || w.Lost() > 0) {
		logger.Warn("stdout cannot be written: the line with the address of this process may be lost")
	}
}

// flush waits for what the command has said to be read, if it is one that goes on
// although it is not.
func (s *surroundings) flush() {
	for _, w := range []any{s.stdout, s.stderr} {
		if w, ok := w.(*outlive.Writer); ok {
			w.Flush(readerTime)
		}
	}
}
