package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/pflag"

	"github.com/seed-8247e700/dsm/internal/console"
)

// logging is the flags of what logs.
type logging struct {
	level  string
	format string
}

func (l *logging) addFlags(f *pflag.FlagSet) {
	f.StringVar(&l.level, "log-level", "info", "lowest level that is logged to stderr: `debug|info|warn|error`")
	f.StringVar(&l.format, "log-format", "text", "format of the log: `text|json`")
}

// logFormat makes handlers of logs.
type logFormat struct {
	level slog.Level
	json  bool
}

// parse reads the flags.
func (l *logging) parse() (f logFormat, err error) {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	level, ok := levels[l.level]
	if !ok {
		return f, usagef("--log-level %q: must be debug, info, warn or error", l.level)
	}
	if l.format != "text" && l.format != "json" {
		return f, usagef("--log-format %q: must be text or json", l.format)
	}
	return logFormat{level: level, json: l.format == "json"}, nil
}

// handler returns a handler that writes to w. What a terminal could take for a
// command is escaped in its lines.
func (f logFormat) handler(w io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: f.level}
	if f.json {
		return slog.NewJSONHandler(console.JSONWriter(w), options)
	}
	return slog.NewTextHandler(console.LineWriter(w), options)
}

// lost is the line of a log that says how many are missing. The level does not
// matter: what is missing was let through by it.
func (f logFormat) lost(lines uint64) []byte {
	var line bytes.Buffer
	r := slog.NewRecord(time.Now(), slog.LevelWarn, "lines of this log are lost: whatever reads it did not take them", 0)
	r.AddAttrs(slog.Uint64("lines", lines))
	_ = f.handler(&line).Handle(context.Background(), r) // a Buffer takes everything
	return line.Bytes()
}
