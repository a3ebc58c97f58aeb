package console

import (
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape returns text on one line, in which everything that cannot be seen is
// written as in a Go string: control characters, DEL and the C1 controls
// included, marks that change the direction of writing, bytes that are not
// UTF-8. A terminal shows the result and does nothing else.
func Escape(text string) string { return escape(text, "") }

// EscapeLines is Escape for text of several lines: line feeds and tabs stay.
func EscapeLines(text string) string { return escape(text, "\n\t") }

func escape(text, kept string) string {
	clean := true
	for _, r := range text {
		if !visible(r) && !strings.ContainsRune(kept, r) || r == utf8.RuneError {
			clean = false
			break
		}
	}
	if clean {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			b.WriteString(`\x` + strconv.FormatUint(uint64(text[i])|0x100, 16)[1:])
		case visible(r), strings.ContainsRune(kept, r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// visible reports whether a terminal shows r as a character of its own.
func visible(r rune) bool { return unicode.IsPrint(r) }

// Short returns text as Escape does, cut after about most characters.
func Short(text string, most int) string {
	count := 0
	for i := range text {
		if count == most {
			return Escape(text[:i]) + "..."
		}
		count++
	}
	return Escape(text)
}

// EscapeJSON appends to dst a JSON text, in which every string has what Escape
// would change as \u and four digits. Line feeds between values stay.
func EscapeJSON(dst, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '\n' || visible(r):
			dst = append(dst, text[:size]...)
		case r > 0xffff:
			r -= 0x10000
			dst = appendU(appendU(dst, 0xd800+r>>10), 0xdc00+r&0x3ff)
		default:
			dst = appendU(dst, r)
		}
		text = text[size:]
	}
	return dst
}

func appendU(dst []byte, r rune) []byte {
	return append(dst, `\u`+strconv.FormatUint(uint64(r)|0x10000, 16)[1:]...)
}

// LineWriter returns a writer that escapes what is written as EscapeLines does.
// Each call of Write must have whole characters, as those of package log/slog
// have.
func LineWriter(w io.Writer) io.Writer {
	return newChanging(func(text []byte) []byte { return []byte(EscapeLines(string(text))) }, w)
}

// JSONWriter returns a writer that escapes what is written as EscapeJSON does.
func JSONWriter(w io.Writer) io.Writer {
	return newChanging(func(text []byte) []byte { return EscapeJSON(nil, text) }, w)
}

// changing is a writer that changes what is written.
type changing struct {
	change func([]byte) []byte
	w      io.Writer
}

func newChanging(change func([]byte) []byte, w io.Writer) io.Writer { return &changing{change, w} }

// Write writes all of text, changed, or returns an error.
func (c *changing) Write(text []byte) (int, error) {
	if _, err := c.w.Write(c.change(text)); err != nil {
		return 0, err
	}
	return len(text), nil
}
