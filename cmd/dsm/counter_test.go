package main

import (
	"strings"
	"testing"
)

func TestWhyNoInteger(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"5\n", `its value "5\n" ends in a newline; set it without one`},
		{"-5\r\n", `its value "-5\r\n" ends in a newline`},
		{"5\n\n", "ends in a newline"},
		{" 5", `its value " 5" has space around the number`},
		{"\t5 \n", "has space around the number"},
		{"\u00a05", "has space around the number"},
		{"", "its value is empty; set it to 0 first"},
		{"\n", `its value is "\n"`},
		{"9223372036854775808", `its value "9223372036854775808" is not from -9223372036854775808 to 9223372036854775807`},
		{"-9223372036854775809", "is not from"},
		{"0x10", `its value "0x10" is no whole number in decimal digits alone`},
		{"1_000", "is no whole number in decimal digits alone"},
		{"1.5", "is no whole number in decimal digits alone"},
		{"1e3", "is no whole number in decimal digits alone"},
		{"5 apples", `its value is "5 apples"`},
		{"5\x00", `its value is "5\x00"`},
		{"\x1b[2J\u009b", `its value is "\x1b[2J\u009b"`},
		{"\xff", `its value is "\xff"`},
		{strings.Repeat("9", 1<<20), "its value has 1048576 bytes, and begins with \"" + strings.Repeat("9", 40) + "\""},
		{"+5", `its value was another then, and is "+5" now`}, // which Add takes
	} {
		if got := whyNoInteger(test.text); !strings.Contains(got, test.want) {
			t.Errorf("%.60q: %s, want %s", test.text, got, test.want)
		}
	}
}
