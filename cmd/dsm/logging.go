package main

import (
	"io"
	"log/slog"

	"github.com/spf13/pflag"
)

// logging is the flags of what logs.
type logging struct {
	level  string
	format string
}

func (l *logging) addFlags(f *pflag.FlagSet) {
	f.StringVar(&l.level, "log-level", "info", "what to log on stderr: `debug|info|warn|error`")
	f.StringVar(&l.format, "log-format", "text", "how to log: `text|json`")
}

// logger returns the logger that the flags ask for.
func (l *logging) logger(w io.Writer) (*slog.Logger, error) {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	level, ok := levels[l.level]
	if !ok {
		return nil, usagef("--log-level %q: must be debug, info, warn or error", l.level)
	}
	options := &slog.HandlerOptions{Level: level}
	switch l.format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, usagef("--log-format %q: must be text or json", l.format)
}
