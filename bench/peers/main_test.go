package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/peers/compare"
)

// TestMain has the test binary be the child of a run.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == cluster.ChildCommand {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"-rounds", "5", "-duration", "2s", "-only", "^w256/", "-json", "x.json"}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if c := o.cfg; c.Rounds != 5 || c.Duration != 2*time.Second || c.Warmup != time.Second || c.Only.String() != "^w256/" || o.out.json != "x.json" {
		t.Errorf("%+v", o)
	}
}

func TestUsage(t *testing.T) {
	for _, line := range []string{
		"-rounds 0", "-duration 0s", "-warmup -1s", "-only (", "-only nothing", "word", "-unknown",
		"-watch -1s", "-server-procs -1", "-aims nowhere.json", "-aims main.go", "-only limit-echo", "-list -from x",
	} {
		var stderr bytes.Buffer
		if got := run(t.Context(), strings.Fields(line), &bytes.Buffer{}, &stderr); got != exitUsage || stderr.Len() == 0 {
			t.Errorf("%s: status %d, %q", line, got, stderr.String())
		}
	}
}

func TestList(t *testing.T) {
	var stdout bytes.Buffer
	if got := run(t.Context(), []string{"-list", "-only", "^e[wr].*/raft"}, &stdout, &stdout); got != exitDone {
		t.Errorf("status %d", got)
	}
	if got := strings.Count(stdout.String(), "\n"); got != 3 {
		t.Errorf("%d lines:\n%s", got, stdout.String())
	}
}

// TestLimits makes a whole run with processes, of what needs nothing but this
// program, and then reports it again from the file.
func TestLimits(t *testing.T) {
	dir := t.TempDir()
	file, markdown, document := filepath.Join(dir, "peers.json"), filepath.Join(dir, "peers.md"), filepath.Join(dir, "doc.md")
	if err := os.WriteFile(document, []byte("# Title\n"+compare.BlockBegin+"\n"+compare.BlockEnd+"\nrest\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	args := []string{
		"-rounds", "1", "-duration", "50ms", "-warmup", "0s", "-condition", "0s", "-watch", "10ms", "-aims", "aims.json",
		"-only", "limit-(echo|fanout)$", "-json", file, "-markdown", markdown, "-update", document,
	}
	if got := run(t.Context(), args, &stdout, &stderr); got != exitDone {
		t.Fatalf("status %d:\n%s", got, stderr.String())
	}
	if !strings.Contains(stdout.String(), "3 round trips (echo)") {
		t.Errorf("no table:\n%s", stdout.String())
	}
	if !strings.Contains(stderr.String(), "This takes about ") {
		t.Errorf("no estimate:\n%s", stderr.String())
	}
	text, err := os.ReadFile(markdown)
	if err != nil {
		t.Fatal(err)
	}
	verdict, _, _ := strings.Cut(string(text), "\n")
	if !strings.HasPrefix(verdict, "Quiet machine.") && !strings.HasPrefix(verdict, "NOISY machine") {
		t.Errorf("the first line is %q", verdict)
	}
	if strings.Contains(string(text), "Aims") {
		t.Errorf("what users see has aims:\n%s", text)
	}
	for name, want := range map[string]string{file: verdict, document: "# Title\n" + compare.BlockBegin + "\n\n" + verdict} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), want) {
			t.Errorf("%s does not have %q:\n%s", name, want, content)
		}
	}
	var again bytes.Buffer
	if got := run(t.Context(), []string{"-from", file, "-aims", "aims.json"}, &again, &stderr); got != exitDone || again.String() != stdout.String() {
		t.Errorf("status %d, and from the file:\n%s\nnot:\n%s", got, again.String(), stdout.String())
	}
}

// TestInterruptedRunUpdatesNothing: a document keeps the last whole report.
func TestInterruptedRunUpdatesNothing(t *testing.T) {
	document := filepath.Join(t.TempDir(), "doc.md")
	before := compare.BlockBegin + "\nwhole\n" + compare.BlockEnd + "\n"
	if err := os.WriteFile(document, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	o := outputs{update: document}
	report := &compare.Report{SetUp: compare.SetUp{Interrupted: true}}
	if err := o.write(report, nil, io.Discard); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("the error is %v", err)
	}
	after, err := os.ReadFile(document)
	if err != nil || string(after) != before {
		t.Errorf("%s, %v", after, err)
	}
	report.SetUp.Interrupted = false
	if err := o.write(report, nil, io.Discard); err != nil {
		t.Error(err)
	}
	if after, err = os.ReadFile(document); err != nil || string(after) == before {
		t.Errorf("%s, %v", after, err)
	}
}

// TestOutputsAreCheckedFirst: a run of 22 minutes does not end with a file that
// cannot be written.
func TestOutputsAreCheckedFirst(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain.md")
	if err := os.WriteFile(plain, []byte("no block\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"-json", filepath.Join(dir, "nowhere", "x.json")}, {"-markdown", dir}, {"-update", plain}, {"-update", filepath.Join(dir, "none.md")},
	} {
		var stdout, stderr bytes.Buffer
		if got := run(t.Context(), args, &stdout, &stderr); got != exitFail || strings.Contains(stderr.String(), "This takes") {
			t.Errorf("%v: status %d:\n%s", args, got, stderr.String())
		}
	}
	fresh := filepath.Join(dir, "fresh.json")
	if err := writable(fresh); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(fresh); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("looking has left a file: %v", err)
	}
}

// TestInterrupt: a run that is ended before it has measured anything says so.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	if got := run(ctx, []string{"-aims", "aims.json", "-only", "limit-map"}, &out, &out); got != exitFail || !strings.Contains(out.String(), "canceled") {
		t.Errorf("status %d:\n%s", got, out.String())
	}
}
