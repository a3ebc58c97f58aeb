package history

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendText appends s as a JSON string, each byte of invalid UTF-8 as the
// escape \udcXX.
func appendText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
			i++
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			i++
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			i++
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, '\\', 'u', 'd', 'c', hexDigits[c>>4], hexDigits[c&15])
			} else {
				dst = append(dst, s[i:i+size]...)
			}
			i += size
		}
	}
	return append(dst, '"')
}

// text is a string that reads what appendText writes.
type text string

// UnmarshalJSON puts the bytes back that appendText escaped as \udcXX, which
// encoding/json would replace.
func (t *text) UnmarshalJSON(b []byte) error {
	if !bytes.Contains(b, []byte(`\udc`)) {
		return json.Unmarshal(b, (*string)(t))
	}
	var out, plain []byte
	flush := func() error {
		var s string
		if err := json.Unmarshal(append(append([]byte{'"'}, plain...), '"'), &s); err != nil {
			return err
		}
		out, plain = append(out, s...), plain[:0]
		return nil
	}
	for b = b[1 : len(b)-1]; len(b) > 0; {
		n := 1
		if b[0] == '\\' {
			n = 2 // the escaped character belongs to its backslash
		}
		if !bytes.HasPrefix(b, []byte(`\udc`)) {
			plain, b = append(plain, b[:n]...), b[n:]
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		v, err := strconv.ParseUint(string(b[4:6]), 16, 8)
		if err != nil {
			return fmt.Errorf("history: bad escape in a key: %w", err)
		}
		out, b = append(out, byte(v)), b[6:]
	}
	if err := flush(); err != nil {
		return err
	}
	*t = text(out)
	return nil
}

// appendBase64 appends v as a JSON string in base64, or null if v is nil.
func appendBase64(dst, v []byte) []byte {
	if v == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, v)
	return append(dst, '"')
}

// appendNumber appends n's decimal text in base64.
func appendNumber(dst []byte, n int64) []byte {
	var text [20]byte
	return appendBase64(dst, strconv.AppendInt(text[:0], n, 10))
}
