package console

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Quota is the value of a flag with a quota: a number above 0, which may have a unit if it is
// one of bytes, or none, which is math.MaxInt64.
type Quota struct {
	To    *int64
	Bytes bool
}

// quotaUnits are those of bytes.
var quotaUnits = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"B", 1}}

// noQuota is how none is written.
const noQuota = "none"

// String returns the quota as Set reads it, "" for 0, which is none given.
func (q Quota) String() string {
	if q.To == nil || *q.To == 0 {
		return ""
	}
	return QuotaText(*q.To)
}

// Type returns the name of such values for the help.
func (Quota) Type() string { return "quota" }

// Set reads the quota from text, and returns an error that says how to write it.
func (q Quota) Set(text string) error {
	if text == noQuota {
		*q.To = math.MaxInt64
		return nil
	}
	number, unit, example := text, int64(1), "1000000"
	if q.Bytes {
		example = "500MiB"
		for _, u := range quotaUnits {
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
	*q.To = n * unit
	return nil
}

// QuotaText shows a quota, which a registry of an earlier release does not know: 0.
func QuotaText(n int64) string {
	switch n {
	case 0:
		return "unknown"
	case math.MaxInt64:
		return noQuota
	default:
		return strconv.FormatInt(n, 10)
	}
}
