package main

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// lined is an order of lines: "clock 5 2" and "tick 5" as they are, "open 200", "renew 1" and
// "close 1" of a session, "set 1" of k, and "1 " with the steps of a transaction of session 1.
// With "no " before it, a line did not take effect.
func lined(first uint64, lines ...string) *order {
	o := &order{first: first, last: first + uint64(len(lines)) - 1, entries: make(map[uint64]*delivered)}
	for i, line := range lines {
		e := &delivered{Pos: first + uint64(i), OK: true, Key: "k"}
		if after, refused := strings.CutPrefix(line, "no "); refused {
			line, e.OK = after, false
		}
		words := strings.Fields(line)
		value := "7"
		switch e.Op = words[0]; e.Op {
		case "clock", "tick":
			value = words[1]
			e.Expect, _ = strconv.ParseUint(words[len(words)-1], 10, 64)
		case "open":
			e.Op, value = "opentimed", words[1]
		case "renew", "close", "set", "add", "cas", "del":
			e.Session, _ = strconv.ParseUint(words[1], 10, 64)
			if e.Op == "cas" {
				e.Expect, _ = strconv.ParseUint(words[2], 10, 64)
			}
		default:
			e.Session, _ = strconv.ParseUint(e.Op, 10, 64)
			e.Op, value = "txn", fmt.Sprintf(`{"if":[],"then":[%s],"else":[]}`, words[1])
		}
		text := base64.StdEncoding.EncodeToString([]byte(value))
		e.Value = &text
		o.entries[e.Pos] = e
	}
	return o
}

// Variables go with the session that owns them, and writes do to an owner what they do.
func TestOwners(t *testing.T) {
	own := step1("put", `,"value":"Nw==","ephemeral":true`)
	keep := step1("put", `,"value":"OA==","keep":true`)
	put := step1("put", `,"value":"Nw=="`)
	mine := "1 " + own
	for name, tc := range map[string]struct {
		lines []string
		gone  uint64 // the position at which k goes, 0: never
	}{
		"in time":           {[]string{"open 200", mine, "clock 0 2", "clock 200 2", "clock 1 2"}, 5},
		"late":              {[]string{"open 200", mine, "clock 0 2", "clock 500 2"}, 4},
		"known late":        {[]string{"open 200", mine, "clock 500 1", "clock 500 1", "clock 0 2", "clock 201 2"}, 6},
		"by none":           {[]string{"open 200", mine, "clock 0 2", "clock 200 2"}, 0},
		"by an old tick":    {[]string{"open 200", mine, "clock 0 2", "tick 500 2", "clock 0 2"}, 5},
		"renewed":           {[]string{"open 200", mine, "clock 0 2", "renew 1", "clock 500 3", "clock 0 4", "clock 201 4"}, 7},
		"written":           {[]string{"open 200", mine, "clock 0 2", "add 1", "clock 500 3"}, 0},
		"refused, written":  {[]string{"open 200", mine, "clock 0 2", "no add 1", "clock 500 3"}, 0},
		"written by others": {[]string{"open 200", mine, "clock 0 2", "add 7", "clock 500 3"}, 5},
		"closed":            {[]string{"open 200", mine, "close 1"}, 3},
		"others closed":     {[]string{"open 200", mine, "close 7", "no close 7"}, 0},
		"set":               {[]string{"open 200", mine, "set 1", "close 1"}, 0},
		"added to":          {[]string{"open 200", mine, "add 1", "close 1"}, 4},
		"compared":          {[]string{"open 200", mine, "cas 1 2", "close 1"}, 4},
		"deleted, added to": {[]string{"open 200", mine, "del 1", "add 1", "close 1"}, 0},
		"put":               {[]string{"open 200", mine, "1 " + put, "close 1"}, 0},
		"put by others":     {[]string{"open 200", mine, "7 " + put, "close 1"}, 0},
		"kept":              {[]string{"open 200", mine, "7 " + keep, "close 1"}, 4},
		"appended to":       {[]string{"open 200", mine, "7 " + step1("app", `,"value":"OA=="`), "close 1"}, 4},
		"owned by addition": {[]string{"open 200", "1 " + step1("inc", `,"delta":1,"ephemeral":true`), "close 1"}, 3},
		"removed, kept":     {[]string{"open 200", mine, "1 " + step1("del", "") + "," + keep, "close 1"}, 0},
		"expire":            {[]string{"open 200", mine, "7 " + step1("expire", `,"ttl":5`), "clock 0 3", "clock 6 3", "add 7", "close 1"}, 0},
		"with a TTL":        {[]string{"open 200", "1 " + step1("put", `,"value":"Nw==","ttl":5,"ephemeral":true`), "close 1", "add 7", "clock 0 4", "clock 500 4"}, 0},
		"with a TTL, late":  {[]string{"open 200", "1 " + step1("put", `,"value":"Nw==","ttl":500,"ephemeral":true`), "clock 0 2", "clock 201 2", "add 7", "clock 500 2"}, 0},
		"another's":         {[]string{"open 200", "open 200", mine, "2 " + own, "close 1"}, 0},
		"another's, closed": {[]string{"open 200", "open 200", mine, "2 " + own, "close 2"}, 5},
	} {
		v := verdict{}
		list := v.replay(lined(1, tc.lines...))["k"]
		last := list[len(list)-1]
		if len(v.texts) > 0 || last.value == nil != (tc.gone != 0) || tc.gone != 0 && last.position != tc.gone {
			t.Errorf("%s: at %d there is %s, %v", name, last.position, text(last.value), v.texts)
		}
	}
}

