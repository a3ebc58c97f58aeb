package main

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
)

// orderOf is an order: k is 7, then there is a transaction that took effect.
func orderOf(txn string) *order {
	seven, value := "Nw==", base64.StdEncoding.EncodeToString([]byte(txn))
	return &order{first: 1, last: 2, entries: map[uint64]*delivered{
		1: {Pos: 1, Op: "set", Key: "k", Value: &seven, OK: true}, 2: {Pos: 2, Op: "txn", Value: &value, OK: true},
	}}
}

// Transactions are carried out: aw== is k, bg== is n.
func TestTxnIsCarriedOut(t *testing.T) {
	for name, tc := range map[string]struct {
		txn  string
		k, n string // in base64; "": absent
		bad  string
	}{
		"put":                    {`{"then":[{"op":"put","key":"bg==","value":"OA=="}]}`, "Nw==", "OA==", ""},
		"put nothing":            {`{"then":[{"op":"put","key":"aw=="},{"op":"del","key":"aw=="}]}`, "", "", ""},
		"inc":                    {`{"then":[{"op":"inc","key":"aw==","delta":3},{"op":"inc","key":"bg==","delta":-1}]}`, "MTA=", "LTE=", ""},
		"app":                    {`{"then":[{"op":"app","key":"aw==","value":"OA=="},{"op":"app","key":"aw==","value":"OQ=="},{"op":"read","key":"bg=="}]}`, "Nzg5", "", ""},
		"present":                {`{"if":[{"key":"aw==","present":true}],"then":[{"op":"del","key":"aw=="}],"else":[]}`, "", "", ""},
		"not present":            {`{"if":[{"key":"aw==","present":true},{"key":"bg==","present":true}],"then":[{"op":"del","key":"aw=="}],"else":[]}`, "Nw==", "", ""},
		"version":                {`{"if":[{"key":"aw==","version":1},{"key":"bg==","version":0}],"then":[{"op":"del","key":"aw=="}]}`, "", "", ""},
		"other version":          {`{"if":[{"key":"aw==","version":2}],"then":[{"op":"del","key":"aw=="}]}`, "Nw==", "", ""},
		"value":                  {`{"if":[{"key":"aw==","value":"Nw=="}],"then":[{"op":"del","key":"aw=="}]}`, "", "", ""},
		"other value":            {`{"if":[{"key":"aw==","value":""}],"then":[{"op":"del","key":"aw=="}]}`, "Nw==", "", ""},
		"range":                  {`{"if":[{"key":"aw==","range":{"count":1,"sum":"` + sumOf("\x01k\x01") + `"}}],"then":[{"op":"del","key":"aw=="}]}`, "", "", ""},
		"bounded range":          {`{"if":[{"range":{"to":"aw==","count":0,"sum":"` + sumOf("") + `"}}],"then":[{"op":"del","key":"aw=="}]}`, "", "", ""},
		"more in range":          {`{"if":[{"key":"aw==","range":{"count":0,"sum":"` + sumOf("") + `"}}],"then":[{"op":"del","key":"aw=="}]}`, "Nw==", "", ""},
		"less in range":          {`{"if":[{"key":"bA==","range":{"count":1,"sum":"` + sumOf("\x01k\x01") + `"}}],"then":[{"op":"del","key":"aw=="}]}`, "Nw==", "", ""},
		"other version of range": {`{"if":[{"key":"aw==","range":{"count":1,"sum":"` + sumOf("\x01k\x02") + `"}}],"then":[{"op":"del","key":"aw=="}]}`, "Nw==", "", ""},
		"its condition":          {`{"then":[{"op":"del","key":"aw==","if":{"version":0}}]}`, "", "", "the condition of its operation 0 does not hold"},
		"no number":              {`{"then":[{"op":"put","key":"aw==","value":"eA=="},{"op":"inc","key":"aw==","delta":1}]}`, "MQ==", "", "operation 1 was done on what is no number"},
		"no operation":           {`{"then":[{"op":"twist","key":"aw=="}]}`, "Nw==", "", "is not known: twist"},
		"no transaction":         {`null`, "Nw==", "", "is no transaction"},
	} {
		v := verdict{}
		states := v.replay(orderOf(tc.txn))
		for key, want := range map[string]string{"k": tc.k, "n": tc.n} {
			got := ""
			if s := stateAt(states[key], 2); s.value != nil {
				got = *s.value
			}
			if got != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got, want)
			}
		}
		if texts := strings.Join(v.texts, ";"); (texts == "") != (tc.bad == "") || !strings.Contains(texts, tc.bad) {
			t.Errorf("%s: %q, want %q", name, texts, tc.bad)
		}
	}
}

func sumOf(list string) string {
	sum := sha256.Sum256([]byte(list))
	return base64.StdEncoding.EncodeToString(sum[:16])
}

// In a group with others, a range beyond the run's variables cannot be followed. It says
// nothing if the transaction is of others alone.
func TestTxnRangeOfOthers(t *testing.T) {
	for txn, want := range map[string]bool{
		`{"if":[{"key":"aw==","range":{"to":"bA==","count":0,"sum":""}}],"then":[{"op":"read","key":"aw=="}]}`: false,
		`{"if":[{"key":"aw==","range":{"to":"bQ==","count":0,"sum":""}}],"then":[{"op":"read","key":"aw=="}]}`: true,
		`{"if":[{"key":"aw==","range":{"count":0,"sum":""}}],"then":[{"op":"read","key":"aw=="}]}`:             true,
		`{"if":[{"key":"ag==","range":{"to":"bA==","count":0,"sum":""}}],"then":[{"op":"read","key":"aw=="}]}`: true,
		`{"if":[{"key":"ag==","range":{"to":"bA==","count":0,"sum":""}}],"then":[{"op":"put","key":"bg=="}]}`:  false,
	} {
		v := verdict{prefix: "k"}
		states := v.replay(orderOf(txn))
		if got := strings.Contains(strings.Join(v.texts, ";"), "has a range with variables of others"); got != want {
			t.Errorf("%s: %q", txn, v.texts)
		}
		if len(states["n"]) > 0 {
			t.Errorf("%s is carried out", txn)
		}
	}
}

// Whose a transaction is, by all of its keys.
func TestTxnTouches(t *testing.T) {
	for txn, want := range map[string]bool{
		`{"if":[{"key":"aw==","present":true}]}`: true,
		`{"then":[{"op":"read","key":"aw=="}]}`:  true,
		`{"else":[{"op":"read","key":"aw=="}]}`:  true,
		`{"else":[{"op":"read","key":"bg=="}]}`:  false,
		`null`:                                   false,
	} {
		value := base64.StdEncoding.EncodeToString([]byte(txn))
		if d := (&delivered{Op: "txn", Value: &value}); d.touches("k") != want {
			t.Errorf("%s: %v", txn, !want)
		}
	}
	if d := (&delivered{Op: "txn"}); d.touches("") {
		t.Error("one without a value")
	}
}
