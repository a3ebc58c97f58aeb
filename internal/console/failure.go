package console

import (
	"encoding/json"
	"io"
	"strings"
)

// Failure is why a command failed, in the form that docs/json.md describes.
type Failure struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	ExitStatus int    `json:"exit_status"`
	Version    string `json:"version,omitempty"` // with conflict: of the variable, 0 if there is none
}

// Write writes f as a line of JSON. There is nobody to tell when that fails.
func (f Failure) Write(w io.Writer) {
	writeLine(w, struct {
		Error Failure `json:"error"`
	}{f})
}

// WriteWarning writes a text, after which the command goes on, as a line of JSON.
func WriteWarning(w io.Writer, text string) {
	writeLine(w, struct {
		Warning string `json:"warning"`
	}{text})
}

func writeLine(w io.Writer, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // structs of strings and numbers
	}
	_, _ = w.Write(append(EscapeJSON(nil, text), '\n'))
}

// OneLine is a text of an error, which may have parts that others have made up, as
// it may be shown on a terminal.
func OneLine(text string) string { return Escape(strings.ReplaceAll(text, "\n", "; ")) }
