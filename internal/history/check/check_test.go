package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A small run: n2 joined late, n3 died early. The third write is sent twice,
// the fourth finds another version, and nobody knows what became of the fifth.
const (
	goodHistory = `{"client":0,"session":1,"op":"set","key":"a","value":"eA==","version":3,"position":3,"node":"n1","start":10,"end":20,"status":"ok","expect":0}
{"client":1,"session":2,"op":"add","key":"n","value":"NQ==","version":4,"position":4,"node":"n2","start":10,"end":25,"status":"ok","expect":0}
{"client":1,"session":2,"op":"add","key":"n","value":"LTI=","version":5,"position":5,"node":"n2","start":30,"end":40,"status":"ok","expect":0}
{"client":0,"session":1,"op":"cas","key":"a","value":"eQ==","version":0,"position":7,"node":"n1","start":30,"end":45,"status":"fail","expect":2}
{"client":0,"session":1,"op":"get","key":"n","value":"Mw==","version":5,"position":7,"node":"n1","start":50,"end":55,"status":"ok","expect":0}
{"client":1,"session":2,"op":"set","key":"a","value":"eg==","version":0,"position":0,"node":"","start":50,"end":60,"status":"unknown","expect":0}
{"client":0,"session":1,"op":"del","key":"a","value":null,"version":9,"position":9,"node":"n1","start":60,"end":70,"status":"ok","expect":0}
{"client":1,"session":2,"op":"getstrong","key":"a","value":null,"version":0,"position":9,"node":"n2","start":80,"end":90,"status":"ok","expect":0}
`
	goodLog = `{"pos":1,"view":1,"sender":"n1#1","seq":1,"op":"open","key":"","value":null,"session":0,"sseq":0,"expect":0,"ok":true}
{"pos":2,"view":1,"sender":"n1#1","seq":1,"op":"open","key":"","value":null,"session":0,"sseq":0,"expect":0,"ok":true}
{"pos":3,"view":1,"sender":"n1#1","seq":2,"op":"set","key":"a","value":"eA==","session":1,"sseq":1,"expect":0,"ok":true}
{"pos":4,"view":2,"sender":"n2#2","seq":1,"op":"add","key":"n","value":"NQ==","session":2,"sseq":1,"expect":0,"ok":true}
{"pos":5,"view":2,"sender":"n2#2","seq":2,"op":"add","key":"n","value":"LTI=","session":2,"sseq":2,"expect":0,"ok":true}
{"pos":6,"view":2,"sender":"n1#1","seq":1,"op":"add","key":"n","value":"LTI=","session":2,"sseq":2,"expect":0,"ok":false}
{"pos":7,"view":2,"sender":"n1#1","seq":2,"op":"cas","key":"a","value":"eQ==","session":1,"sseq":2,"expect":2,"ok":false}
{"pos":8,"view":2,"sender":"n1#1","seq":3,"op":"set","key":"a","value":"eg==","session":2,"sseq":3,"expect":0,"ok":true}
{"pos":9,"view":2,"sender":"n1#1","seq":4,"op":"del","key":"a","value":null,"session":1,"sseq":3,"expect":0,"ok":true}
`
)

// verdictOn checks a run whose files are changed by replacing, in the history
// and in the logs, old text by new.
func verdictOn(t *testing.T, historyText, n1, n2, n3 string) (int, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"history": historyText, "n1.jsonl": n1, "n2.jsonl": n2, "n3.jsonl": n3} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	code := run("", filepath.Join(dir, "history"), dir, &out, &out)
	return code, out.String()
}

// lines returns the lines from..to of a text, from 1.
func lines(text string, from, to int) string {
	return strings.Join(strings.SplitAfter(text, "\n")[from-1:to], "")
}

func TestGood(t *testing.T) {
	torn := goodLog + `{"pos":10,"vi`
	code, out := verdictOn(t, goodHistory, torn, lines(goodLog, 4, 9), lines(goodLog, 1, 5))
	if code != 0 || out != "8 operations, 3 nodes, positions 1 to 9: no violation\n" {
		t.Errorf("exit status %d: %s", code, out)
	}
}

// TestOthers passes writes of others by only where it was told that there are
// any.
func TestOthers(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "history")
	for file, text := range map[string]string{name: "", filepath.Join(dir, "n1.jsonl"): goodLog} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for prefix, want := range map[string]string{
		"":     "positions 1 to 9: 5 violations\nagreement: nobody was told of set",
		"a":    "2 writes of others: 3 violations\n",
		"ours": "5 writes of others: no violation\n",
	} {
		var out strings.Builder
		code := run(prefix, name, dir, &out, &out)
		if code == 0 != (prefix == "ours") || !strings.Contains(out.String(), want) {
			t.Errorf("prefix %q: exit status %d, want %q: %s", prefix, code, want, out.String())
		}
	}
}

