package program

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ErrConfig is wrapped by errors that a change of the Config mends. Nothing
// was started.
var ErrConfig = errors.New("bench: configuration")

// Bounds of the phases of a program.
const (
	LeastPhase   = 100 * time.Millisecond
	LongestPhase = time.Hour
)

// CheckInt reports a number that is out of its bounds. The error wraps ErrConfig.
func CheckInt(flag string, value, low, up int) error {
	if value < low || value > up {
		return BadFlag(flag, strconv.Itoa(value), fmt.Sprintf("must be from %d to %d", low, up))
	}
	return nil
}

// BadFlag says what the value of a flag must be. The error wraps ErrConfig.
func BadFlag(flag, value, want string) error {
	return fmt.Errorf("%w: --%s %s: %s", ErrConfig, flag, value, want)
}

// ParseShare reads a share: "50%" or "0.5".
func ParseShare(s string) (float64, error) {
	text, percent := strings.CutSuffix(strings.TrimSpace(s), "%")
	v, err := strconv.ParseFloat(text, 64)
	if percent {
		v /= 100
	}
	if err != nil || math.IsNaN(v) || v < 0 || v > 1 {
		return 0, fmt.Errorf("%w: %q is not a share: write it like 50%% or 0.5, from 0%% to 100%%", ErrConfig, s)
	}
	return v, nil
}

// ShowShare is a share as a percentage.
func ShowShare(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e6)/1e4, 'f', -1, 64) + "%"
}
