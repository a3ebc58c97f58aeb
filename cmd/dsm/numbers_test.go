package main

import (
	"slices"
	"strings"
	"testing"
)

func TestNumbersLast(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"add k -5", "add k -- -5"},
		{"add k -5 --dsn d", "add k --dsn d -- -5"},
		{"add -5 k", "add -- -5 k"},
		{"add -o json k -5", "add -o json k -- -5"},
		{"add k -5 -o=json -6", "add k -o=json -- -5 -6"},
		{"add k -- -5", "add k -- -5"},
		{"add -5 -- -6", "add -- -5 -6"},
		{"add k 5", "add k 5"},
		{"add k -x", "add k -x"},
		{"set k -", "set k -"},
		{"set k -5 --timeout -1s", "set k --timeout -1s -- -5"},
		{"cas k v --version -1", "cas k v --version -1"},
		{"get --strong -5", "get --strong -- -5"},
		{"frobnicate -5", "frobnicate -- -5"},
		{"", ""},
	} {
		got := numbersLast(newRoot(&surroundings{}), strings.Fields(test.in))
		if !slices.Equal(got, strings.Fields(test.want)) {
			t.Errorf("%q becomes %q, want %q", test.in, got, test.want)
		}
	}
}
