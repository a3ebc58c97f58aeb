package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/seed-8247e700/dsm/registry"
)

// quotaFlag is a flag with a quota: a number, which may have a unit if it is one of bytes,
// or none.
type quotaFlag struct {
	to    *int64
	units bool
}

// units are those of bytes.
var units = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"B", 1}}

// String is part of pflag.Value.
func (q quotaFlag) String() string {
	if q.to == nil || *q.to == 0 {
		return ""
	}
	return quotaText(*q.to)
}

// Type is part of pflag.Value.
func (quotaFlag) Type() string { return "quota" }

// Set is part of pflag.Value.
func (q quotaFlag) Set(text string) error {
	if text == "none" {
		*q.to = registry.NoQuota
		return nil
	}
	number, unit, example := text, int64(1), "1000000"
	if q.units {
		example = "500MiB"
		for _, u := range units {
			if rest, found := strings.CutSuffix(text, u.name); found {
				number, unit = strings.TrimSpace(rest), u.bytes
				break
			}
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64/unit {
		return fmt.Errorf("must be above 0, as in %s, or none", example)
	}
	*q.to = n * unit
	return nil
}

// quotaText shows a quota.
func quotaText(n int64) string {
	switch n {
	case 0:
		return "unknown" // to a registry of an earlier release
	case registry.NoQuota:
		return "none"
	default:
		return strconv.FormatInt(n, 10)
	}
}
