package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/seed-8247e700/dsm/internal/console"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// sessionPrinter prints sessions as the pages come, or one session with the keys of its
// variables, of which further pages have the session again.
type sessionPrinter interface {
	page(position uint64, page *wire.SessionsPage) error
	end(next string) error
	printed() int // sessions, or keys
}

func (f *sessionsFlags) printer(s *surroundings, one bool) sessionPrinter {
	if f.output == formatJSON {
		return &jsonSessions{out: s.stdout, one: one}
	}
	return &textSessions{s: s, one: one, keysOnly: f.keysOnly}
}

// textSessions prints columns, and below one session the keys of its variables.
type textSessions struct {
	s             *surroundings
	one, keysOnly bool
	pages, count  int
	widths        [5]int
}

func (p *textSessions) printed() int { return p.count }

// sessionColumns are those of a row. The last may have spaces.
var sessionColumns = [6]string{"id", "ttl", "left", "owns", "write", "client"}

func (p *textSessions) page(_ uint64, page *wire.SessionsPage) error {
	var b []byte
	if first := p.pages == 0; !p.keysOnly && (first || !p.one) {
		b = p.rows(page.Sessions, first)
	}
	p.pages++
	for _, key := range page.Keys {
		if !p.keysOnly {
			b = append(b, "  "...)
		}
		b = append(append(b, console.Escape(key)...), '\n')
	}
	if p.count += len(page.Sessions); p.one {
		p.count += len(page.Keys) - 1
	}
	_, err := p.s.stdout.Write(b)
	return err
}

func (p *textSessions) rows(sessions []wire.ListedSession, head bool) (b []byte) {
	var rows [][6]string
	if head && len(sessions) > 0 {
		rows = append(rows, sessionColumns)
	}
	for i := range sessions {
		l := &sessions[i]
		rows = append(rows, [6]string{
			decimal(l.ID), span(l.TTL), span(l.Left), decimal(l.Owned), decimal(l.Writes), console.Escape(clientOf(l)),
		})
	}
	for _, row := range rows {
		for i := range p.widths {
			p.widths[i] = max(p.widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	w := &p.widths
	for _, row := range rows {
		b = fmt.Appendf(b, "%*s  %*s  %*s  %*s  %*s  %s\n",
			w[0], row[0], w[1], row[1], w[2], row[2], w[3], row[3], w[4], row[4], row[5])
	}
	return b
}

// clientOf says whose a session is.
func clientOf(l *wire.ListedSession) string {
	if l.Address == "" {
		return cmp.Or(l.Name, "-")
	}
	return cmp.Or(l.Name, "-") + " at " + l.Address
}

func (p *textSessions) end(next string) error {
	if next != "" {
		p.s.complain("there are more sessions; continue with: dsm sessions --after %s", next)
	}
	return nil
}

// listedSession is a session, as JSON.
type listedSession struct {
	ID      uint64 `json:"id,string"`
	Name    string `json:"name"`
	Address string `json:"address"`
	TTL     string `json:"ttl"`
	Own     bool   `json:"own_ttl"`
	Left    string `json:"left"`
	Owns    uint64 `json:"owns"`
	Write   uint64 `json:"write,string"`
}

// ownedKey is a variable that a session owns, as JSON.
type ownedKey struct {
	Key      string `json:"key"`
	KeyBytes []byte `json:"key_base64,omitempty"` // where Key is not valid UTF-8
}

// jsonSessions prints one object.
type jsonSessions struct {
	out      io.Writer
	one      bool
	began    bool
	sessions int
	keys     int
}

func (p *jsonSessions) printed() int {
	if p.one {
		return p.keys
	}
	return p.sessions
}

func (p *jsonSessions) page(position uint64, page *wire.SessionsPage) error {
	var b []byte
	if !p.began {
		p.began = true
		b = fmt.Appendf(b, "{\n  \"position\": \"%d\",\n  \"sessions\": [", position)
	}
	if !p.one || p.sessions == 0 {
		for i := range page.Sessions {
			l := &page.Sessions[i]
			text, err := json.Marshal(listedSession{
				ID: l.ID, Name: l.Name, Address: l.Address, TTL: span(l.TTL), Own: l.Own, Left: span(l.Left), Owns: l.Owned, Write: l.Writes,
			})
			if err != nil {
				return err
			}
			if p.one {
				text = append(text[:len(text)-1], `,"variables":[`...)
			}
			b = p.element(b, &p.sessions, "\n    ", text)
		}
	}
	for _, key := range page.Keys {
		k := ownedKey{Key: key}
		if !utf8.ValidString(key) {
			k.KeyBytes = []byte(key)
		}
		text, err := json.Marshal(k)
		if err != nil {
			return err
		}
		b = p.element(b, &p.keys, "\n      ", text)
	}
	_, err := p.out.Write(b)
	return err
}

// element appends an element of a list, which has n so far.
func (p *jsonSessions) element(b []byte, n *int, indent string, text []byte) []byte {
	if *n > 0 {
		b = append(b, ',')
	}
	*n++
	return console.EscapeJSON(append(b, indent...), text)
}

func (p *jsonSessions) end(next string) error {
	text := "]"
	if p.sessions > 0 {
		text = "\n  ]"
	}
	if p.one {
		text = "]}" + text
	}
	if next != "" {
		text += fmt.Sprintf(",\n  \"next\": %q", next)
	}
	_, err := io.WriteString(p.out, text+"\n}\n")
	return err
}
