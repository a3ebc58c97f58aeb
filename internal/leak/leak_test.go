package leak

import (
	"strings"
	"testing"
	"time"
)

func TestLeft(t *testing.T) {
	if left := Left(patience); left != "" {
		t.Fatalf("before anything was started:\n%s", left)
	}
	end := make(chan struct{})
	ended := make(chan struct{})
	go outlive(end, ended)
	if left := Left(time.Millisecond); !strings.Contains(left, "leak.TestLeft") {
		t.Errorf("a goroutine that is there is not seen: %q", left)
	}
	close(end)
	<-ended
	if left := Left(patience); left != "" {
		t.Errorf("after its end:\n%s", left)
	}
}

func outlive(end, ended chan struct{}) {
	<-end
	close(ended)
}

type tests int

func (c tests) Run() int { return int(c) }

func TestChecked(t *testing.T) {
	if code := Checked(tests(0)).Run(); code != 0 {
		t.Errorf("without a leak: %d", code)
	}
	if code := Checked(tests(2)).Run(); code != 2 {
		t.Errorf("failed tests: %d", code)
	}
	end := make(chan struct{})
	ended := make(chan struct{})
	go outlive(end, ended)
	if code := (checked{m: tests(0), within: time.Millisecond}).Run(); code != 1 {
		t.Errorf("with a leak: %d", code)
	}
	close(end)
	<-ended
}