// What the sessions with a TTL of their own may not do.
func TestSessionsThatEnd(t *testing.T) {
	own := step1("put", `,"value":"Nw==","ephemeral":true`)
	for lines, want := range map[string]string{
		"open 200;clock 0 1;clock 201 1;add 1":      "had ended",
		"open 200;clock 0 1;clock 201 1;no add 1":   "",
		"open 200;clock 0 1;clock 201 1;renew 1":    "had ended",
		"open 200;clock 0 1;clock 201 1;no renew 1": "",
		"open 200;clock 0 1;clock 201 1;close 1":    "had ended",
		"open 200;clock 0 1;clock 200 1;no renew 1": "had not ended",
		"open 200;no close 1":                       "had not ended",
		"open 200;no add 1":                         "",
		"open 200;close 1;1 " + own:                 "has no TTL of its own",
		"no open 200;1 " + own:                      "has no TTL of its own",
		"renew 7;7 " + own:                          "has no TTL of its own",
		"open 99":                                   "impossible TTL",
		"open 100":                                  "",
		"open 86400000":                             "",
		"open 86400001":                             "impossible TTL",
		"no open 86400001":                          "",
		"open x":                                    "impossible TTL",
	} {
		v := verdict{}
		v.replay(lined(1, strings.Split(lines, ";")...))
		if got := strings.Join(v.texts, ";"); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", lines, got, want)
		}
	}
	for session, bad := range map[string]bool{"4 ": false, "5 ": true} { // from before the first line, and not
		v := verdict{}
		v.replay(lined(5, session+own))
		if len(v.texts) > 0 != bad {
			t.Errorf("%s: %q", session, v.texts)
		}
	}
}

// One line removes so many variables, those of the oldest session first, and so many that are due.
func TestOwnersGoSoMany(t *testing.T) {
	s := owners{alive: map[uint64]lease{}, ended: map[uint64]bool{9: true, 8: true}, of: map[string]uint64{"z": 8, "a": 7}}
	for i := range mostOwned {
		s.of[fmt.Sprintf("%05d", i)] = 9
	}
	if gone := s.take(); len(gone) != mostOwned || gone[0] != "z" || gone[1] != "00000" || gone[mostOwned-1] != fmt.Sprintf("%05d", mostOwned-2) {
		t.Errorf("%d variables go, first %q, last %q", len(gone), gone[:2], gone[mostOwned-1])
	}
	v, states := verdict{}, make(map[string][]state)
	var c timers
	for i := range mostDue + 1 {
		c.set(fmt.Sprintf("t%05d", i), 1, uint64(i+1))
	}
	c.pass(0, mostOwned)
	value := base64.StdEncoding.EncodeToString([]byte("5"))
	v.tick(&delivered{Op: "clock", Pos: mostOwned + 1, Value: &value, OK: true}, &c, &s, states)
	if len(states) != 1+mostDue || len(states[fmt.Sprintf("%05d", mostOwned-1)]) != 1 || len(c.of) != 1 || len(v.texts) > 0 {
		t.Errorf("%d variables go, %d are left, %q", len(states), len(c.of), v.texts)
	}
}
