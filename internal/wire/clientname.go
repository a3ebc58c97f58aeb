package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxClientBytes is the longest name, and the longest address, of a client.
const MaxClientBytes = 64

// CleanClient returns a name or an address as an OpOpenSession may have it: valid
// UTF-8 without control characters, of at most MaxClientBytes. What may not stand in
// it becomes a question mark, and what is too long is cut off.
func CleanClient(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return '?'
		}
		return r
	}, name)
	for len(clean) > MaxClientBytes {
		_, last := utf8.DecodeLastRuneInString(clean)
		clean = clean[:len(clean)-last]
	}
	return clean
}

// ClientExtra returns the Extra of a client's Hello: whether it accepts stale reads,
// and what it calls itself, which CleanClient cleans.
func ClientExtra(stale bool, name string) []byte {
	if !stale && name == "" {
		return nil
	}
	flags := byte(0)
	if stale {
		flags = StaleReads
	}
	return append([]byte{flags}, CleanClient(name)...)
}

// ClientName returns what a client calls itself, clean, and "" if it does not.
func (h *Hello) ClientName() string {
	if h.Role != RoleClient || len(h.Extra) == 0 {
		return ""
	}
	return CleanClient(string(h.Extra[1:]))
}