// TestBad proves that each kind of violation is one.
func TestBad(t *testing.T) {
	type files struct{ history, n1, n2, n3 string }
	everywhere := func(old, now string) func(*files) {
		return func(f *files) {
			for _, text := range []*string{&f.n1, &f.n2, &f.n3} {
				*text = strings.Replace(*text, old, now, 1)
			}
		}
	}
	told := func(old, now string) func(*files) {
		return func(f *files) { f.history = strings.Replace(f.history, old, now, 1) }
	}
	for _, test := range []struct {
		name, want string
		spoil      func(*files)
	}{
		{"a gap", "order: n2.jsonl goes from position 4 to 6", func(f *files) { f.n2 = lines(goodLog, 4, 4) + lines(goodLog, 6, 9) }},
		{"a repeat", "order: n2.jsonl goes from position 4 to 4", func(f *files) { f.n2 = lines(goodLog, 4, 4) + f.n2 }},
		{"another command", "order: n2.jsonl has", func(f *files) { f.n2 = strings.Replace(f.n2, "NQ==", "Ng==", 1) }},
		{"another effect", "order: n3.jsonl has", func(f *files) { f.n3 = strings.Replace(f.n3, "true", "false", 1) }},
		{"another view", "order: n3.jsonl has", func(f *files) { f.n3 = strings.Replace(f.n3, `"view":1`, `"view":3`, 1) }},
		{"a sender out of step", "after its message", everywhere(`"pos":8,"view":2,"sender":"n1#1","seq":3`, `"pos":8,"view":2,"sender":"n1#1","seq":1`)},
		{"a write lost", "agreement: set", everywhere(`"pos":3,"view":1,"sender":"n1#1","seq":2,"op":"set"`, `"pos":3,"view":1,"sender":"n1#1","seq":2,"op":"tick"`)},
		{"a write without effect", "agreement: set", everywhere(`"sseq":1,"expect":0,"ok":true`, `"sseq":1,"expect":0,"ok":false`)},
		{"a write twice", "took effect before, at position 5", everywhere(`"sseq":2,"expect":0,"ok":false`, `"sseq":2,"expect":0,"ok":true`)},
		{"a write of nobody", "agreement: nobody was told of set", told(`"status":"unknown"`, `"status":"fail"`)},
		{"a conflict that took effect", "agreement: cas", everywhere(`"expect":2,"ok":false`, `"expect":2,"ok":true`)},
		{"a conflict without reason", "agreement: cas", told(`"status":"fail"`, `"status":"ok"`)},
		{"a cas against its expectation", "reads: cas", func(f *files) {
			everywhere(`"expect":2,"ok":false`, `"expect":2,"ok":true`)(f)
			told(`"version":0,"position":7,"node":"n1","start":30,"end":45,"status":"fail"`, `"version":7,"position":7,"node":"n1","start":30,"end":45,"status":"ok"`)(f)
		}},
		{"another version told", "the version is not the position", told(`"version":3,"position":3`, `"version":2,"position":3`)},
		{"another position told", "agreement: set", told(`"version":3,"position":3`, `"version":4,"position":4`)},
		{"a value never written", "reads: get", told(`"value":"Mw=="`, `"value":"NA=="`)},
		{"a value of before", "reads: get", told(`"value":"Mw==","version":5`, `"value":"NQ==","version":4`)},
		{"a variable missed", "reads: get", told(`"value":"Mw==","version":5`, `"value":null,"version":0`)},
		{"a read beyond the logs", "the logs do not reach", told(`"version":5,"position":7`, `"version":5,"position":99`)},
		{"a session that goes back", "session: get", told(`"version":5,"position":7,"node":"n1","start":50`, `"version":5,"position":6,"node":"n1","start":50`)},
		{"a strong read that is stale", "strong: getstrong", told(`"value":null,"version":0,"position":9`, `"value":"eg==","version":8,"position":8`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := files{goodHistory, goodLog, lines(goodLog, 4, 9), lines(goodLog, 1, 5)}
			before := f
			test.spoil(&f)
			if f == before {
				t.Fatal("nothing was changed")
			}
			code, out := verdictOn(t, f.history, f.n1, f.n2, f.n3)
			if code != 1 || !strings.Contains(out, test.want) {
				t.Errorf("exit status %d, want 1 and %q: %s", code, test.want, out)
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	for _, test := range []struct{ name, history, log, want string }{
		{"no JSON", "nonsense\n", goodLog, "line 1"},
		{"a field too few", `{"client":0}` + "\n", goodLog, "1 fields, want 12"},
		{"a field too many", goodHistory, strings.Replace(goodLog, `{"pos"`, `{"more":1,"pos"`, 1), "12 fields, want 11"},
	} {
		if code, out := verdictOn(t, test.history, test.log, test.log, test.log); code != 2 || !strings.Contains(out, test.want) {
			t.Errorf("%s: exit status %d, want 2 and %q: %s", test.name, code, test.want, out)
		}
	}
	var out strings.Builder
	if code := run("", "/nonexistent", t.TempDir(), &out, &out); code != 2 {
		t.Errorf("exit status %d without files", code)
	}
	name := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(name, []byte(goodHistory), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := run("", name, t.TempDir(), &out, &out); code != 2 || !strings.Contains(out.String(), "no delivery logs") {
		t.Errorf("exit status %d without logs: %s", code, out.String())
	}
}
