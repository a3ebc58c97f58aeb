package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// txn is the value of a line with a transaction, in base64. Keys and values in it are in
// base64 too; values stay as they are.
type txn struct {
	If   []cond `json:"if"`
	Then []step `json:"then"`
	Else []step `json:"else"`
}

type cond struct {
	Key     []byte  `json:"key"`
	Version *uint64 `json:"version"`
	Value   *string `json:"value"`
	Present bool    `json:"present"`
	Range   *ranged `json:"range"`
}

// ranged is what the variables from a condition's key on and below To are. Sum is the
// beginning of the SHA-256 of the length of each key, the key and the version, with numbers
// as varints.
type ranged struct {
	To    []byte `json:"to"`
	Count int    `json:"count"`
	Sum   []byte `json:"sum"`
}

type step struct {
	Op    string `json:"op"`
	Key   []byte `json:"key"`
	Value string `json:"value"`
	Delta int64  `json:"delta"`
	If    *cond  `json:"if"`
	TTL   int64  `json:"ttl"`
	Keep  bool   `json:"keep"`

	Ephemeral bool `json:"ephemeral"`
}

// txnOf takes the transaction out of a line's value, nil if it is none.
func txnOf(value *string) *txn {
	if value == nil {
		return nil
	}
	text, err := base64.StdEncoding.DecodeString(*value)
	var t *txn
	if err != nil || json.Unmarshal(text, &t) != nil {
		return nil
	}
	return t
}

// touches tells whether a write is of a variable with the prefix.
func (d *delivered) touches(prefix string) bool {
	if d.Op != "txn" {
		return strings.HasPrefix(d.Key, prefix)
	}
	t := txnOf(d.Value)
	if t == nil {
		return false
	}
	for _, c := range t.If {
		if c.Range == nil && strings.HasPrefix(string(c.Key), prefix) {
			return true
		}
	}
	for _, s := range append(t.Then, t.Else...) {
		if strings.HasPrefix(string(s.Key), prefix) {
			return true
		}
	}
	return false
}

// replayTxn carries a transaction out that took effect.
func (v *verdict) replayTxn(e *delivered, first uint64, states map[string][]state, clocks *timers, sessions *owners) {
	t := txnOf(e.Value)
	if t == nil {
		v.bad("reads: %v took effect, and is no transaction", e)
		return
	}
	if !t.known(v.prefix) {
		if e.touches(v.prefix) {
			v.bad("reads: %v has a range with variables of others, which are not known", e)
		}
		return
	}
	now := make(map[string]state)
	look := func(key []byte) state {
		if s, ok := now[string(key)]; ok {
			return s
		}
		return stateAt(states[string(key)], e.Pos)
	}
	steps := t.Then
	for _, c := range t.If {
		if c.Range == nil && !c.holds(look(c.Key), first) || c.Range != nil && !c.rangeHolds(states, e.Pos) {
			steps = t.Else
		}
	}
	for i, s := range steps {
		was := look(s.Key)
		if s.If != nil && !s.If.holds(was, first) {
			v.bad("reads: %v took effect, but the condition of its operation %d does not hold: the version was %d", e, i, was.version())
		}
		next, problem := s.done(was)
		if problem != "" {
			v.bad("reads: %v took effect, but operation %d %s", e, i, problem)
		}
		s.time(clocks, e.Pos, was.value != nil)
		if problem := s.own(sessions, e.Session, first); problem != "" {
			v.bad("reads: %v took effect, but operation %d %s", e, i, problem)
		}
		if s.writes() && (next != nil || was.value != nil) {
			now[string(s.Key)] = state{position: e.Pos, value: next}
		}
	}
	for key, s := range now {
		states[key] = append(states[key], s)
	}
}

// known tells whether all ranges are of the run's variables.
func (t *txn) known(prefix string) bool {
	for _, c := range t.If {
		if c.Range == nil || prefix == "" {
			continue
		}
		// Below the bound without its last byte's raise all keys begin as it does.
		to := c.Range.To
		within := bytes.HasPrefix(to, []byte(prefix))
		if n := len(to); n > 0 && n == len(prefix) {
			within = within || string(to[:n-1]) == prefix[:n-1] && to[n-1] == prefix[n-1]+1
		}
		if !within || !bytes.HasPrefix(c.Key, []byte(prefix)) {
			return false
		}
	}
	return true
}

// rangeHolds tells whether the variables of a range are those of a condition just before a
// position. Nothing is known of variables from before the first line.
func (c *cond) rangeHolds(states map[string][]state, position uint64) bool {
	var list []byte
	count := 0
	for _, key := range slices.Sorted(maps.Keys(states)) {
		was := stateAt(states[key], position-1)
		if key < string(c.Key) || len(c.Range.To) > 0 && key >= string(c.Range.To) || was.value == nil {
			continue
		}
		count++
		list = binary.AppendUvarint(list, uint64(len(key)))
		list = binary.AppendUvarint(append(list, key...), was.position)
	}
	sum := sha256.Sum256(list)
	return count == c.Range.Count && bytes.Equal(sum[:16], c.Range.Sum)
}

func (s *step) writes() bool {
	return s.Op != "read" && s.Op != "expire" && s.Op != "persist" && s.Op != "ttl"
}

// done is the value that a step leaves, and what is wrong with it.
func (s *step) done(was state) (next *string, problem string) {
	switch s.Op {
	case "read", "expire", "persist", "ttl":
		return was.value, ""
	case "del":
		return nil, ""
	case "put":
		return &s.Value, ""
	case "inc":
		delta := base64.StdEncoding.EncodeToString(strconv.AppendInt(nil, s.Delta, 10))
		sum, ok := add(was.value, &delta)
		if !ok {
			return &sum, "was done on what is no number"
		}
		return &sum, ""
	case "app":
		var whole []byte
		for _, part := range []*string{was.value, &s.Value} {
			if part != nil {
				b, err := base64.StdEncoding.DecodeString(*part)
				if err != nil {
					return was.value, fmt.Sprintf("has a value that is not in base64: %v", err)
				}
				whole = append(whole, b...)
			}
		}
		text := base64.StdEncoding.EncodeToString(whole)
		return &text, ""
	default:
		return was.value, "is not known: " + s.Op
	}
}

// holds tells whether a condition holds. Before the first line a shared group may have had
// another version.
func (c *cond) holds(was state, first uint64) bool {
	switch {
	case c.Version != nil:
		return was.version() == *c.Version || was.position == 0 && *c.Version != 0 && *c.Version < first
	case c.Value != nil:
		return was.value != nil && *was.value == *c.Value
	default:
		return was.value != nil
	}
}
