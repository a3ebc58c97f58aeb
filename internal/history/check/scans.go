package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// scan is the value of a line with a scan or a count, in base64. It has the keys and versions
// that were shown; a version names one write, and so its value.
type scan struct {
	To      []byte  `json:"to"`
	Reverse bool    `json:"reverse"`
	Limit   int     `json:"limit"`
	Items   []shown `json:"items"`
	Found   int     `json:"found"`
}

type shown struct {
	Key     []byte `json:"key"`
	Version uint64 `json:"version"`
}

// scans tells whether an operation reads a range.
func (o *operation) scans() bool { return o.Op == "scan" || o.Op == "count" }

// scanOf takes the scan out of a line's value, nil if it is none.
func scanOf(value *string) *scan {
	if value == nil {
		return nil
	}
	text, err := base64.StdEncoding.DecodeString(*value)
	var s *scan
	if err != nil || json.Unmarshal(text, &s) != nil {
		return nil
	}
	return s
}

// checkScan holds a scan or a count against the states at its position. keys are those of all
// variables, sorted.
func (v *verdict) checkScan(op *operation, keys []string, states map[string][]state) {
	s := scanOf(op.Value)
	if s == nil {
		v.bad("scans: %v: what it has shown cannot be read", op)
		return
	}
	want, count := new(strings.Builder), 0
	for i := range keys {
		key := keys[i]
		if s.Reverse {
			key = keys[len(keys)-1-i]
		}
		if key < op.Key || len(s.To) > 0 && key >= string(s.To) || s.Limit > 0 && count == s.Limit {
			continue
		}
		if was := stateAt(states[key], op.Position); was.value != nil {
			count++
			fmt.Fprintf(want, "%q of version %d\n", key, was.position)
		}
	}
	got := new(strings.Builder)
	for _, one := range s.Items {
		fmt.Fprintf(got, "%q of version %d\n", one.Key, one.Version)
	}
	switch {
	case op.Op == "count" && s.Found != count:
		v.bad("scans: %v counts %d variables, and there are %d", op, s.Found, count)
	case op.Op == "scan" && got.String() != want.String():
		v.bad("scans: %v shows\n%sand there is\n%s", op, got, want)
	}
}

// keysOf returns the keys of all variables, sorted.
func keysOf(states map[string][]state) []string {
	keys := make([]string, 0, len(states))
	for key := range states {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
