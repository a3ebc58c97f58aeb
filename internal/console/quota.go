package console

import (
	"errors"
	"math"
	"strconv"
)

// Quota is the value of a flag with a quota: a number above 0, written like a ByteSize if it is
// one of bytes, or none, which is math.MaxInt64.
type Quota struct {
	To    *int64
	Bytes bool
}

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
	n, err := q.parse(text)
	if err != nil {
		return errors.New(err.Error() + ", or " + noQuota)
	}
	*q.To = n
	return nil
}

// parse reads a quota that is not none.
func (q Quota) parse(text string) (n int64, err error) {
	if q.Bytes {
		n, err = parseSize(text)
	} else if n, err = strconv.ParseInt(text, 10, 64); err != nil {
		return 0, errors.New("write it like 1000000")
	}
	if err == nil && n < 1 {
		err = errors.New("must be above 0")
	}
	return n, err
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
