package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/seed-8247e700/dsm/internal/console"
)

// Sink writes until the first error. What a terminal could take for a command is
// escaped.
type Sink struct {
	w     io.Writer
	width int // of the terminal; 0: there is none, and what is written is plain
	Err   error
}

// NewSink returns a sink that writes for what w is.
func NewSink(w io.Writer) *Sink { return &Sink{w: w, width: console.Width(w)} }

// Printf writes text. What came before an error is all that is written.
func (s *Sink) Printf(format string, args ...any) {
	if s.Err == nil {
		_, s.Err = io.WriteString(s.w, console.EscapeLines(fmt.Sprintf(format, args...)))
	}
}

// plainWidth is how wide bars are where there is no terminal.
const plainWidth = 120

// room is how many characters bars have besides the text before them.
func (s *Sink) room(text int) int {
	if s.width == 0 {
		return plainWidth - text
	}
	return max(4, s.width-text)
}

// Verdict tells all that failed, and whether anything did.
func (s *Sink) Verdict(failures []string) {
	for _, failure := range failures {
		s.Printf("failed: %s\n", failure)
	}
	if len(failures) == 0 {
		s.Printf("PASS\n")
	} else {
		s.Printf("FAIL\n")
	}
}

// WriteJSON writes a report as one document.
func WriteJSON(w io.Writer, report any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(report)
}

// Table writes a table, unless it has no rows.
func (s *Sink) Table(t console.Table) {
	if s.Err == nil && len(t.Rows) > 0 {
		s.Err = t.Write(s.w, s.width)
	}
}

// Columns are those of a table whose first column is text, and all others numbers.
func Columns(first string, numbers ...string) []console.Column {
	list := []console.Column{{Name: first}}
	for _, name := range numbers {
		list = append(list, console.Column{Name: name, Number: true})
	}
	return list
}
