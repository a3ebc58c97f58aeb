package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"sync"

	"github.com/seed-8247e700/dsm/internal/console"
)

// maxNotice bounds a line of which the end has not come yet.
const maxNotice = 64 << 10

// notices takes what a run says of its progress, and what its nodes say, those in
// processes of their own too. Whole lines go on to w: escaped as a terminal may show
// them, or, with asJSON, as objects {"notice":"..."}, so that stderr has JSON only.
type notices struct {
	w      io.Writer
	asJSON bool

	mu   sync.Mutex // guards rest
	rest []byte     // a line of which the end has not come yet
}

// Write takes all of text.
func (n *notices) Write(text []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rest = append(n.rest, text...)
	for {
		end := bytes.IndexByte(n.rest, '\n')
		if end < 0 && len(n.rest) < maxNotice {
			return len(text), nil
		} else if end < 0 {
			end = len(n.rest) - 1
		}
		n.lineLocked(string(n.rest[:end+1]))
		n.rest = n.rest[end+1:]
	}
}

// flush writes what had no end of line.
func (n *notices) flush() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.rest) > 0 {
		n.lineLocked(string(n.rest))
		n.rest = nil
	}
}

// lineLocked writes a line. There is nobody to tell when that fails.
func (n *notices) lineLocked(line string) {
	line = strings.TrimSuffix(line, "\n")
	if !n.asJSON {
		_, _ = n.w.Write([]byte(console.EscapeLines(line) + "\n"))
		return
	}
	text, err := json.Marshal(map[string]string{"notice": strings.TrimPrefix(line, "dsmbench: ")})
	if err != nil {
		panic(err) // a string
	}
	_, _ = n.w.Write(append(console.EscapeJSON(nil, text), '\n'))
}
