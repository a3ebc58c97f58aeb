package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/spf13/cobra"
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
	Version  uint64  `json:"version"`
	Position uint64  `json:"position"` // in the total order, that the answer reflects
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
		encoder := json.NewEncoder(s.stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(r)
	}
	_, err := fmt.Fprintln(s.stdout, text)
	return err
}

// showWrite is show for what a write returned.
func (s *surroundings) showWrite(f format, text string, r result) error {
	if err := s.show(f, text, r); err != nil {
		return fmt.Errorf("%w, at position %d, but that cannot be shown: %w", errDone, r.Position, err)
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
