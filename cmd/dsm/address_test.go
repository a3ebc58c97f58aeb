package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
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
	write := func(addr string) *addrClaim {
		t.Helper()
		claim, err := f.write(addr)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != addr+"\n" {
			t.Errorf("the file has %q, %v", text, err)
		}
		return claim
	}
	end := func(claim *addrClaim) {
		t.Helper()
		if err := claim.end(); err != nil {
			t.Error(err)
		}
	}
	first := write("127.0.0.1:7000")
	if runtime.GOOS != "windows" {
		const want = "holds the address of a running process, 127.0.0.1:7000: name another"
		_, writeErr := f.write("127.0.0.1:7001")
		for what, err := range map[string]error{"check": f.check(), "clear": f.clear(), "write": writeErr} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s of a file that another process has: %v", what, err)
			}
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "127.0.0.1:7000\n" {
		t.Errorf("the file has %q, %v", text, err)
	}
	end(first)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}

	// Somebody removes the file while its process runs, and another takes the name.
	first = write("127.0.0.1:7000")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second := write("127.0.0.1:7001")
	end(first)
	if text, err := os.ReadFile(path); err != nil || string(text) != "127.0.0.1:7001\n" {
		t.Errorf("the file has %q, %v", text, err)
	}
	end(second)

	// One of a process that has crashed is cleared away.
	if err := os.WriteFile(path, []byte("127.0.0.1:7000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := errors.Join(f.check(), f.clear()); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	if _, err := addrFile(filepath.Join(dir, "no", "addr")).write("x"); err == nil {
		t.Error("a directory that does not exist is no error")
	}
	none := addrFile("")
	claim, err := none.write("x")
	if err = errors.Join(err, claim.end(), none.clear()); err != nil {
		t.Error(err)
	}
}
