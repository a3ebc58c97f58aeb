package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCheckAddresses(t *testing.T) {
	for _, test := range []struct {
		addr             string
		listened, dialed bool
	}{
		{"127.0.0.1:7000", true, true},
		{"[::1]:7000", true, true},
		{"host:7000", true, true},
		{":7000", true, false},
		{"127.0.0.1:0", true, false},
		{"127.0.0.1", false, false},
		{"127.0.0.1:", false, false},
		{"127.0.0.1:65536", false, false},
		{"127.0.0.1:http", false, false},
		{"", false, false},
	} {
		if err := checkListened("--listen", test.addr); (err == nil) != test.listened {
			t.Errorf("to listen on %q: %v", test.addr, err)
		}
		if err := checkDialled("--registry", test.addr); (err == nil) != test.dialed {
			t.Errorf("to dial %q: %v", test.addr, err)
		}
	}
}

func TestReachable(t *testing.T) {
	for listener, want := range map[string]string{
		"127.0.0.1:7000": "127.0.0.1:7000", "192.0.2.1:7000": "192.0.2.1:7000",
		"[::]:7000": "127.0.0.1:7000", "0.0.0.0:7000": "127.0.0.1:7000",
	} {
		if got := reachable(listener); got != want {
			t.Errorf("%s is reached at %s, want %s", listener, got, want)
		}
	}
}

func TestAddrFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "addr")
	f := addrFile(path)
	for range 2 {
		if err := f.write("127.0.0.1:7000"); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != "127.0.0.1:7000\n" {
			t.Errorf("the file has %q, %v", text, err)
		}
	}
	for range 2 {
		if err := f.clear(); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	if err := addrFile(filepath.Join(dir, "no", "addr")).write("x"); err == nil {
		t.Error("a directory that does not exist is no error")
	}
	none := addrFile("")
	if err := none.write("x"); err != nil {
		t.Error(err)
	}
	if err := none.clear(); err != nil {
		t.Error(err)
	}
}
