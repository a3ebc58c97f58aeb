package main

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/console"
)

// variablePrinter prints variables as they come, some at a time. Each method is given the
// position that they show.
type variablePrinter interface {
	variable(position uint64, v *driver.Item) error
	flush(position uint64) error // prints what has come
	end(position uint64) error   // is flush when all have come
	count() int                  // of those that were printed
}

func (f *scanFlags) printer(s *surroundings) variablePrinter {
	if f.output == formatJSON {
		return &jsonVariables{s: s, keysOnly: f.keysOnly}
	}
	return &textVariables{s: s, keysOnly: f.keysOnly}
}

// Bounds of what is printed at a time.
const (
	printedVariables = 1000
	printedBytes     = 64 << 10
)

// mostKeyWidth is how wide the column of keys may become. Longer keys stand out.
const mostKeyWidth = 40

// textVariables prints columns, or only keys. The values come last.
type textVariables struct {
	s            *surroundings
	keysOnly     bool
	waiting      []driver.Item
	bytes        int // of their keys and values
	printed      int
	version, key int // widths
}

func (p *textVariables) count() int { return p.printed }

func (p *textVariables) variable(position uint64, v *driver.Item) error {
	p.waiting = append(p.waiting, *v)
	p.bytes += len(v.Key) + len(v.Data)
	if len(p.waiting) < printedVariables && p.bytes < printedBytes {
		return nil
	}
	return p.flush(position)
}

func (p *textVariables) flush(uint64) error {
	if len(p.waiting) == 0 {
		return nil
	}
	return p.print()
}

func (p *textVariables) end(position uint64) error {
	if p.printed == 0 {
		return p.print() // the head, if nothing else
	}
	return p.flush(position)
}

func (p *textVariables) print() error {
	p.version, p.key = max(p.version, len("version")), max(p.key, len("key"))
	for i := range p.waiting {
		v := &p.waiting[i]
		v.Key = console.Escape(v.Key)
		p.version = max(p.version, len(decimal(v.Version)))
		p.key = max(p.key, min(utf8.RuneCountInString(v.Key), mostKeyWidth))
	}
	var b []byte
	if p.printed == 0 && !p.keysOnly {
		b = fmt.Appendf(b, "%*s  %-*s  value\n", p.version, "version", p.key, "key")
	}
	for i := range p.waiting {
		v := &p.waiting[i]
		if p.keysOnly {
			b = append(append(b, v.Key...), '\n')
			continue
		}
		b = fmt.Appendf(b, "%*d  %-*s  ", p.version, v.Version, p.key, v.Key)
		b = append(append(b, p.s.shown(v.Data)...), '\n')
	}
	p.printed += len(p.waiting)
	clear(p.waiting)
	p.waiting, p.bytes = p.waiting[:0], 0
	_, err := p.s.stdout.Write(b)
	return err
}

// shown is a value as it stands at the end of a line: on a terminal, it does nothing else.
func (s *surroundings) shown(value []byte) string {
	if s.onDisplay {
		return console.Escape(string(value))
	}
	return string(value)
}

// scannedVariable is a variable as JSON.
type scannedVariable struct {
	Key      string  `json:"key"`
	KeyBytes []byte  `json:"key_base64,omitempty"` // where Key is not valid UTF-8
	Value    []byte  `json:"value,omitzero"`
	Text     *string `json:"text,omitempty"` // Value, if it is valid UTF-8
	Version  uint64  `json:"version,string"`
}

// newScannedVariable leaves out a value that is nil.
func newScannedVariable(key string, value []byte, version uint64) scannedVariable {
	r := newResult(key, value, version, 0)
	return scannedVariable{Key: r.Key, KeyBytes: r.KeyBytes, Value: r.Value, Text: r.Text, Version: r.Version}
}

// jsonVariables prints one object.
type jsonVariables struct {
	s        *surroundings
	keysOnly bool
	out      []byte
	begun    bool
	taken    int
	printed  int
}

func (p *jsonVariables) count() int { return p.printed }

func (p *jsonVariables) begin(position uint64) {
	if !p.begun {
		p.begun = true
		p.out = fmt.Appendf(p.out, "{\n  \"position\": \"%d\",\n  \"variables\": [", position)
	}
}

func (p *jsonVariables) variable(position uint64, v *driver.Item) error {
	p.begin(position)
	value := v.Data
	if value == nil && !p.keysOnly {
		value = []byte{}
	}
	text, err := compactJSON(newScannedVariable(v.Key, value, v.Version))
	if err != nil {
		return err
	}
	if p.taken > 0 {
		p.out = append(p.out, ',')
	}
	p.taken++
	p.out = append(append(p.out, "\n    "...), text...)
	if len(p.out) < printedBytes {
		return nil
	}
	return p.flush(position)
}

func (p *jsonVariables) flush(uint64) error {
	if len(p.out) == 0 {
		return nil
	}
	_, err := p.s.stdout.Write(p.out)
	p.out, p.printed = p.out[:0], p.taken
	return err
}

func (p *jsonVariables) end(position uint64) error {
	p.begin(position)
	if p.taken > 0 {
		p.out = append(p.out, "\n  "...)
	}
	p.out = append(p.out, "]\n}\n"...)
	return p.flush(position)
}

// compactJSON returns a value as JSON on one line, in which everything that cannot be
// seen is escaped.
func compactJSON(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return console.EscapeJSON(nil, text), nil
}
