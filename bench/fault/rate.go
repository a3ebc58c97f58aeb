package fault

import (
	"fmt"
	"strings"

	"github.com/seed-8247e700/dsm/internal/console"
)

// Bounds of a rate, in bytes a second.
const (
	leastRate = 1 << 10
	mostRate  = 1 << 30
)

// perSecond ends a rate.
const perSecond = "/s"

// parseRate reads a size and /s.
func parseRate(text string) (bytesPerSecond int64, err error) {
	size, ok := strings.CutSuffix(text, perSecond)
	var n console.ByteSize
	if !ok || n.Set(size) != nil {
		return 0, fmt.Errorf("%q is not a rate such as 3MiB/s or 300KiB/s", text)
	}
	if n < leastRate || n > mostRate {
		return 0, fmt.Errorf("%s is not from %s to %s", text, showRate(leastRate), showRate(mostRate))
	}
	return int64(n), nil
}

// showRate writes a rate as parseRate reads it.
func showRate(bytesPerSecond int64) string {
	n := console.ByteSize(bytesPerSecond)
	return n.String() + perSecond
}
