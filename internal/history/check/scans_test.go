package main

import (
	"encoding/base64"
	"strings"
	"testing"
)

// Scans and counts are held against the states: a is set at 1, b at 2, and a deleted at 3.
func TestScans(t *testing.T) {
	x := "eA=="
	o := &order{first: 1, last: 4, entries: map[uint64]*delivered{
		1: {Pos: 1, Op: "set", Key: "a", Value: &x, OK: true}, 2: {Pos: 2, Op: "set", Key: "b", Value: &x, OK: true},
		3: {Pos: 3, Op: "del", Key: "a", OK: true}, 4: {Pos: 4, Op: "set", Key: "a", Value: &x},
	}}
	const a, b = `{"key":"YQ==","version":1}`, `{"key":"Yg==","version":2}`
	for name, tc := range map[string]struct {
		op, key  string
		position uint64
		value    string
		bad      string
	}{
		"both":           {"scan", "", 2, `{"items":[` + a + `,` + b + `]}`, ""},
		"reverse":        {"scan", "", 2, `{"reverse":true,"items":[` + b + `,` + a + `]}`, ""},
		"not reversed":   {"scan", "", 2, `{"reverse":true,"items":[` + a + `,` + b + `]}`, `shows`},
		"limit":          {"scan", "", 2, `{"limit":1,"items":[` + a + `]}`, ""},
		"below":          {"scan", "", 2, `{"to":"Yg==","items":[` + a + `]}`, ""},
		"from":           {"scan", "b", 2, `{"items":[` + b + `]}`, ""},
		"deleted":        {"scan", "", 4, `{"items":[` + b + `]}`, ""},
		"not deleted":    {"scan", "", 4, `{"items":[` + a + `,` + b + `]}`, "shows"},
		"lacks one":      {"scan", "", 2, `{"items":[` + a + `]}`, "shows"},
		"version":        {"scan", "", 1, `{"items":[{"key":"YQ==","version":2}]}`, "shows"},
		"count":          {"count", "", 2, `{"found":2}`, ""},
		"counts deleted": {"count", "", 3, `{"found":2}`, "counts 2 variables, and there are 1"},
		"no scan":        {"scan", "", 2, `null`, "cannot be read"},
		"too far":        {"scan", "", 9, `{}`, "do not reach"},
	} {
		value := base64.StdEncoding.EncodeToString([]byte(tc.value))
		v := verdict{}
		v.checkReads(o, []operation{{Op: tc.op, Key: tc.key, Position: tc.position, Value: &value, Status: "ok"}})
		if texts := strings.Join(v.texts, ";"); (texts == "") != (tc.bad == "") || !strings.Contains(texts, tc.bad) {
			t.Errorf("%s: %q, want %q", name, texts, tc.bad)
		}
	}
	if s := scanOf(nil); s != nil {
		t.Errorf("no value: %+v", s)
	}
	if (&operation{Op: "scan"}).reads() != true || (&operation{Op: "txn"}).reads() {
		t.Error("what reads is not known")
	}
}
