package console

import (
	"errors"
	"math"
	"testing"
)

// sizes are what is a size and how many bytes it has. Every kind of flag reads them alike.
var sizes = map[string]int64{
	"0": 0, "1": 1, "4096": 4096, "7B": 7, "4KiB": 4096, "16MiB": 16 << 20, "1GiB": 1 << 30, "4 GiB": 4 << 30, "1TiB": 1 << 40,
	"8388607TiB": 8388607 << 40, "9223372036854775807": math.MaxInt64, "9223372036854775807B": math.MaxInt64,
}

// noSizes are none: spelled wrong, negative, or of more than 63 bits.
var noSizes = []string{
	"", " ", "B", "KiB", " MiB", "-1", "-1KiB", "+1", "1_0", "0x10", "1TB", "5MB", "1K", "1kib", "1.5GiB", "1  GiB", " 1GiB", "1GiB ", "4 ",
	"1KiBB", "9223372036854775808", "9223372036854775808B", "9007199254740992KiB", "8388608TiB", "99999999999GiB", "18446744073709551616TiB",
}

func TestByteSize(t *testing.T) {
	for text, want := range sizes {
		var s ByteSize
		if err := s.Set(text); err != nil || int64(s) != want {
			t.Errorf("%s: %d, %v", text, s, err)
		}
		var again ByteSize
		if err := again.Set(s.String()); err != nil || again != s {
			t.Errorf("%s is shown as %s", text, s.String())
		}
	}
	for _, text := range noSizes {
		s := ByteSize(5)
		if err := s.Set(text); !errors.Is(err, errSize) || s != 5 {
			t.Errorf("%q: %d, %v", text, s, err)
		}
	}
	for n, want := range map[ByteSize]string{0: "0", 7: "7", 1023: "1023", 3072: "3KiB", 5 << 20: "5MiB", 1 << 30: "1GiB", 1025 << 40: "1025TiB"} {
		if got := n.String(); got != want {
			t.Errorf("%d: %s, want %s", int64(n), got, want)
		}
	}
}
