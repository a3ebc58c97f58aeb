package main

import (
	"strings"
	"testing"
)

func TestWhyNoInteger(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"5\n", `its value "5\n" ends with a newline; set it again without one`},
		{"-5\r\n", `its value "-5\r\n" ends with a newline`},
		{"5\n\n", "ends with a newline"},
		{" 5", `its value " 5" has space around the number`},
		{"\t5 \n", "has space around the number"},
		{"\u00a05", "has space around the number"},
		{"", "its value is empty; set it to 0 first"},
		{"\n", `its value is "\n"`},
		{"9223372036854775808", `its value "9223372036854775808" is not from -9223372036854775808 to 9223372036854775807`},
		{"-9223372036854775809", "is not from"},
		{"0x10", `its value "0x10" is not a decimal integer`},
		{"1_000", "is not a decimal integer"},
		{"1.5", "is not a decimal integer"},
		{"1e3", "is not a decimal integer"},
		{"5 apples", `its value is "5 apples"`},
		{"5\x00", `its value is "5\x00"`},
		{"\x1b[2J\u009b", `its value is "\x1b[2J\u009b"`},
		{"\xff", `its value is "\xff"`},
		{strings.Repeat("9", 1<<20), "its value has 1048576 bytes, and begins with \"" + strings.Repeat("9", 40) + "\""},
		{"+5", `its value has changed meanwhile and is now "+5"`}, // which Add takes
	} {
		if got := whyNoInteger(test.text); !strings.Contains(got, test.want) {
			t.Errorf("%.60q: %s, want %s", test.text, got, test.want)
		}
	}
}
