//go:build planted

package planted

import (
	"flag"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// propertyCases bounds how many random cases may pass before one shows a bug.
const propertyCases = 20_000

// Property holds that a property, which check tests by rapid.Check, sees the
// bug, and how many random cases that takes. The same cases must pass without
// the bug. They are the same in every run, and the one that fails is not
// shrunk.
func Property(t testing.TB, b Bug, name string, check func(testing.TB)) {
	t.Helper()
	setFlag(t, "rapid.seed", "1")
	setFlag(t, "rapid.checks", strconv.Itoa(propertyCases))
	setFlag(t, "rapid.shrinktime", "0s")
	setFlag(t, "rapid.nofailfile", "true")
	With(t, b)
	complaint := Complaint(t, check)
	passed := 0
	if n, _ := fmt.Sscanf(complaint, "[rapid] failed after %d tests", &passed); n != 1 {
		if n, _ = fmt.Sscanf(complaint, "[rapid] panic after %d tests", &passed); n != 1 {
			t.Fatalf("%s did not find the bug: %q", name, complaint)
		}
	}
	_, why, _ := strings.Cut(complaint, "tests: ")
	why, _, _ = strings.Cut(why, "\n")
	Caught(t, b, fmt.Sprintf("%s, with case %d: %s", name, passed+1, why))
	Set(b, false)
	setFlag(t, "rapid.checks", strconv.Itoa(passed+1))
	if complaint := Complaint(t, check); complaint != "" {
		t.Errorf("%s, without the bug: %s", name, complaint)
	}
}

// setFlag sets a flag of the test binary until the test ends.
func setFlag(t testing.TB, name, value string) {
	t.Helper()
	f := flag.Lookup(name)
	if f == nil {
		t.Fatalf("this test binary has no flag -%s", name)
	}
	before := f.Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := flag.Set(name, before); err != nil {
			t.Error(err)
		}
	})
}

// Complaint runs a check, which is written as for a test, without failing t, and
// returns the first thing it complains about: "" if it passes.
func Complaint(t testing.TB, check func(testing.TB)) string {
	c := &complainant{TB: t}
	done := make(chan struct{})
	go func() { // of its own, for FailNow to end
		defer close(done)
		defer func() {
			if reason := recover(); reason != nil {
				c.complain(fmt.Sprintf("panic: %v", reason))
			}
		}()
		check(c)
	}()
	<-done
	return c.first
}

// complainant stands in for a test, for one goroutine.
type complainant struct {
	testing.TB
	first string
}

func (c *complainant) complain(text string) {
	if c.first == "" {
		c.first = text
	}
}

func (c *complainant) Helper()                   {}
func (c *complainant) Log(...any)                {}
func (c *complainant) Logf(string, ...any)       {}
func (c *complainant) Error(args ...any)         { c.complain(fmt.Sprint(args...)) }
func (c *complainant) Errorf(f string, a ...any) { c.complain(fmt.Sprintf(f, a...)) }
func (c *complainant) Fail()                     { c.complain("failed") }
func (c *complainant) Failed() bool              { return c.first != "" }

func (c *complainant) FailNow() {
	c.Fail()
	runtime.Goexit()
}

func (c *complainant) Fatal(args ...any) {
	c.Error(args...)
	runtime.Goexit()
}

func (c *complainant) Fatalf(f string, a ...any) {
	c.Errorf(f, a...)
	runtime.Goexit()
}
