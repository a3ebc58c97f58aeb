package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// ran runs a command, and demands an exit status.
func ran(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, complaints bytes.Buffer
	s := &surroundings{stdin: strings.NewReader(""), stdout: &out, stderr: &complaints}
	if status := run(t.Context(), args, s); status != want {
		t.Errorf("dsm %q: status %d, want %d: %s", args, status, want, &complaints)
	}
	return out.String(), complaints.String()
}

// sessionsOf opens a handle with sessions that have a TTL of their own, and returns their ids
// in order.
func sessionsOf(t *testing.T, dsn string, n int) (sessions []*driver.Conn, ids []uint64) {
	t.Helper()
	db, err := driver.Open(dsn + "?client=a+worker")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	for range n {
		c, err := db.Session(t.Context(), driver.SessionTTL(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		id, err := c.SessionID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sessions, ids = append(sessions, c), append(ids, id)
	}
	return sessions, ids
}

// Sessions are listed by their ids with what is known of them, and one with its variables.
func TestSessions(t *testing.T) {
	dsn := startGroup(t)
	if out, complaints := ran(t, exitOK, "sessions", "--strong", "--dsn", dsn); out+complaints != "" {
		t.Errorf("of nobody: %q, %q", out, complaints)
	}
	sessions, ids := sessionsOf(t, dsn, 2)
	for i, key := range []string{"b", "a\n", "\xff"} {
		if _, err := sessions[1].Set(t.Context(), key, nil, driver.Ephemeral); err != nil {
			t.Fatal(i, err)
		}
	}
	const head = ` +id +ttl +left +owns +write  client\n`
	row := func(id uint64, owns, write int) string {
		return fmt.Sprintf(` *%d  1h0m0s +(?:1h0m0s|59m[0-9.]+s) +%d +%d  a worker at 127\.0\.0\.1\n`, id, owns, write)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, head + row(ids[0], 0, 0) + row(ids[1], 3, 3)},
		{[]string{"--limit", "5", "--after", decimal(ids[0] - 1), "--stale"}, head + row(ids[0], 0, 0) + row(ids[1], 3, 3)},
		{[]string{"--after", decimal(ids[0])}, head + row(ids[1], 3, 3)},
		{[]string{"--after", decimal(ids[1])}, ""},
		{[]string{decimal(ids[0])}, head + row(ids[0], 0, 0)},
		{[]string{decimal(ids[1])}, head + row(ids[1], 3, 3) + `  a\\n\n  b\n  \\xff\n`},
		{[]string{decimal(ids[1]), "--keys-only"}, `a\\n\nb\n\\xff\n`},
	} {
		out, complaints := ran(t, exitOK, append([]string{"sessions", "--dsn", dsn}, test.args...)...)
		if !regexp.MustCompile(`\A` + test.want + `\z`).MatchString(out) {
			t.Errorf("%q: %q, want %q", test.args, out, test.want)
		}
		if stale := slices.Contains(test.args, "--stale"); stale != strings.Contains(complaints, "n1 had these at position") {
			t.Errorf("%q: it says %q", test.args, complaints)
		}
	}
	out, complaints := ran(t, exitOK, "sessions", "--dsn", dsn, "--limit", "1")
	if !regexp.MustCompile(`\A`+head+row(ids[0], 0, 0)+`\z`).MatchString(out) || !strings.Contains(complaints, fmt.Sprintf("continue with: dsm sessions --after %d\n", ids[0])) {
		t.Errorf("the first: %q, %q", out, complaints)
	}
	for _, args := range []string{"", " --limit 1", " --limit 5", " --after " + decimal(ids[1]), " " + decimal(ids[0]), " " + decimal(ids[1])} {
		out, complaints := ran(t, exitOK, strings.Fields("sessions -o json --dsn "+dsn+args)...)
		checkJSON(t, "sessions"+args, "sessions", []byte(out))
		if complaints != "" {
			t.Errorf("%s: it says %q", args, complaints)
		}
	}
	out, _ = ran(t, exitOK, "sessions", "-o", "json", "--dsn", dsn, decimal(ids[1]))
	if !strings.Contains(out, `"owns":3,"write":"3","variables":[`+"\n      "+`{"key":"a\n"},`+"\n      "+`{"key":"b"},`) || !strings.Contains(out, `"key_base64":"/w=="`) || !strings.Contains(out, `"own_ttl":true`) {
		t.Errorf("%s", out)
	}
	out, _ = ran(t, exitOK, "sessions", "-o", "json", "--dsn", dsn, "--limit", "1")
	if !strings.Contains(out, fmt.Sprintf("\n  ],\n  \"next\": \"%d\"\n}\n", ids[0])) {
		t.Errorf("%s", out)
	}
	// Completion.
	out, _ = ran(t, exitOK, "__complete", "sessions", "--dsn", dsn, decimal(ids[1]))
	if !strings.HasPrefix(out, decimal(ids[1])+"\ta worker\n:4") {
		t.Errorf("completed: %q", out)
	}
	if out, _ = ran(t, exitOK, "__complete", "sessions", "--dsn", dsn, "x"); !strings.HasPrefix(out, ":4") {
		t.Errorf("completed: %q", out)
	}
	if out, _ = ran(t, exitOK, "__complete", "sessions", "--dsn", dsn, "1", ""); !strings.HasPrefix(out, ":4") {
		t.Errorf("completed: %q", out)
	}
}

func TestSessionsThatCannotBeListed(t *testing.T) {
	dsn := startGroup(t)
	for args, want := range map[string]struct {
		status int
		says   string
	}{
		"7":                    {exitNotFound, "dsm: there is no session 7: it has ended, or never was\n"},
		"7 --wait":             {exitNotFound, "there is no session 7"},
		"7 -o json":            {exitNotFound, `"code":"not_found"`},
		"0":                    {exitUsage, `ID "0": must be the id of a session`},
		"x":                    {exitUsage, `ID "x": must be the id of a session`},
		"1 2":                  {exitUsage, "unexpected argument"},
		"--limit 0":            {exitUsage, "--limit 0: must be above 0"},
		"--limit -1":           {exitUsage, "--limit -1: must be above 0"},
		"--after -1":           {exitUsage, "--after"},
		"--keys-only":          {exitUsage, "--keys-only is for the variables of one session"},
		"--strong --stale":     {exitUsage, "--strong cannot be combined with --stale"},
		"7 --limit 1":          {exitUsage, "leave out the ID"},
		"7 --after 1":          {exitUsage, "leave out the ID"},
		"7 --keys-only -ojson": {exitUsage, "--keys-only cannot be combined with -o json"},
		"--timeout 100ms --dsn dsm://127.0.0.1:1": {exitUnavailable, "no server answers with the sessions"},
	} {
		out, complaints := ran(t, want.status, append([]string{"sessions", "--dsn", dsn}, strings.Fields(args)...)...)
		if out != "" || !strings.Contains(complaints, want.says) {
			t.Errorf("%s: %q, %q", args, out, complaints)
		}
	}
}

// A listing of several pages has every session once, also if its server fails in between.
func TestSessionsInPages(t *testing.T) {
	dsn := startGroup(t)
	_, ids := sessionsOf(t, dsn, wire.MaxListedSessions+3)
	out, _ := ran(t, exitOK, "sessions", "--dsn", dsn)
	var got []uint64
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	for _, line := range lines[1:] {
		var id uint64
		if _, err := fmt.Sscan(line, &id); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got = append(got, id)
	}
	if !slices.Equal(got, ids) {
		t.Errorf("%d sessions, want %d", len(got), len(ids))
	}
	out, _ = ran(t, exitOK, "sessions", "--dsn", dsn, "--limit", decimal(wire.MaxListedSessions+1))
	if n := strings.Count(out, "\n"); n != wire.MaxListedSessions+2 {
		t.Errorf("%d lines with a limit", n)
	}

	f := &sessionsFlags{target: target{dsn: dsn, timeout: time.Minute, format: format{formatText}}}
	_, found, err := f.parse()
	if err != nil {
		t.Fatal(err)
	}
	l := sessionLister{target: &f.target, dsn: found}
	first, err := l.page(t.Context(), wire.SessionsQuery{})
	if err != nil || len(first.Sessions) != wire.MaxListedSessions || !first.More {
		t.Fatalf("%d sessions, more: %v, %v", len(first.Sessions), first.More, err)
	}
	if err := l.conn.Close(); err != nil { // as if it had failed
		t.Fatal(err)
	}
	rest, err := l.page(t.Context(), wire.SessionsQuery{After: first.Sessions[len(first.Sessions)-1].ID})
	if err != nil || len(rest.Sessions) != 3 || rest.More || l.node != "n1" {
		t.Errorf("%d sessions, more: %v, %v", len(rest.Sessions), rest.More, err)
	}
	if _, err := l.page(t.Context(), wire.SessionsQuery{ID: 7}); !errors.Is(err, driver.ErrNotFound) || l.conn == nil {
		t.Errorf("a session that is none: %v", err)
	}
	if err := errors.Join(l.close(), l.close()); err != nil {
		t.Error(err)
	}
}

// Pages that are none end a listing, which would go on without end.
func TestSessionsOfABadServer(t *testing.T) {
	for i, test := range []struct {
		q    wire.SessionsQuery
		page wire.SessionsPage
		fine bool
	}{
		{wire.SessionsQuery{}, wire.SessionsPage{}, true},
		{wire.SessionsQuery{}, wire.SessionsPage{More: true}, false},
		{wire.SessionsQuery{ID: 1}, wire.SessionsPage{}, false},
		{wire.SessionsQuery{ID: 1}, wire.SessionsPage{Sessions: make([]wire.ListedSession, 1)}, true},
		{wire.SessionsQuery{ID: 1}, wire.SessionsPage{Sessions: make([]wire.ListedSession, 2)}, false},
		{wire.SessionsQuery{ID: 1}, wire.SessionsPage{More: true, Sessions: make([]wire.ListedSession, 1)}, false},
		{wire.SessionsQuery{ID: 1}, wire.SessionsPage{More: true, Sessions: make([]wire.ListedSession, 1), Keys: []string{"k"}}, true},
	} {
		if err := checkSessions(&test.q, &test.page); (err == nil) != test.fine {
			t.Errorf("%d: %v", i, err)
		}
	}
	if got := span(1<<64 - 1); got != span(1<<63/1_000_000) {
		t.Errorf("an endless time is %s", got)
	}
	if !hopeless(fmt.Errorf("wrapped: %w", client.ErrNoSessions)) || hopeless(context.Canceled) {
		t.Error("a command waits for a server of another release")
	}
}

func TestClientOf(t *testing.T) {
	for _, test := range []struct{ name, address, want string }{
		{"", "", "-"}, {"app", "", "app"}, {"", "10.0.0.1", "- at 10.0.0.1"}, {"app", "embedded in n1", "app at embedded in n1"},
	} {
		if got := clientOf(&wire.ListedSession{Name: test.name, Address: test.address}); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

// The variables of further pages follow those of the first.
func TestSessionsArePrintedAsTheyCome(t *testing.T) {
	one := []wire.ListedSession{{ID: 7, TTL: 1000, Left: 900, Owned: 2, Writes: 5}}
	for _, test := range []struct {
		flags sessionsFlags
		want  string
	}{
		{sessionsFlags{}, "id  ttl   left  owns  write  client\n 7   1s  900ms     2      5  -\n  a\n  b\n"},
		{sessionsFlags{keysOnly: true}, "a\nb\n"},
		{sessionsFlags{target: target{format: format{formatJSON}}}, "{\n  \"position\": \"9\",\n  \"sessions\": [\n    {\"id\":\"7\",\"name\":\"\",\"address\":\"\",\"ttl\":\"1s\",\"own_ttl\":false,\"left\":\"900ms\",\"owns\":2,\"write\":\"5\",\"variables\":[\n      {\"key\":\"a\"},\n      {\"key\":\"b\"}]}\n  ]\n}\n"},
	} {
		var stdout bytes.Buffer
		p := test.flags.printer(&surroundings{stdout: &stdout}, true)
		err := errors.Join(
			p.page(9, &wire.SessionsPage{More: true, Sessions: one, Keys: []string{"a"}}),
			p.page(10, &wire.SessionsPage{Sessions: one, Keys: []string{"b"}}),
			p.end(""),
		)
		if err != nil || stdout.String() != test.want || p.printed() != 2 {
			t.Errorf("%d printed: %q, want %q, %v", p.printed(), &stdout, test.want, err)
		}
	}
}

// Pages do not go back, whichever server sends them, and --strong sees what came before.
func TestSessionsDoNotGoBack(t *testing.T) {
	f := &sessionsFlags{target: target{dsn: startGroup(t), timeout: time.Minute, format: format{formatText}}}
	_, found, err := f.parse()
	if err != nil {
		t.Fatal(err)
	}
	plain, strong := sessionLister{target: &f.target, dsn: found}, sessionLister{target: &f.target, dsn: found, strong: true}
	_, err = plain.page(t.Context(), wire.SessionsQuery{})
	_, other := strong.page(t.Context(), wire.SessionsQuery{})
	if err := errors.Join(err, other, strong.close()); err != nil || plain.position == 0 || strong.position <= plain.position {
		t.Errorf("strong at %d, and before at %d, %v", strong.position, plain.position, err)
	}
	f.timeout = 50 * time.Millisecond
	plain.position = 1 << 62
	if _, err := plain.page(t.Context(), wire.SessionsQuery{}); err == nil || plain.conn != nil || plain.position != 1<<62 {
		t.Errorf("a page from before, at %d, %v", plain.position, err)
	}
	if _, err := plain.page(t.Context(), wire.SessionsQuery{}); err == nil {
		t.Errorf("another server's page from before, at %d", plain.position)
	}
}
