package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/internal/console"
)

// Formats of what a command prints.
const (
	formatText = "text"
	formatJSON = "json"
)

// format is the flag -o.
type format struct{ output string }

func (f *format) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.output, "output", "o", formatText, "`text|json`")
}

func (f *format) check() error {
	if f.output != formatText && f.output != formatJSON {
		return usagef("--output %q: must be %s or %s", f.output, formatText, formatJSON)
	}
	return nil
}

// result is what an operation on a variable tells, as JSON.
type result struct {
	Key      string  `json:"key"`
	KeyBytes []byte  `json:"key_base64,omitempty"` // where Key is not valid UTF-8
	Value    []byte  `json:"value,omitzero"`       // base64; absent after a delete
	Text     *string `json:"text,omitempty"`       // Value, if it is valid UTF-8
	Version  uint64  `json:"version,string"`
	Position uint64  `json:"position,string"` // in the total order, that the answer reflects
}

func newResult(key string, value []byte, version, position uint64) result {
	r := result{Key: key, Value: value, Version: version, Position: position}
	if !utf8.ValidString(key) {
		r.KeyBytes = []byte(key)
	}
	if value != nil && utf8.Valid(value) {
		text := string(value)
		r.Text = &text
	}
	return r
}

// show prints a result, or text in its place.
func (s *surroundings) show(f format, text string, r any) error {
	if f.output == formatJSON {
		return s.showJSON(r)
	}
	_, err := fmt.Fprintln(s.stdout, text)
	return err
}

// showJSON prints a result as JSON, in which everything that cannot be seen is
// escaped.
func (s *surroundings) showJSON(r any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return err
	}
	_, err := s.stdout.Write(console.EscapeJSON(nil, text.Bytes()))
	return err
}

// say prints text, in which there may be what others have made up.
func (s *surroundings) say(format string, args ...any) error {
	_, err := fmt.Fprint(s.stdout, console.EscapeLines(fmt.Sprintf(format, args...)))
	return err
}

// showWrite is show for what a write returned.
func (s *surroundings) showWrite(f format, text string, r result) error {
	return shownWrite(s.show(f, text, r), r.Position)
}

// shownWrite is the error of a write that was done and whose result could not be printed.
func shownWrite(err error, position uint64) error {
	if err != nil {
		return fmt.Errorf("%w, at position %d, but the result cannot be printed: %w", errDone, position, err)
	}
	return nil
}

// groupID is the id of a group: to people, in text and JSON alike, 16 hexadecimal
// digits.
type groupID uint64

// String returns the digits.
func (g groupID) String() string { return fmt.Sprintf("%016x", uint64(g)) }

// MarshalText makes it the same in JSON.
func (g groupID) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
