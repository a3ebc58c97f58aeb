package console

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	names := strings.Fields("server registry get set del add cas ls status version help completion")
	for _, test := range []struct{ word, want string }{
		{"gte", "get"},
		{"sttaus", "status"},
		{"stat", "status"},
		{"regisrty", "registry"},
		{"sevrer", "server"},
		{"st", "set"},
		{"sett", "set"},
		{"GET", "get"},
		{"verison", "version"},
		{"frobnicate", ""},
		{"x", ""},
		{"", ""},
		{"l", "ls"},
		{"sl", "ls"},
		{strings.Repeat("g", 1000), ""},
	} {
		if got := Nearest(test.word, names); got != test.want {
			t.Errorf("%q: %q, want %q", test.word, got, test.want)
		}
	}
}
