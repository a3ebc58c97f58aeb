package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/console"
	"github.com/seed-8247e700/dsm/server"
)

// field is what docs/json.md says of a field.
type field struct {
	kind   string
	always bool
}

// documented reads the tables of docs/json.md, by heading and path.
func documented(t *testing.T) map[string]map[string]field {
	t.Helper()
	text, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]map[string]field{}
	heading := ""
	row := regexp.MustCompile("^\\| `([^`]+)` \\| ([a-z0-9 ]+) \\| (.*)\\|$")
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "## "); ok {
			heading = name
			tables[heading] = map[string]field{}
		} else if m := row.FindStringSubmatch(line); m != nil {
			tables[heading][m[1]] = field{m[2], strings.HasPrefix(m[3], "always")}
		}
	}
	return tables
}

var kinds = map[string]*regexp.Regexp{
	"decimal": regexp.MustCompile(`^(0|[1-9][0-9]{0,19})$`),
	"hex":     regexp.MustCompile(`^[0-9a-f]{16}$`),
}

// is reports whether a value is of a type that docs/json.md names.
func is(kind string, value any) bool {
	text, isText := value.(string)
	switch kind {
	case "text":
		return isText
	case "decimal", "hex":
		return isText && kinds[kind].MatchString(text)
	case "base64":
		_, err := base64.StdEncoding.DecodeString(text)
		return isText && err == nil
	case "duration":
		_, err := time.ParseDuration(text)
		return isText && err == nil
	case "integer", "bytes":
		n, ok := value.(json.Number)
		_, err := n.Int64()
		return ok && err == nil
	case "boolean":
		_, ok := value.(bool)
		return ok
	case "object":
		_, ok := value.(map[string]any)
		return ok
	case "list":
		_, ok := value.([]any)
		return ok
	}
	if of, ok := strings.CutPrefix(kind, "list of "); ok {
		list, isList := value.([]any)
		return isList && !slices.ContainsFunc(list, func(v any) bool { return !is(of, v) })
	}
	return false
}

// compare finds what an object has that its table has not, and the other way.
func compare(table map[string]field, prefix string, object map[string]any) (wrong []string) {
	for name, value := range object {
		path := prefix + name
		f, ok := table[path]
		if !ok || !is(f.kind, value) {
			wrong = append(wrong, fmt.Sprintf("%s is %v, documented as %q", path, value, f.kind))
			continue
		}
		switch v := value.(type) {
		case map[string]any:
			wrong = append(wrong, compare(table, path+".", v)...)
		case []any:
			within := path
			if path == "others" {
				within = "members"
			}
			for _, element := range v {
				if o, ok := element.(map[string]any); ok {
					wrong = append(wrong, compare(table, within+"[].", o)...)
				}
			}
		}
	}
	for path, f := range table {
		name, ok := strings.CutPrefix(path, prefix)
		if _, there := object[name]; ok && f.always && !there && !strings.ContainsAny(name, ".[") {
			wrong = append(wrong, path+" is missing")
		}
	}
	return wrong
}

