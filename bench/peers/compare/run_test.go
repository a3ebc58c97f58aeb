package compare

import (
	"context"
	"errors"
	"io"
	"regexp"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/peers/load"
	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

// TestDSM measures dsm itself for a moment, embedded, and the map it is compared
// with, in two rounds.
func TestDSM(t *testing.T) {
	cfg := Config{
		Rounds: 2, Duration: 50 * time.Millisecond, Condition: 10 * time.Millisecond, Seed: 1,
		Notices: io.Discard,
	}
	turns := plan(Rows(), systems.All(), regexp.MustCompile("/(dsm-embedded|limit-map)$"))
	r := &run{cfg: cfg}
	for round := 1; round <= cfg.Rounds; round++ {
		for _, turn := range turns {
			r.turn(t.Context(), round, turn)
		}
	}
	if len(r.done) != 2*4 { // ew256, ew1, er2; er2
		t.Errorf("%d measurements", len(r.done))
	}
	for _, m := range r.done {
		if m.Error != "" {
			t.Errorf("round %d, %s/%s: %s", m.Round, m.Row, m.System, m.Error)
		}
	}
}

// TestNoStart: a system that does not start costs its own points only.
func TestNoStart(t *testing.T) {
	broken := systems.Spec{Name: "broken", Start: func(context.Context, systems.Env) (load.System, error) {
		return nil, errors.New("no such program")
	}}
	r := &run{cfg: Config{Notices: io.Discard}}
	r.turn(t.Context(), 1, turn{spec: broken, rows: Rows()[:2]})
	if len(r.done) != 2 || r.done[0].Error != "no such program" || r.done[1].Error != "no such program" {
		t.Errorf("%+v", r.done)
	}
}
