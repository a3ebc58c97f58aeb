package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// delivery is a message of count commands that begins at a position.
func delivery(first uint64, count int) *wire.Delivery {
	d := &wire.Delivery{View: 1, Sender: "n1", Incarnation: 1, First: first, Count: count, Effects: make([]byte, (count+7)/8)}
	for range count {
		cmd := wire.Command{Op: wire.OpSet, Key: "k", Value: []byte("v")}
		d.Payload = cmd.Append(d.Payload)
	}
	return d
}

// positions reads those of a log.
func positions(t *testing.T, path string) []uint64 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []uint64
	for line := range strings.Lines(string(data)) {
		var e history.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		list = append(list, e.Position)
	}
	return list
}

func TestDeliveryLog(t *testing.T) {
	for _, test := range []struct {
		name string
		feed func(*deliveryLog)
		want []uint64
		err  string
	}{
		{"nothing comes, and nothing is destroyed", func(*deliveryLog) {}, []uint64{77}, ""},
		{"from the start", func(l *deliveryLog) {
			l.snapshot(0)
			l.deliver(delivery(1, 2))
			l.deliver(delivery(3, 1))
		}, []uint64{1, 2, 3}, ""},
		{"from a snapshot", func(l *deliveryLog) {
			l.snapshot(40)
			l.deliver(delivery(41, 2))
		}, []uint64{41, 42}, ""},
		{"a second snapshot", func(l *deliveryLog) {
			l.snapshot(40)
			l.deliver(delivery(41, 2))
			l.snapshot(60)
			l.deliver(delivery(61, 1))
		}, []uint64{61}, ""},
		{"a new generation", func(l *deliveryLog) {
			l.snapshot(0)
			l.deliver(delivery(1, 5))
			l.snapshot(1 << 40)
			l.deliver(delivery(1<<40+1, 1))
			l.deliver(delivery(1<<40+2, 1))
		}, []uint64{1<<40 + 1, 1<<40 + 2}, ""},
		{"a gap", func(l *deliveryLog) {
			l.snapshot(0)
			l.deliver(delivery(1, 2))
			l.deliver(delivery(4, 1))
		}, nil, "the node delivered position 4 instead of 3"},
		{"what cannot be decoded", func(l *deliveryLog) {
			l.snapshot(0)
			d := delivery(1, 1)
			d.Payload = d.Payload[:1]
			l.deliver(d)
		}, nil, "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "n1.jsonl")
			earlier := `{"pos":77` + strings.Repeat(" ", 4096) + "}\n" // longer than what comes
			if err := os.WriteFile(path, []byte(earlier), 0o600); err != nil {
				t.Fatal(err)
			}
			l, err := openDeliveryLog(path)
			if err != nil {
				t.Fatal(err)
			}
			test.feed(l)
			if test.err != "" {
				<-l.failed // it tells before it is closed
			}
			err = l.close()
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("it ends with %v, want %q", err, test.err)
			}
			if test.want != nil {
				if got := positions(t, path); !slices.Equal(got, test.want) {
					t.Errorf("it has positions %d, want %d", got, test.want)
				}
			}
		})
	}
}

// A disk that is too slow ends the log before memory does.
func TestDeliveryLogBound(t *testing.T) {
	l := &deliveryLog{failed: make(chan struct{})} // nobody writes
	l.more.L = &l.mu
	d := delivery(1, 1)
	d.Payload = make([]byte, maxUnloggedBytes/4)
	for range 4 {
		l.deliver(d)
	}
	<-l.failed
	if len(l.queue) != 3 || !strings.Contains(l.err.Error(), "the disk is slower than the group") {
		t.Errorf("%d deliveries wait, and the error is %v", len(l.queue), l.err)
	}
}

func TestDeliveryLogDevice(t *testing.T) {
	l, err := openDeliveryLog("/dev/full")
	if err != nil {
		t.Skip("there is no disk that is always full here:", err)
	}
	l.snapshot(0)
	l.deliver(delivery(1, 1))
	<-l.failed
	if err := l.close(); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("a full disk shows as %v", err)
	}
}
