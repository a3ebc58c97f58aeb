package main

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// byteSize is a flag that reads 4096, 4KiB, 16MiB and 1GiB.
type byteSize int

// byteUnits are from the largest down.
var byteUnits = []struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// String shows the size as it may be written.
func (s *byteSize) String() string {
	for _, u := range byteUnits {
		if n := int(*s); n != 0 && n%u.bytes == 0 {
			return strconv.Itoa(n/u.bytes) + u.name
		}
	}
	return strconv.Itoa(int(*s))
}

// Set reads it.
func (s *byteSize) Set(text string) error {
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
	*s = byteSize(n * unit)
	return nil
}

// Type names it in the help.
func (s *byteSize) Type() string { return "size" }
