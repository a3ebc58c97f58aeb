package console

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// ByteSize is a number of bytes as the value of a flag, written like 4096, 4KiB, 16MiB or 1GiB.
type ByteSize int

// byteUnits are from the largest down.
var byteUnits = []struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// String returns the size as Set reads it.
func (s *ByteSize) String() string {
	for _, u := range byteUnits {
		if n := int(*s); n != 0 && n%u.bytes == 0 {
			return strconv.Itoa(n/u.bytes) + u.name
		}
	}
	return strconv.Itoa(int(*s))
}

// Set reads the size from text, and returns an error that says how to write it.
func (s *ByteSize) Set(text string) error {
	number, unit := text, 1
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			number, unit = rest, u.bytes
			break
		}
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > math.MaxInt/unit {
		return errors.New("write it like 4096, 4KiB, 16MiB or 1GiB")
	}
	*s = ByteSize(n * unit)
	return nil
}

// Type returns the name of such values for the help.
func (s *ByteSize) Type() string { return "size" }
