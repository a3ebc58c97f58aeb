package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

// TestMain has the test binary be the child of a run.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == systems.ChildCommand {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"-rounds", "5", "-duration", "2s", "-only", "^w256/", "-json", "x.json"}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if c := o.cfg; c.Rounds != 5 || c.Duration != 2*time.Second || c.Warmup != time.Second || c.Only.String() != "^w256/" || o.json != "x.json" {
		t.Errorf("%+v", o)
	}
}

func TestUsage(t *testing.T) {
	for _, line := range []string{
		"-rounds 0", "-duration 0s", "-warmup -1s", "-only (", "-only nothing", "word", "-unknown",
	} {
		var stderr bytes.Buffer
		if got := run(t.Context(), strings.Fields(line), &bytes.Buffer{}, &stderr); got != exitUsage || stderr.Len() == 0 {
			t.Errorf("%s: status %d, %q", line, got, stderr.String())
		}
	}
}

func TestList(t *testing.T) {
	var stdout bytes.Buffer
	if got := run(t.Context(), []string{"-list", "-only", "raft"}, &stdout, &stdout); got != exitDone {
		t.Errorf("status %d", got)
	}
	if got := strings.Count(stdout.String(), "\n"); got != 3 {
		t.Errorf("%d lines:\n%s", got, stdout.String())
	}
}

// TestLimits makes a whole run with processes, of what needs nothing but this program.
func TestLimits(t *testing.T) {
	file := filepath.Join(t.TempDir(), "peers.json")
	var stdout, stderr bytes.Buffer
	args := []string{
		"-rounds", "1", "-duration", "50ms", "-warmup", "0s", "-condition", "0s", "-only", "limit-(echo|fanout)$", "-json", file,
	}
	if got := run(t.Context(), args, &stdout, &stderr); got != exitDone {
		t.Fatalf("status %d:\n%s", got, stderr.String())
	}
	if !strings.Contains(stdout.String(), "round trips (limit-echo)") {
		t.Errorf("no table:\n%s", stdout.String())
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var kept struct {
		Measurements []struct {
			Result struct {
				PerSecond float64 `json:"per_second"`
			} `json:"result"`
		} `json:"measurements"`
	}
	if err := json.Unmarshal(content, &kept); err != nil {
		t.Fatal(err)
	}
	if len(kept.Measurements) != 2 {
		t.Errorf("%s", content)
	}
}

// TestInterrupt: a run that is ended before it has measured anything says so.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	if got := run(ctx, []string{"-only", "limit-map"}, &out, &out); got != exitFail || !strings.Contains(out.String(), "canceled") {
		t.Errorf("status %d:\n%s", got, out.String())
	}
}
