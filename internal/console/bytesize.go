package console

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// errSize says how a size is written.
var errSize = errors.New("write it like 4096, 512B, 4KiB, 16MiB, 1GiB or 2TiB")

// byteUnits are from the largest down. The last one ends the others.
var byteUnits = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// parseSize reads a number of bytes: digits, and a unit, which a space may precede.
// It returns errSize for anything else, and for more than math.MaxInt64 bytes.
func parseSize(text string) (int64, error) {
	number, unit := text, int64(1)
	for _, u := range byteUnits {
		if rest, found := strings.CutSuffix(text, u.name); found {
			number, unit = strings.TrimSuffix(rest, " "), u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || int64(n) > math.MaxInt64/unit {
		return 0, errSize
	}
	return int64(n) * unit, nil
}

// ByteSize is a number of bytes as the value of a flag, written like 4096, 512B, 4KiB, 16MiB, 1GiB or 2TiB.
type ByteSize int

// String returns the size as Set reads it, in the largest unit that divides it.
func (s *ByteSize) String() string {
	n := int64(*s)
	for _, u := range byteUnits {
		if n != 0 && u.bytes > 1 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// Set reads the size from text, and returns an error that says how to write it.
func (s *ByteSize) Set(text string) error {
	n, err := parseSize(text)
	if err != nil {
		return err
	}
	if n > math.MaxInt {
		return errSize
	}
	*s = ByteSize(n)
	return nil
}

// Type returns the name of such values for the help.
func (s *ByteSize) Type() string { return "size" }