// checkJSON demands that text is one object, as the heading of docs/json.md has it.
func checkJSON(t *testing.T, what, heading string, text []byte) {
	t.Helper()
	for _, r := range string(text) {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%s prints %q", what, r)
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil || decoder.More() {
		t.Errorf("%s prints no single object: %v: %s", what, err, text)
		return
	}
	table := documented(t)[heading]
	if table == nil {
		t.Fatalf("docs/json.md has no %q, but %q", heading, slices.Collect(maps.Keys(documented(t))))
	}
	if wrong := compare(table, "", object); len(wrong) > 0 {
		t.Errorf("%s prints what is not documented under %s: %s\n%s", what, heading, strings.Join(wrong, "; "), text)
	}
}

// Every command prints what docs/json.md says, results and errors alike.
func TestJSONIsDocumented(t *testing.T) {
	g := startGroupOf(t)
	const variables, nowhere = "get, set, cas, add, del", " --dsn dsm://127.0.0.1:1 --timeout 100ms"
	script := filepath.Join(t.TempDir(), "script")
	lines := "if once absent\nput once 1\napp log x\ninc n 1\nread log\ndel nothing\nttl n\nexpire n 1h\nttl n\npersist n\nelse\nread k\nread nothing\n"
	if err := os.WriteFile(script, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args    string
		heading string // "": nothing on stdout
		status  int
	}{
		{"set k v", variables, exitOK},
		{"set k -", variables, exitOK},
		{"get k", variables, exitOK},
		{"get k --strong", variables, exitOK},
		{"set \xff \x1b\u009b\u202e", variables, exitOK},
		{"get \xff", variables, exitOK},
		{"add n 5", variables, exitOK},
		{"add n -7", variables, exitOK},
		{"cas new v --version 0", variables, exitOK},
		{"del new", variables, exitOK},
		{"set if v --if-absent", variables, exitOK},
		{"append log \xff", "append", exitOK},
		{"append \xff x --if-present", "append", exitOK},
		{"set short v --ttl 1h", variables, exitOK},
		{"set short v --keep-ttl", variables, exitOK},
		{"append short v --ttl 2h", "append", exitOK},
		{"ttl short", "ttl, expire, persist", exitOK},
		{"expire short 3h", "ttl, expire, persist", exitOK},
		{"expire \xff 3h", "ttl, expire, persist", exitOK},
		{"ttl \xff", "ttl, expire, persist", exitOK},
		{"persist \xff", "ttl, expire, persist", exitOK},
		{"txn " + script, "txn", exitOK},
		{"txn " + script + " --timeout 5s", "txn", exitOK}, // its other branch
		{"ls", "ls", exitOK},
		{"ls --prefix nothing", "ls", exitOK},
		{"ls --limit 1 --strong", "ls", exitOK},
		{"ls --limit 1000000000 --after a", "ls", exitOK},
		{"scan", "scan", exitOK},
		{"scan nothing", "scan", exitOK},
		{"scan --limit 1 --reverse", "scan", exitOK},
		{"scan --keys-only --from k", "scan", exitOK},
		{"scan --at 1", "", exitGone},
		{"scan --limit 0", "", exitUsage},
		{"scan k --from a", "", exitUsage},
		{"scan --from b --to a", "", exitUsage},
		{"scan \x00", "", exitUsage},
		{"scan k l", "", exitUsage},
		{"scan" + nowhere, "", exitUnavailable},
		{"count", "count", exitOK},
		{"count k", "count", exitOK},
		{"count --at 1", "", exitGone},
		{"count --to " + strings.Repeat("p", 1025), "", exitUsage},
		{"count" + nowhere, "", exitUnavailable},
		{"watch --from 1 -o text", "", exitGone},
		{"watch --initial --from 1", "", exitUsage},
		{"watch k --prefix k", "", exitUsage},
		{"watch --count 0", "", exitUsage},
		{"watch --progress 999ms", "", exitUsage},
		{"watch" + nowhere, "", exitUnavailable},
		{"sessions", "sessions", exitOK},
		{"sessions --after 1 --limit 1", "sessions", exitOK},
		{"sessions 1", "", exitNotFound},
		{"sessions x", "", exitUsage},
		{"sessions" + nowhere, "", exitUnavailable},
		{"sessions --dsn dsm://" + g.registry, "", exitUnavailable},
		{"status", "status", exitOK},
		{"status --dsn dsm+registry://" + g.registry, "status", exitOK},
		{"registry status --registry " + g.registry, "registry status", exitOK},
		{"version", "version", exitOK},

		{"get nothing", "", exitNotFound},
		{"del nothing", "", exitNotFound},
		{"cas k w --version 1", "", exitConflict},
		{"cas nothing w --version 1", "", exitConflict},
		{"add k 1", "", exitFailure},
		{"set k v --if-absent", "", exitConflict},
		{"set k v --if-absent --if-present", "", exitUsage},
		{"append k v --if-version 1", "", exitConflict},
		{"append k", "", exitUsage},
		{"ttl k", "", exitNoTTL},
		{"ttl nothing", "", exitNotFound},
		{"expire nothing 1h", "", exitNotFound},
		{"persist nothing", "", exitNotFound},
		{"ttl k l", "", exitUsage},
		{"expire k", "", exitUsage},
		{"expire k 0s", "", exitUsage},
		{"expire k -5s", "", exitUsage},
		{"expire k 876001h", "", exitUsage},
		{"expire k 10", "", exitUsage},
		{"persist", "", exitUsage},
		{"set k v --ttl 0s", "", exitUsage},
		{"set k v --ttl 876001h", "", exitUsage},
		{"set k v --ttl 1s --keep-ttl", "", exitUsage},
		{"set k v --keep-ttl --if-absent", "", exitUsage},
		{"set k v --keep-ttl --if-version 0", "", exitUsage},
		{"append k v --ttl -1s", "", exitUsage},
		{"ttl k" + nowhere, "", exitUnavailable},
		{"expire k 1h" + nowhere, "", exitUnavailable},
		{"persist k" + nowhere, "", exitUnavailable},
		{"txn", "", exitUsage}, // of what stdin has
		{"txn no/such/file", "", exitUsage},
		{"txn a b", "", exitUsage},
		{"txn " + script + nowhere, "", exitUnavailable},
		{"get k" + nowhere, "", exitUnavailable},
		{"set k v" + nowhere, "", exitUnavailable},
		{"add k 1" + nowhere, "", exitUnavailable},
		{"cas k v --version 1" + nowhere, "", exitUnavailable},
		{"del k" + nowhere, "", exitUnavailable},
		{"ls" + nowhere, "", exitUnavailable},
		{"ls --dsn dsm://" + g.registry, "", exitUnavailable},
		{"ls --page-token " + pageToken{"127.0.0.1:1", 1, 1, "", "k"}.String(), "", exitUnavailable},
		{"ls --page-token " + pageToken{strings.TrimPrefix(g.dsn, "dsm://"), 1, 99, "", "k"}.String(), "", exitFailure},
		{"ls --page-token " + pageToken{strings.TrimPrefix(g.dsn, "dsm://"), 99, 1, "", "k"}.String(), "", exitUnavailable},
		{"ls --page-token x", "", exitUsage},
		{"ls --limit 0", "", exitUsage},
		{"ls --limit -1", "", exitUsage},
		{"ls --limit 99999999999999999999", "", exitUsage},
		{"ls --prefix \x00", "", exitUsage},
		{"ls --prefix " + strings.Repeat("p", 1025), "", exitUsage},
		{"ls --after " + strings.Repeat("p", 1025), "", exitUsage},
		{"ls --strong --stale", "", exitUsage},
		{"ls k", "", exitUsage},
		{"status" + nowhere, "", exitUnavailable},
		{"status --dsn dsm://" + g.registry, "", exitUnavailable},
		{"registry status --registry 127.0.0.1:1", "", exitUnavailable},
		{"registry new-generation --force --registry 127.0.0.1:1", "", exitUnavailable},
		{"registry new-generation --registry " + g.registry, "", exitFailure},

		{"get", "", exitUsage},
		{"get k l", "", exitUsage},
		{"get \x1b[2J --nonsense", "", exitUsage},
		{"get k -x", "", exitUsage},
		{"get k --timeout soon", "", exitUsage},
		{"get k --dsn http://h", "", exitUsage},
		{"get k --timeout 0s", "", exitUsage},
		{"status k", "", exitUsage},
		{"version k", "", exitUsage},
		{"gte k", "", exitUsage},
		{"registry sttaus", "", exitUsage},
		{"registry status --registry h", "", exitUsage},
		{"registry new-generation --registry h", "", exitUsage},
		{"registry", "", exitUsage}, // which has no -o
		{"server --id n1", "", exitUsage},
		{"help nosuch", "", exitUsage},
	} {
		for _, flag := range []string{"-o json", "-ojson", "-o=json", "--output json", "--output=json", "-o text -o json"} {
			if flag != "-o json" && !strings.HasPrefix(test.args, "get") {
				continue
			}
			var stdout, stderr bytes.Buffer
			s := &surroundings{stdin: strings.NewReader("from stdin"), stdout: &stdout, stderr: &stderr}
			args := strings.Split(test.args+" "+flag, " ")
			if !strings.Contains(test.args, "--dsn") && !slices.Contains([]string{"registry", "server", "version", "help", "gte"}, args[0]) {
				args = append(args, "--dsn", g.dsn)
			}
			what := fmt.Sprintf("dsm %q", args)
			if status := run(t.Context(), args, s); status != test.status {
				t.Errorf("%s: status %d, want %d; stderr %s", what, status, test.status, &stderr)
			}
			if test.heading != "" {
				checkJSON(t, what, test.heading, stdout.Bytes())
			} else if stdout.Len() > 0 {
				t.Errorf("%s prints %s", what, &stdout)
			}
			if test.status == exitOK && stderr.Len() > 0 {
				t.Errorf("%s says %s", what, &stderr)
			}
			if test.status != exitOK {
				checkJSON(t, what, "Errors", stderr.Bytes())
				var got struct{ Error console.Failure }
				if err := json.Unmarshal(stderr.Bytes(), &got); err != nil || got.Error.ExitStatus != test.status || got.Error.Code != codeOf(test.status) {
					t.Errorf("%s: %+v, %v", what, got, err)
				}
			}
		}
	}
}

// What no group of one node shows is documented too.
func TestJSONOfStates(t *testing.T) {
	answer := &nodeAnswer{Phase: "normal", View: 1 << 60, Position: 1<<64 - 1}
	for heading, v := range map[string]any{
		"status": groupStatus{
			Members:  []nodeStatus{{ID: "n1", Error: "refused"}, {ID: "n2", nodeAnswer: answer}},
			Others:   []nodeStatus{{ID: "n3", Rank: -1, nodeAnswer: answer}},
			Sessions: server.SessionsStatus{Alive: 3, Limit: 4, ClientLimit: 3, Clients: 1, Most: []server.ClientStatus{{Name: "c", Sessions: 3}}},
		},
		"registry status": membership{
			Problem: "full", Attempt: &attempt{ID: 1 << 60, Members: []string{"n1#1"}},
			Settings: settings{Detection: "2s", Heartbeat: "1s", AttemptTimeout: "1s", SessionTTL: "1m0s", Tick: "1s", Audit: "1m0s"},
			Nodes:    []registeredNode{{ID: "n1", Silent: "1s", WaitsFor: "x"}},
		},
		"registry new-generation": newGeneration{1 << 63},
		"watch":                   newWatchEvent(&driver.Event{Kind: driver.EventPut, Key: "\xff", Value: driver.Value{Version: 1 << 63}, Old: driver.Value{Version: 1}}),
		"version":                 release{Revision: "abc", Modified: true},
	} {
		var stdout bytes.Buffer
		s := &surroundings{stdout: &stdout}
		if err := s.showJSON(v); err != nil {
			t.Fatal(err)
		}
		checkJSON(t, heading, heading, stdout.Bytes())
	}
}

// The lists of exit statuses say the same: the code, its help, README and
// docs/json.md.
func TestExitStatusesAreDocumented(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, o := range outcomes {
		code := ""
		if o.code != "" {
			code = "`" + o.code + "` "
			if !strings.Contains(string(page), "`"+o.code+"`") {
				t.Errorf("docs/json.md lacks %s", o.code)
			}
		}
		if row := fmt.Sprintf("| %d | %s| %s |\n", o.status, code, o.meaning); !strings.Contains(string(readme), row) {
			t.Errorf("README lacks %s", row)
		}
		rows++
	}
	_, table, _ := strings.Cut(string(readme), "| status | code | meaning |")
	table, _, _ = strings.Cut(table, "\n\n")
	if n := strings.Count(table, "\n| "); n != rows {
		t.Errorf("README lists %d exit statuses, and there are %d", n, rows)
	}
	help := strings.Join(strings.Fields(newRoot(&surroundings{}).Long), " ")
	for _, o := range outcomes {
		if want := fmt.Sprintf("%d %s", o.status, o.meaning); !strings.Contains(help, want) {
			t.Errorf("the help lacks %s", want)
		}
	}
}
