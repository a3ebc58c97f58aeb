package cluster

import (
	"io"
	"log/slog"
)

// logSwitch lets warnings of registry and nodes through while they are under
// load. Before and after, all that they warn of is meant to be: a registry
// that keeps its views in memory, a last member that takes the group with it.
type logSwitch struct {
	level  slog.LevelVar
	logger *slog.Logger
}

// levelOff is above all levels.
const levelOff = slog.LevelError + 1

func newLogSwitch(w io.Writer) *logSwitch {
	s := &logSwitch{}
	s.level.Set(levelOff)
	s.logger = slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: &s.level}))
	return s
}

func (s *logSwitch) on()  { s.level.Set(slog.LevelWarn) }
func (s *logSwitch) off() { s.level.Set(levelOff) }
