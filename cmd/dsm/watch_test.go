package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-8247e700/dsm/driver"
)

// lines collects what is written, and does something at each write.
type lines struct {
	bytes.Buffer
	then func(text string)
}

func (w *lines) Write(text []byte) (int, error) {
	n, err := w.Buffer.Write(text)
	w.then(string(text))
	return n, err
}

// watches runs dsm watch, and calls then with each of the texts that it writes to stdout.
func watches(t *testing.T, then func(text string, signals chan<- os.Signal), args ...string) (status int, stdout, stderr string) {
	t.Helper()
	signals := make(chan os.Signal, 1)
	out := &lines{then: func(text string) { then(text, signals) }}
	var errs bytes.Buffer
	s := &surroundings{stdin: strings.NewReader(""), stdout: out, stderr: &errs, signals: signals}
	status = run(t.Context(), append([]string{"watch"}, args...), s)
	return status, out.String(), errs.String()
}

// Each event is written at once, as docs/json.md says, and a signal ends the watch with
// the position to continue.
func TestWatchAsJSON(t *testing.T) {
	dsn := startGroup(t)
	change := func(args ...string) {
		var stdout, stderr bytes.Buffer
		s := &surroundings{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr}
		if status := run(t.Context(), append(args, "--dsn", dsn), s); status != exitOK {
			t.Errorf("dsm %q: %d, %s", args, status, &stderr)
		}
	}
	change("set", "k/a", "old")
	var kinds []string
	status, stdout, stderr := watches(t, func(text string, signals chan<- os.Signal) {
		checkJSON(t, "watch", "watch", []byte(text))
		_, rest, _ := strings.Cut(text, `{"event":"`)
		kind, _, _ := strings.Cut(rest, `"`)
		switch kinds = append(kinds, kind); kind {
		case "synced":
			change("set", "k/a", "new")
		case "put":
			change("set", "other", "not watched")
			change("del", "k/a")
		case "delete":
			signals <- syscall.SIGINT
		}
	}, "--prefix", "k/", "--initial", "--old", "-o", "json", "--timeout", "10s", "--dsn", dsn)
	if want := []string{"initial", "synced", "put", "delete"}; status != 130 || !slices.Equal(kinds, want) {
		t.Errorf("status %d, events %q, want %q; stderr %s", status, kinds, want, stderr)
	}
	if n := strings.Count(stdout, `"old":{"value":`); n != 2 {
		t.Errorf("%d values of before in %s", n, stdout)
	}
	all := strings.Split(strings.TrimSpace(stdout), "\n")
	_, position, _ := strings.Cut(all[len(all)-1], `"position":"`)
	position, _, _ = strings.Cut(position, `"`)
	checkJSON(t, "watch", "Errors", []byte(stderr))
	if !strings.Contains(stderr, "continue with --from "+position) {
		t.Errorf("the last event is at %s, and it says %s", position, stderr)
	}
}

// What is interrupted before all that exists was shown begins again.
func TestWatchInterruptedAtTheBeginning(t *testing.T) {
	dsn := startGroup(t)
	for _, key := range []string{"a", "b"} {
		var stdout, stderr bytes.Buffer
		if status := run(t.Context(), []string{"set", key, "v", "--dsn", dsn}, &surroundings{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr}); status != exitOK {
			t.Fatal(stderr.String())
		}
	}
	w := &watching{events: jsonEvents{&surroundings{stdout: &bytes.Buffer{}}}, position: 0}
	err := w.run(t.Context(), func(yield func(driver.Event, error) bool) {
		_ = yield(driver.Event{Kind: driver.EventInitial, Key: "a", Position: 7}, nil) && yield(driver.Event{}, &driver.LaggedError{Resume: 3, Oldest: 5})
	})
	if w.position != 0 || exitStatus(err) != exitGone || !strings.Contains(err.Error(), "only those after 5") {
		t.Errorf("position %d, %v", w.position, err)
	}
}

