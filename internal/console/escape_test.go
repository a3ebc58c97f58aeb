package console

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

func TestEscape(t *testing.T) {
	for _, test := range []struct{ in, want, lines string }{
		{"plain text, äöü 日本", "plain text, äöü 日本", "plain text, äöü 日本"},
		{"\x1b[2J", `\x1b[2J`, `\x1b[2J`},
		{"a\nb\tc\r", `a\nb\tc\r`, "a\nb\tc\\r"},
		{"\u009b2J", `\u009b2J`, `\u009b2J`},
		{"\x9b2J", `\x9b2J`, `\x9b2J`}, // C1 as a byte: not UTF-8
		{"\x7f\x00\a", `\x7f\x00\a`, `\x7f\x00\a`},
		{"a\u202eb\u2066", `a\u202eb\u2066`, `a\u202eb\u2066`},
		{"\ufffd", "\ufffd", "\ufffd"},
		{"\u2028\ufeff\u200b", `\u2028\ufeff\u200b`, `\u2028\ufeff\u200b`},
		{"\U000e0041", `\U000e0041`, `\U000e0041`},
		{`back\slash "quoted"`, `back\slash "quoted"`, `back\slash "quoted"`},
		{"", "", ""},
	} {
		if got := Escape(test.in); got != test.want {
			t.Errorf("Escape(%q) = %q, want %q", test.in, got, test.want)
		}
		if got := EscapeLines(test.in); got != test.lines {
			t.Errorf("EscapeLines(%q) = %q, want %q", test.in, got, test.lines)
		}
	}
}

func TestShort(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"ab", "ab"}, {"abc", "abc"}, {"abcd", "abc..."}, {"äöüß", "äöü..."}, {"a\x1bcd", `a\x1bc...`},
	} {
		if got := Short(test.in, 3); got != test.want {
			t.Errorf("Short(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

// The text is another, what it says is the same.
func TestEscapeJSON(t *testing.T) {
	value := map[string]string{"k\u009b": "\x7f\x1b\u202e\U000e0041 äöü\n<&>"}
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	escaped := EscapeJSON(nil, text)
	if want := `"\u007f\u001b\u202e\udb40\udc41 äöü\n`; !bytes.Contains(escaped, []byte(want)) {
		t.Errorf("it is %s, without %s", escaped, want)
	}
	var back map[string]string
	if err := json.Unmarshal(escaped, &back); err != nil || back["k\u009b"] != value["k\u009b"] {
		t.Errorf("it reads %q, %v", back, err)
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("\x1b[2J\u009b\x9b\x7f\u202e\xff\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range Escape(text) {
			if !unicode.IsPrint(r) {
				t.Errorf("Escape(%q) has %q", text, r)
			}
		}
		data, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var before, after string
		escaped := EscapeJSON(nil, data)
		if err := json.Unmarshal(data, &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(escaped, &after); err != nil || after != before {
			t.Errorf("%s reads %q, want %q (%v)", escaped, after, before, err)
		}
	})
}

func TestWriters(t *testing.T) {
	var out strings.Builder
	if n, err := LineWriter(&out).Write([]byte("a\x7fb\n")); n != 4 || err != nil || out.String() != "a\\x7fb\n" {
		t.Errorf("%d, %v, %q", n, err, out.String())
	}
	out.Reset()
	if n, err := JSONWriter(&out).Write([]byte("\"\x7f\"\n")); n != 4 || err != nil || out.String() != "\"\\u007f\"\n" {
		t.Errorf("%d, %v, %q", n, err, out.String())
	}
}
