package main

import (
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/seed-8247e700/dsm/internal/console"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// listPrinter prints a listing as its pages come, so that memory does not grow with
// it.
type listPrinter interface {
	begin(l *lister) error
	keys(keys []wire.ListedKey) error
	end(next string) error
	count() int
}

func (f *lsFlags) printer(s *surroundings) listPrinter {
	if f.output == formatJSON {
		return &jsonList{out: s.stdout}
	}
	return &textList{s: s, keysOnly: f.keysOnly}
}

// textList prints columns, or only keys. The keys come last and may have spaces.
type textList struct {
	s             *surroundings
	keysOnly      bool
	printed       int
	version, size int // widths
}

func (p *textList) count() int { return p.printed }

func (p *textList) begin(*lister) error { return nil }

func (p *textList) keys(keys []wire.ListedKey) error {
	if p.printed == 0 {
		p.version, p.size = len("version"), len("size")
	}
	for i := range keys {
		p.version = max(p.version, len(decimal(keys[i].Version)))
		p.size = max(p.size, len(decimal(keys[i].Bytes)))
	}
	var b []byte
	if p.printed == 0 && !p.keysOnly {
		b = fmt.Appendf(b, "%*s  %*s  key\n", p.version, "version", p.size, "size")
	}
	for i := range keys {
		k := &keys[i]
		if !p.keysOnly {
			b = fmt.Appendf(b, "%*d  %*d  ", p.version, k.Version, p.size, k.Bytes)
		}
		b = append(append(b, console.Escape(k.Key)...), '\n')
	}
	p.printed += len(keys)
	_, err := p.s.stdout.Write(b)
	return err
}

func (p *textList) end(next string) error {
	if next != "" {
		p.s.complain("there are more keys; continue within 30s with: dsm ls --page-token %s", next)
	}
	return nil
}

// listedKey is a variable in a listing, as JSON.
type listedKey struct {
	Key      string `json:"key"`
	KeyBytes []byte `json:"key_base64,omitempty"` // where Key is not valid UTF-8
	Version  uint64 `json:"version,string"`
	Size     uint64 `json:"size"`
}

// jsonList prints one object.
type jsonList struct {
	out     io.Writer
	printed int
}

func (p *jsonList) count() int { return p.printed }

func (p *jsonList) begin(l *lister) error {
	_, err := fmt.Fprintf(p.out, "{\n  \"position\": \"%d\",\n  \"keys\": [", l.page.Position)
	return err
}

func (p *jsonList) keys(keys []wire.ListedKey) error {
	var b []byte
	for i := range keys {
		k := listedKey{Key: keys[i].Key, Version: keys[i].Version, Size: keys[i].Bytes}
		if !utf8.ValidString(k.Key) {
			k.KeyBytes = []byte(k.Key)
		}
		text, err := json.Marshal(k)
		if err != nil {
			return err
		}
		if p.printed > 0 {
			b = append(b, ',')
		}
		p.printed++
		b = console.EscapeJSON(append(b, "\n    "...), text)
	}
	_, err := p.out.Write(b)
	return err
}

func (p *jsonList) end(next string) error {
	text := "]"
	if p.printed > 0 {
		text = "\n  ]"
	}
	if next != "" {
		text += fmt.Sprintf(",\n  \"next\": %q", next)
	}
	_, err := io.WriteString(p.out, text+"\n}\n")
	return err
}
