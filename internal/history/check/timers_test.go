package main

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// timed is an order of lines, "clock 5 2" for a tick that counts 5 ms and knows position 2,
// or a transaction's steps.
func timed(lines ...string) *order {
	o := &order{first: 1, last: uint64(len(lines)), entries: make(map[uint64]*delivered)}
	for i, line := range lines {
		e := &delivered{Pos: uint64(i + 1), OK: true}
		words := strings.Fields(line)
		value := ""
		switch words[0] {
		case "clock", "tick", "refused":
			e.Op, value = words[0], words[1]
			if e.OK = e.Op != "refused"; !e.OK {
				e.Op = "clock"
			}
			e.Expect, _ = strconv.ParseUint(words[len(words)-1], 10, 64)
		case "set", "del", "add":
			e.Op, e.Key, value = words[0], "k", "7"
		default:
			e.Op, value = "txn", fmt.Sprintf(`{"if":[],"then":[%s],"else":[]}`, line)
		}
		text := base64.StdEncoding.EncodeToString([]byte(value))
		e.Value = &text
		o.entries[e.Pos] = e
	}
	return o
}

// step1 is a step on k.
func step1(op, rest string) string { return `{"op":"` + op + `","key":"aw=="` + rest + `}` }

// Variables expire by ticks, and writes do to a TTL what they do.
func TestVariablesExpire(t *testing.T) {
	put := step1("put", `,"value":"Nw==","ttl":10`)
	keep := step1("put", `,"value":"OA==","keep":true`)
	for name, tc := range map[string]struct {
		lines []string
		gone  uint64 // the position at which k goes, 0: never
	}{
		"in time":          {[]string{put, "clock 0 1", "clock 10 1", "clock 1 1"}, 4},
		"late":             {[]string{put, "clock 0 1", "clock 500 1"}, 3},
		"known late":       {[]string{put, "clock 500 0", "clock 500 1", "clock 10 1", "clock 1 1"}, 5},
		"by none":          {[]string{put, "clock 0 1", "clock 10 1"}, 0},
		"by an old tick":   {[]string{put, "clock 0 1", "tick 500 0", "clock 0 1"}, 4},
		"refused":          {[]string{put, "clock 0 1", "refused 500 1"}, 0},
		"set":              {[]string{put, "clock 0 1", "set", "clock 500 1"}, 0},
		"added to":         {[]string{put, "clock 0 1", "add", "clock 500 1"}, 4},
		"deleted, set":     {[]string{put, "clock 0 1", "del", keep, "clock 500 1"}, 0},
		"put":              {[]string{put, "clock 0 1", step1("put", ""), "clock 500 1"}, 0},
		"kept":             {[]string{put, "clock 0 1", keep, "clock 500 1"}, 4},
		"appended to":      {[]string{put, "clock 0 1", step1("app", `,"value":"OA=="`), "clock 500 1"}, 4},
		"appended, longer": {[]string{put, "clock 0 1", step1("app", `,"ttl":100`), "clock 50 3", "clock 100 3", "clock 1 3"}, 6},
		"incremented":      {[]string{put, "clock 0 1", step1("inc", `,"delta":1`), "clock 500 1"}, 4},
		"removed":          {[]string{put, "clock 0 1", step1("del", "") + "," + keep, "clock 500 1"}, 0},
		"expire":           {[]string{"set", step1("expire", `,"ttl":5`), "clock 0 2", "clock 6 2"}, 4},
		"expire of none":   {[]string{step1("expire", `,"ttl":5`), "add", "clock 0 2", "clock 6 2"}, 0},
		"a millisecond":    {[]string{"add", step1("expire", `,"ttl":1`), "clock 0 2", "clock 1 2", "clock 1 2"}, 5},
		"persist":          {[]string{put, "clock 0 1", step1("persist", ""), "clock 500 1"}, 0},
		"asked and read":   {[]string{put, "clock 0 1", step1("ttl", "") + "," + step1("read", ""), "clock 500 1"}, 4},
	} {
		v := verdict{}
		list := v.replay(timed(tc.lines...))["k"]
		last := list[len(list)-1]
		if len(v.texts) > 0 || last.value == nil != (tc.gone != 0) || tc.gone != 0 && last.position != tc.gone {
			t.Errorf("%s: at %d there is %s, %v", name, last.position, text(last.value), v.texts)
		}
	}
}

// Each timer counts by itself, however many there are.
func TestTimersOfMany(t *testing.T) {
	var c timers
	if gone := c.pass(5, 0); len(gone) > 0 {
		t.Errorf("%q goes of none", gone)
	}
	c.set("a", 10, 1)
	c.set("b", 100, 2)
	c.set("c", 20, 3)
	for i, step := range []struct {
		millis int64
		known  uint64
		gone   string
	}{{0, 2, ""}, {10, 2, ""}, {1, 2, "a"}, {5, 3, ""}, {20, 3, ""}, {1, 3, "c"}, {63, 3, ""}, {1, 3, "b"}, {500, 3, ""}} {
		if gone := strings.Join(c.pass(step.millis, step.known), " "); gone != step.gone {
			t.Errorf("%d: %q goes, want %q", i, gone, step.gone)
		}
	}
}

// What a tick may not count, and what it may not know.
func TestTicks(t *testing.T) {
	for line, bad := range map[string]bool{"clock 5 1": false, "clock 5 2": true, "clock -1 0": true, "clock x 0": true, "tick 5 7": false, "tick -5 0": true, "refused -1 9": false} {
		v := verdict{}
		v.replay(timed("set", line))
		if got := strings.Join(v.texts, ";"); (got != "") != bad || bad && !strings.Contains(got, "counts what it may not") {
			t.Errorf("%s: %q", line, got)
		}
	}
}

// One tick removes so many, those that are due first; the others go with the next.
func TestTickRemovesSoMany(t *testing.T) {
	var c timers
	for i := range mostDue + 1 {
		c.set(fmt.Sprintf("%05d", i), int64(mostDue+1-i/2), uint64(i+1))
	}
	c.pass(0, mostDue+1)
	if gone := c.pass(1<<20, 0); len(gone) != mostDue || gone[0] != fmt.Sprintf("%05d", mostDue) || gone[1] != fmt.Sprintf("%05d", mostDue-2) {
		t.Errorf("%d variables go, first %q", len(gone), gone[:2])
	}
	if gone := c.pass(0, 0); len(gone) != 1 || gone[0] != "00001" || len(c.of) != 0 {
		t.Errorf("then %q", gone)
	}
}

// A variable that is due, and is set again before a tick has removed it, has its new time.
func TestDueAndSetAgain(t *testing.T) {
	var c timers
	for i := range mostDue + 2 {
		c.set(fmt.Sprintf("%05d", i), 10, uint64(i+1))
	}
	c.pass(0, mostDue+2)
	c.pass(11, mostDue+2)
	c.set(fmt.Sprintf("%05d", mostDue), 10, mostDue+3)
	if gone := c.pass(0, mostDue+3); len(gone) != 1 || gone[0] != fmt.Sprintf("%05d", mostDue+1) {
		t.Errorf("%q go", gone)
	}
	if gone := c.pass(11, mostDue+3); len(gone) != 1 || len(c.of) != 0 {
		t.Errorf("then %q", gone)
	}
}
