package main

import (
	"bytes"
	"testing"
)

func TestShow(t *testing.T) {
	for _, test := range []struct {
		key   string
		value []byte
		want  string
	}{
		{"k", []byte("<v>"), `"key": "k", "value": "PHY+", "text": "<v>", "version": "3", "position": "4"`},
		{"k", []byte{}, `"key": "k", "value": "", "text": "", "version": "3", "position": "4"`},
		{"k", nil, `"key": "k", "version": "3", "position": "4"`},
		{"k", []byte{0xff}, `"key": "k", "value": "/w==", "version": "3", "position": "4"`},
		{"k", []byte("\x1b\x7f\u009b\u202e"), `"key": "k", "value": "G3/Cm+KArg==", "text": "\u001b\u007f\u009b\u202e", "version": "3", "position": "4"`},
		{"\xff", nil, `"key": "\ufffd", "key_base64": "/w==", "version": "3", "position": "4"`},
	} {
		var out bytes.Buffer
		s := &surroundings{stdout: &out}
		if err := s.show(format{formatJSON}, "3", newResult(test.key, test.value, 3, 4)); err != nil {
			t.Fatal(err)
		}
		got := string(bytes.ReplaceAll(bytes.ReplaceAll(out.Bytes(), []byte(",\n  "), []byte(", ")), []byte("\n"), nil))
		if got != "{  "+test.want+"}" {
			t.Errorf("%q = %q shows as %s, want %s", test.key, test.value, got, test.want)
		}
	}
}
