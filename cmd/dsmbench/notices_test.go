package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// With -o json all of stderr is JSON, a line each, and stdout is one object.
func TestJSONOnly(t *testing.T) {
	for _, args := range []string{
		"-o json -nodes 2 -duration 100ms -warmup 0s -keys 100 -clients 4",
		"-o json -nodes x", "-o json jion", "-o json -nodes 1 -target dsm://127.0.0.1:1 -duration 100ms",
	} {
		var stdout, stderr strings.Builder
		run(t.Context(), strings.Fields(args), &stdout, &stderr)
		if stdout.Len() > 0 && !json.Valid([]byte(stdout.String())) {
			t.Errorf("dsmbench %s: stdout is no JSON: %q", args, stdout.String())
		}
		if stderr.Len() == 0 {
			t.Errorf("dsmbench %s: stderr is empty", args)
		}
		for line := range strings.Lines(stderr.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("dsmbench %s: on stderr there is %q", args, line)
			}
		}
	}
}

func TestNotices(t *testing.T) {
	for _, test := range []struct {
		asJSON bool
		want   string
	}{
		{false, "dsmbench: a\\x1b[2J日\nnode\n" + strings.Repeat("x", maxNotice) + "\nend\n"},
		{true, `{"notice":"a\u001b[2J日"}` + "\n" + `{"notice":"node"}` + "\n" + `{"notice":"` + strings.Repeat("x", maxNotice) + `"}` + "\n" + `{"notice":"end"}` + "\n"},
	} {
		var out strings.Builder
		n := &notices{w: &out, asJSON: test.asJSON}
		for _, part := range []string{"dsmbench: a\x1b[2J\xe6", "\x97\xa5\nno", "de\n", strings.Repeat("x", maxNotice), "end"} {
			if _, err := io.WriteString(n, part); err != nil {
				t.Fatal(err)
			}
		}
		n.flush()
		if out.String() != test.want {
			t.Errorf("it is %q, want %q", out.String(), test.want)
		}
	}
}
