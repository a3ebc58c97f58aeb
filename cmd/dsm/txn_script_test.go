package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestWordsOfALine(t *testing.T) {
	for line, want := range map[string][]string{
		"":                      nil,
		"  \t ":                 nil,
		"# a b":                 nil,
		"  # a":                 nil,
		"put a b":               {"put", "a", "b"},
		"\tput\ta  b \t":        {"put", "a", "b"},
		`put "a b" "\x00\n\"" `: {"put", "a b", "\x00\n\""},
		`put a#b ""`:            {"put", "a#b", ""},
		`put "unclosed`:         {"error"},
		`put "a"b`:              {"error"},
		`put "\q"`:              {"error"},
	} {
		got, err := wordsOf(line)
		if err != nil {
			got = []string{"error"}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestParseTxn(t *testing.T) {
	s, err := parseTxn("if a absent\r\nif b version 7\nif c value \"x y\"\nif d present\n\nput a 1\ninc n -5\nelse\n# nothing yet\napp l x\nread l\ndel l\nput a 1 ttl 1s\nput a 1 keep-ttl\ninc n 1 ttl 1s\napp l x ttl 1s\nexpire l 1m\npersist l\nttl l")
	if err != nil || len(s.conds) != 4 || len(s.then) != 2 || len(s.less) != 10 || s.then[1].number != 7 || s.less[0].number != 10 || s.less[0].op != "app" {
		t.Errorf("%+v, %v", s, err)
	}
	for script, want := range map[string]string{
		"":                        "is empty",
		"put a":                   "line 1 of the transaction: put takes a key and a value",
		"put a b ttl":             "line 1 of the transaction: put takes a key and a value: it is put KEY VALUE;",
		"put a b ttl 10":          `ttl "10" must be a time with its unit`,
		"put a b ttl 0s":          `ttl "0s" must be above 0 and at most 876000h0m0s`,
		"put a b ttl 1s keep-ttl": "put takes",
		"put a b keep-ttl 1s":     "put takes",
		"put a b kept-ttl":        "put takes",
		"put a b tll 1s":          "put takes",
		"inc a 1 keep-ttl":        "inc takes a key and a number: it is inc KEY DELTA, and then ttl TIME",
		"app a b keep-ttl":        "app takes a key and a value",
		"inc a ttl 1s":            "inc takes",
		"del a ttl 1s":            "del takes a key",
		"read a ttl 1s":           "read takes a key",
		"expire a":                "expire takes a key and a time: it is expire KEY TIME",
		"expire a soon":           `"soon" must be a time with its unit`,
		"expire a -1s":            `"-1s" must be above 0`,
		"expire a 1s ttl 1s":      "expire takes",
		"persist":                 "persist takes a key: it is persist KEY",
		"ttl":                     "ttl takes a key: it is ttl KEY",
		"ttl a 1s":                "ttl takes a key",
		"\nput a b c":             "line 2 of the transaction: put takes",
		"del":                     "del takes a key: it is del KEY",
		"read a b":                "read takes a key",
		"inc a much":              `"much" must be a decimal integer`,
		"set a b":                 `unknown operation "set"`,
		"if a":                    "a condition is if KEY absent",
		"if a version":            "a condition is",
		"if a version -1":         "must be a whole number",
		"if a absent b":           "a condition is",
		"put a 1\nif a absent":    "line 2 of the transaction: conditions stand before all operations",
		"put a 1\nelse\ndel a":    "else stands alone",
		"if a absent\nelse\nelse": "line 3 of the transaction: else stands",
		"if a absent\nelse del a": "else stands",
		`put a "b`:                "a double quote is not closed",
	} {
		_, err := parseTxn(script)
		if usage := new(usageError); !errors.As(err, &usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", script, err, want)
		}
	}
}