// A watch ends after so many changes, and nothing else counts.
func TestWatchCounts(t *testing.T) {
	for _, test := range []struct{ count, shown int }{{1, 3}, {2, 5}, {3, 6}, {0, 7}} {
		var out bytes.Buffer
		w := &watching{events: textEvents{&surroundings{stdout: &out}}, count: test.count}
		err := w.run(t.Context(), func(yield func(driver.Event, error) bool) {
			for i, kind := range []driver.EventKind{
				driver.EventInitial, driver.EventSynced, driver.EventPut, driver.EventProgress, driver.EventDelete, driver.EventExpire, driver.EventPut,
			} {
				if !yield(driver.Event{Kind: kind, Key: "k", Position: uint64(i), Last: i != 0 && i != 6}, nil) {
					return
				}
			}
		})
		if n := strings.Count(out.String(), "\n"); err != nil || n != test.shown {
			t.Errorf("a count of %d: %d lines, want %d, %v", test.count, n, test.shown, err)
		}
		if want := uint64(min(test.shown-1, 5)); test.count == 0 && w.position != want {
			t.Errorf("everything up to %d was shown, want %d", w.position, want)
		}
	}
}

// A line of text has the value as it is, but on a terminal.
func TestWatchAsText(t *testing.T) {
	put := driver.Event{Kind: driver.EventPut, Key: "k\n", Value: driver.Value{Data: []byte("\x1b\n"), Version: 9}, Position: 9, Old: driver.Value{Data: []byte("b"), Version: 1}}
	for onDisplay, want := range map[bool]string{
		true:  "9  old       k\\n  b\n9  put       k\\n  \\x1b\\n\n",
		false: "9  old       k\\n  b\n9  put       k\\n  \x1b\n\n",
	} {
		var out bytes.Buffer
		if err := (textEvents{&surroundings{stdout: &out, onDisplay: onDisplay}}).event(t.Context(), &put); err != nil || out.String() != want {
			t.Errorf("it prints %q, want %q, %v", &out, want, err)
		}
	}
}

// What does not fit an environment is not there.
func TestEnvironmentOfAnEvent(t *testing.T) {
	h := &hook{dsn: "dsm://h:1"}
	large := bytes.Repeat([]byte("v"), mostInEnvironment+1)
	for _, test := range []struct {
		event driver.Event
		want  []string
	}{
		{
			driver.Event{Kind: driver.EventPut, Key: "k", Value: driver.Value{Data: []byte{}, Version: 3}, Old: driver.Value{Data: []byte("o"), Version: 2}, Position: 3},
			[]string{"DSM_DSN=dsm://h:1", "DSM_EVENT=put", "DSM_POSITION=3", "DSM_KEY=k", "DSM_VALUE=", "DSM_OLD=o"},
		},
		{
			driver.Event{Kind: driver.EventDelete, Key: "a\x00", Old: driver.Value{Data: large, Version: 2}, Position: 4},
			[]string{"DSM_DSN=dsm://h:1", "DSM_EVENT=delete", "DSM_POSITION=4", "DSM_KEY_BASE64=YQA="},
		},
		{
			driver.Event{Kind: driver.EventInitial, Key: "k", Value: driver.Value{Data: []byte("a\x00"), Version: 3}, Position: 3},
			[]string{"DSM_DSN=dsm://h:1", "DSM_EVENT=initial", "DSM_POSITION=3", "DSM_KEY=k"},
		},
		{
			driver.Event{Kind: driver.EventPut, Key: "k", Value: driver.Value{Data: large[1:], Version: 3}, Position: 3},
			[]string{"DSM_DSN=dsm://h:1", "DSM_EVENT=put", "DSM_POSITION=3", "DSM_KEY=k", "DSM_VALUE=" + string(large[1:])},
		},
	} {
		if got := h.environment(&test.event); !slices.Equal(got, test.want) {
			t.Errorf("%.200q, want %.200q", got, test.want)
		}
	}
	outer := []string{"HOME=/", "DSM_EVENT=put", "DSM_POSITION=1", "DSM_KEY=k", "DSM_KEY_BASE64=", "DSM_VALUE=v", "DSM_OLD=", "DSM_DSN=dsm://x"}
	if got := withoutEvent(outer); !slices.Equal(got, []string{"HOME=/", "DSM_DSN=dsm://x"}) {
		t.Errorf("of an outer watch there is %q", got)
	}
}
