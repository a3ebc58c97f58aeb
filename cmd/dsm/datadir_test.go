package main

import "testing"

func TestIdentityDir(t *testing.T) {
	t.Setenv("HOME", "/home/u")
	for _, test := range []struct{ state, id, want string }{
		{"/state", "n1", "/state/dsm/n1"},
		{"", "n1", "/home/u/.local/state/dsm/n1"},
		{"relative", "n1", "/home/u/.local/state/dsm/n1"},
		{"/state", "..", ""},
		{"/state", ".", ""},
		{"/state", "a/b", ""},
	} {
		t.Setenv("XDG_STATE_HOME", test.state)
		if got, err := identityDir(test.id); got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("with XDG_STATE_HOME=%q node %q has %q (%v), want %q", test.state, test.id, got, err, test.want)
		}
	}
}
