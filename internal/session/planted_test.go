//go:build planted

package session_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// caught runs clients until one of their lives goes wrong in the way that is
// expected of a bug.
func caught(t *testing.T, bug planted.Bug, want string) {
	t.Helper()
	planted.With(t, bug)
	for seed := range uint64(200) {
		err := life(rand.New(rand.NewPCG(seed, 0)).IntN, 300)
		if err != nil {
			if !strings.Contains(err.Error(), want) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			planted.Caught(t, bug, fmt.Sprintf("a client's life with seed %d: %v", seed, err))
			return
		}
	}
}

// TestPlantedRetryRenumbered has a retry take a new number, so that the group
// takes it for another write.
func TestPlantedRetryRenumbered(t *testing.T) {
	caught(t, planted.RetryRenumbered, "not executed once")
}

// TestPlantedPositionForgotten has an attempt at another node ask for nothing,
// so that one that is behind shows what is older than what the session has seen.
func TestPlantedPositionForgotten(t *testing.T) {
	caught(t, planted.PositionForgotten, "went back")
}

// TestPlantedUnknownForgotten has a refused attempt make a write "not executed",
// whose earlier attempt was.
func TestPlantedUnknownForgotten(t *testing.T) {
	caught(t, planted.UnknownForgotten, "was told that it was not")
}

// TestPlantedRefusalUnknown has a refusal count as an attempt that may have been executed.
func TestPlantedRefusalUnknown(t *testing.T) {
	caught(t, planted.RefusalUnknown, "every attempt was refused")
}

// TestPlantedPipeline has the lives of clients that write asynchronously find what
// breaks their order.
func TestPlantedPipeline(t *testing.T) {
	for bug, want := range map[planted.Bug]string{
		planted.PredecessorIgnored: "out of order",
		planted.ReadOvertakes:      "would not see",
	} {
		t.Run(bug.String(), func(t *testing.T) {
			planted.With(t, bug)
			for seed := range uint64(500) {
				err := pipelineLife(rand.New(rand.NewPCG(seed, 1)).IntN, 300)
				if err == nil {
					continue
				}
				if !strings.Contains(err.Error(), want) {
					t.Fatalf("seed %d: %v", seed, err)
				}
				planted.Caught(t, bug, fmt.Sprintf("an asynchronous client's life with seed %d: %v", seed, err))
				return
			}
		})
	}
}
