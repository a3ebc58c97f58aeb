package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestLockOfASecret(t *testing.T) {
	if (Secret{}).Lock() != (Lock{}) {
		t.Error("no secret has a lock")
	}
	one, two := Secret{1}.Lock(), Secret{15: 1}.Lock()
	if one == two || one == (Lock{}) || one == Lock(Secret{1}) || one != (Secret{1}).Lock() {
		t.Errorf("locks %x and %x", one, two)
	}
	// It is part of the ordered state: releases must agree on it.
	if got := fmt.Sprintf("%x", one); got != "9e63315e3c13437be362fe18bfd09a3d" {
		t.Errorf("the lock is %s", got)
	}
	for _, tc := range []struct {
		shown, of Lock
		opens     bool
	}{
		{one, one, true}, {one, two, false}, {Lock{}, one, false}, {one, Lock{}, true}, {Lock{}, Lock{}, true},
	} {
		if tc.shown.Opens(tc.of) != tc.opens {
			t.Errorf("%x opens %x: %v", tc.shown, tc.of, !tc.opens)
		}
	}
}

// What prints a secret does not show it.
func TestSecretIsNotPrinted(t *testing.T) {
	h := Hello{Role: RoleClient, Secret: Secret{123, 124, 125}}
	for _, text := range []string{fmt.Sprint(h), fmt.Sprintf("%+v %v %s", h, &h, h.Secret)} {
		if strings.Contains(text, "123") || strings.Contains(text, "7b7c") {
			t.Errorf("printed as %s", text)
		}
	}
}

func TestLockedValue(t *testing.T) {
	l := Lock{1, 15: 2}
	value := AppendLocked(nil, l, "10.0.0.1")
	if got, address, ok := CutLocked(value); got != l || string(address) != "10.0.0.1" || !ok {
		t.Errorf("%x, %q, %v", got, address, ok)
	}
	if _, address, ok := CutLocked(value[:16]); len(address) != 0 || !ok {
		t.Errorf("without an address: %q, %v", address, ok)
	}
	for _, value := range [][]byte{nil, value[:15], make([]byte, 20)} {
		if l, address, ok := CutLocked(value); ok || l != (Lock{}) || address != nil {
			t.Errorf("% x: %x, %q, %v", value, l, address, ok)
		}
	}
}

// A client without a secret greets as before there were any, and each release reads the
// other's greeting.
func TestSecretInHello(t *testing.T) {
	hello := Hello{Role: RoleClient, MinVersion: 1, MaxVersion: 4, Extra: ClientExtra(false, "app")}
	var before, with bytes.Buffer
	if err := WriteHello(&before, hello); err != nil {
		t.Fatal(err)
	}
	hello.Secret = Secret{7, 15: 9}
	if err := WriteHello(&with, hello); err != nil {
		t.Fatal(err)
	}
	const head = len(Magic) + HeaderBytes
	if a, b := before.Bytes()[head:], with.Bytes()[head:]; !bytes.Equal(append(bytes.Clone(a), hello.Secret[:]...), b) {
		t.Errorf("% x, with a secret % x", a, b)
	}
	cut := with.Bytes()[:with.Len()-1]
	cut[len(Magic)]--
	if h, err := ReadHello(bytes.NewReader(cut)); err != nil || h.Secret != (Secret{}) {
		t.Errorf("cut short: %+v, %v", h, err)
	}
}
