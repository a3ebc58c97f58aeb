//go:build unix

package cluster

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// A process that leaves ends, in order or because it gives up. One that crashes, or takes too
// long, is lost. One that has not left when the group ends, ends with it.
func TestLeave(t *testing.T) {
	for _, test := range []struct {
		text  string
		limit time.Duration
		ends  bool // the group, at once
		want  error
	}{
		{"head -c 1 >/dev/null; exit 0", time.Minute, false, nil},
		{"head -c 1 >/dev/null; exit 1", time.Minute, false, nil},
		{"head -c 1 >/dev/null; exit 2", time.Minute, false, ErrCrashed},
		{"read x", time.Millisecond, false, ErrCrashed},
		{"read x", time.Minute, true, nil},
	} {
		b := &Breakable{}
		b.ctx, b.cancel = context.WithTimeout(t.Context(), time.Minute)
		if test.ends {
			b.cancel()
		}
		p := script(t, test.text)
		if err := p.leave(); err != nil {
			t.Errorf("%s: %v", test.text, err)
		}
		if err := b.awaitLeave(p, test.limit); !errors.Is(err, test.want) || b.ctx.Err() != nil && !test.ends {
			t.Errorf("%s: %v, want %v", test.text, err, test.want)
		}
		b.cancel()
	}
}

// Whoever is to leave is missed until it has ended, and is wanted no more.
func TestSendAway(t *testing.T) {
	b := &Breakable{
		Processes: &Processes{LossFeed: NewLossFeed(), nodes: 1},
		seats:     map[string]*seat{"n1": {name: "n1", wanted: true, child: script(t, "read x")}},
	}
	b.ctx, b.cancel = context.WithTimeout(t.Context(), time.Minute)
	defer b.cancel()
	if err := b.sendAway("n1"); err != nil {
		t.Fatal(err)
	}
	if missing := errors.Join(b.missing(nil)...); missing == nil || !strings.Contains(missing.Error(), "n1 has not left the group") || b.anyNode() {
		t.Errorf("missing: %v, any node: %v", missing, b.anyNode())
	}
	if _, err := b.seats["n1"].child.stdin.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	b.revivals.Wait()
	if missing := b.missing(nil); len(missing) > 0 || len(b.LossFeed) > 0 {
		t.Errorf("missing %v, %d losses", missing, len(b.LossFeed))
	}
}
