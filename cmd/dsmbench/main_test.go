package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/bench/workload"
	"github.com/seed-8247e700/dsm/internal/console"
)

// TestBadInput names the thing and what to do, and starts nothing.
func TestBadInput(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"-nodes 0", "--nodes 0: must be from 1 to 64"},
		{"--nodes four", `invalid argument "four" for "--nodes": must be a whole number`},
		{"-nodez 3", "unknown flag: --nodez"},
		{"-x", "unknown shorthand flag: 'x'"},
		{"-writes 50", "write it like 50% or 0.5"},
		{"-writes 101%", "write it like 50% or 0.5"},
		{"-writes", "flag needs an argument: --writes"},
		{"-clients 0", "--clients 0"},
		{"-keys 99999999999", "--keys"},
		{"-value-size 1", "--value-size 1: must be from 8 to 1048576"},
		{"-duration 0s", "--duration 0s"},
		{"-duration 5", "--duration"},
		{"-dist pareto", "--dist pareto: must be uniform or zipfian"},
		{"-delivery best-effort", "--delivery best-effort: must be safe or agreed"},
		{"-rate -1", "--rate -1"},
		{"-seed -1", "--seed"},
		{"-output xml", "--output xml: must be table or json"},
		{"-embedded -processes", "leave one out"},
		{"-embedded -conns 2", "--conns"},
		{"-workload other", "--workload other: must be mixed, watch"},
		{"-workload bank -writes 50%", "--writes has no place in --workload bank, which decides that itself: leave it out, or use --workload mixed"},
		{"-workload bank -keys 1", "--keys 1: must be from 2 to 4000"},
		{"-watchers 2 -stuck 3", "--stuck 3: must be from 0 to 2"},
		{"-watchers 100001", "--watchers"},
		{"-target dsm://h:1 -nodes 3", "--nodes is set by the running group"},
		{"-target dsm://h:1 -delivery agreed", "--delivery is set by the running group"},
		{"-target dsm://h:1 -embedded", "leave one out"},
		{"-keep", "--keep leaves variables in a running group: give one with --target"},
		{"-target=", "--target is empty"},
		{"-target ftp://h:1", "must begin with dsm:// or dsm+registry://"},
		{"-faults kill:n1", `--faults: not a schedule of faults: "kill:n1": it does not say when, after an @; write it like kill:n1@3s`},
		{"-faults kil:n1@1s", "the faults are kill, leave, restart, pause, cut, reset, slow, registry and diskfull"},
		{"-faults kill:n9@1s", "impossible schedule of faults: kill:n9@1s: there is no n9, only n1 to n4"},
		{"-faults kill:n1@5s", "comes after the end, 5s"},
		{"-faults random", "--faults: no room for random faults: 5s is too short, they need at least 20s"},
		{"-faults=", "--faults is empty"},
		{"-faults registry@1s -embedded", "--embedded puts them into this one: leave one out"},
		{"-faults registry@1s -target dsm://h:1", "--target uses one that runs already: leave one out"},
		{"-faults registry@1s -duration 25h", "at most 24h with --faults"},
		{"nodes=4", `unexpected argument "nodes=4": did you mean --nodes?`},
		{"hostlie", `unexpected argument "hostlie": did you mean "hostile"?`},
		{"wombat", `unexpected argument "wombat": the commands are curve, delays, help, hostile, idle, join`},
		{"help nosuch", `unexpected argument "nosuch": the commands are`},
		{"help jion", `unexpected argument "jion": did you mean "join"?`},
		{"help join x", `unexpected argument "x": dsmbench join takes only flags`},
		{"-duratoin 5s", "unknown flag: --duratoin: did you mean --duration?"},
		{"--wirtes=50%", "unknown flag: --wirtes: did you mean --writes?"},
		{"-value_size 8", "did you mean --value-size?"},
		{"curve -dimensoin keys", "unknown flag: --dimensoin: did you mean --dimension?"},
		{"jion -size 1GiB", `did you mean "join"?`},
		{"join -szie 1GiB", "did you mean --size?"},
		{"hostile -atacks idle", "did you mean --attacks?"},
		{"join -size 1TB", "write it like 4096, 512B, 4KiB, 16MiB, 1GiB or 2TiB"},
		{"-value-size 1KB", "write it like 4096, 512B, 4KiB, 16MiB, 1GiB or 2TiB"},
		{"-quota-bytes -1", "write it like 4096, 512B, 4KiB, 16MiB, 1GiB or 2TiB, or none"},
		{"join -size 4KiB -value-size 8KiB", "--size 4096"},
		{"join 1GiB", `unexpected argument "1GiB": dsmbench join takes only flags`},
		{"join -nodes 0", "Run dsmbench join --help for all flags."},
		{"hostile -nodez 0", "Run dsmbench hostile --help for all flags."},
		{"hostile -attacks idle,polite", `--attacks: unknown attack "polite": the attacks are stopped, unread, idle,`},
		{"hostile -conns 65537", "--conns 65537: must be from 1 to 65536"},
		{"-nodes 0", "Run dsmbench --help for all flags."},
		{"curve -dimension sideways", "--dimension sideways: must be nodes, clients, value-size, keys or all"},
		{"curve -rounds 0", "--rounds 0: must be from 1 to 100"},
		{"curve -writes 2", "write it like 50% or 0.5"},
		{"idle -nodes 0", "Run dsmbench idle --help for all flags."},
		{"child", "is for dsmbench itself"},
		{"child node", "is for dsmbench itself"},
	} {
		var stdout, stderr strings.Builder
		code := run(t.Context(), strings.Fields(test.args), &stdout, &stderr)
		if code != exitUsage || !strings.Contains(stderr.String(), test.want) {
			t.Errorf("%s: exit status %d, stderr %q, want %d and %q", test.args, code, stderr.String(), exitUsage, test.want)
		}
	}
}

func TestUnreachable(t *testing.T) {
	var stdout, stderr strings.Builder
	code := run(t.Context(), []string{"-target", "dsm://127.0.0.1:1"}, &stdout, &stderr)
	if code != exitFail || !strings.Contains(stderr.String(), "127.0.0.1:1") {
		t.Errorf("exit status %d, stderr %q", code, stderr.String())
	}
}

// TestHelp tells every flag.
func TestHelp(t *testing.T) {
	var stdout, stderr strings.Builder
	if code := run(t.Context(), []string{"-help"}, &stdout, &stderr); code != exitPass {
		t.Fatalf("exit status %d, stderr %q", code, stderr.String())
	}
	for flag := range strings.FieldsSeq(`nodes workload writes duration warmup clients async conns keys value-size dist rate delivery
		embedded processes faults target keep seed output hist history delivery-log strong adds cas dels cpuprofile memprofile trace`) {
		if !strings.Contains(stdout.String(), "--"+flag+" ") {
			t.Errorf("the help lacks --%s", flag)
		}
	}
	for i := range workload.Table {
		if name := workload.Table[i].Name; !strings.Contains(stdout.String(), "\n  "+name+" ") {
			t.Errorf("the help lacks the workload %s", name)
		}
	}
	for line := range strings.Lines(newCommand(io.Discard, io.Discard).Long) {
		if len(line) > helpWidth+1 {
			t.Errorf("a line of the help has %d bytes: %q", len(line), line)
		}
	}
	for _, kind := range fault.Kinds() {
		if !strings.Contains(stdout.String(), "\n  "+kind+":") && !strings.Contains(stdout.String(), "\n  "+kind+"@") {
			t.Errorf("main.go: the help does not say how a fault of kind %s is written", kind)
		}
	}
	if !strings.Contains(stdout.String(), "--rate number ") {
		t.Error("the help does not say that --rate takes a number")
	}
	if strings.Contains(stdout.String(), cluster.ChildCommand) {
		t.Error("the help tells of what is for dsmbench itself")
	}
}

// short makes a run of the arguments as short as it can be.
func short(args string) []string {
	return append(strings.Fields(args), strings.Fields("-duration 50ms --warmup 0s -clients 2 --keys 20")...)
}

func TestTable(t *testing.T) {
	var stdout, stderr strings.Builder
	if code := run(t.Context(), short("-nodes 2 -writes 50%"), &stdout, &stderr); code != exitPass {
		t.Fatalf("exit status %d, stdout %s, stderr %s", code, stdout.String(), stderr.String())
	}
	first, _, _ := strings.Cut(stdout.String(), "\n")
	if !strings.Contains(first, "2 nodes") || !strings.Contains(first, "50% writes") || !strings.HasSuffix(stdout.String(), "\nPASS\n") {
		t.Errorf("stdout %s", stdout.String())
	}
	if strings.Contains(stdout.String()+stderr.String(), "\r") {
		t.Error("there is a progress bar, and no terminal")
	}
}

func TestJSON(t *testing.T) {
	var stdout, stderr strings.Builder
	args := short("--nodes=1 --writes=0.5 -o json -hist " + filepath.Join(t.TempDir(), "hist"))
	if code := run(t.Context(), args, &stdout, &stderr); code != exitPass {
		t.Fatalf("exit status %d, stdout %s, stderr %s", code, stdout.String(), stderr.String())
	}
	var report report.Report
	if err := json.Unmarshal([]byte(stdout.String()), &report); err != nil || !report.Pass || len(report.Checks) != 7 {
		t.Errorf("error %v, stdout %s", err, stdout.String())
	}
}

// TestInterrupted does not pass when nothing was measured.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var stdout strings.Builder
	stderr := &notice{after: "loading", then: cancel}
	if code := run(ctx, []string{"-nodes", "1", "-clients", "2"}, &stdout, stderr); code != exitFail {
		t.Fatalf("exit status %d, stdout %s, stderr %s", code, stdout.String(), stderr.String())
	}
	if !strings.Contains(stdout.String(), "interrupted before anything was measured") || !strings.HasSuffix(stdout.String(), "FAIL\n") {
		t.Errorf("stdout %s", stdout.String())
	}
}

// notice does something when it is told something.
type notice struct {
	strings.Builder
	after string
	then  func()
}

// Write looks at what it is told.
func (n *notice) Write(b []byte) (int, error) {
	if strings.Contains(string(b), n.after) {
		n.then()
	}
	return n.Builder.Write(b)
}

// With -o json errors are JSON too, whatever is wrong.
func TestErrorsAsJSON(t *testing.T) {
	for _, test := range []struct {
		args string
		code string
		exit int
	}{
		{"-nodes 0 -o json", "usage", exitUsage},
		{"-o=json -nodez 0", "usage", exitUsage},
		{"wombat --output json", "usage", exitUsage},
		{"-output json -writes", "usage", exitUsage},
		{"-o json -target dsm://127.0.0.1:1", "failed", exitFail},
	} {
		var stdout, stderr strings.Builder
		exit := run(t.Context(), strings.Fields(test.args), &stdout, &stderr)
		var got struct{ Error console.Failure }
		if err := json.Unmarshal([]byte(stderr.String()), &got); err != nil || exit != test.exit || got.Error.ExitStatus != exit || got.Error.Code != test.code || got.Error.Message == "" {
			t.Errorf("%s: exit status %d, stderr %s, %v", test.args, exit, stderr.String(), err)
		}
	}
}

// A file that cannot be written ends a command before it starts anything.
func TestUnwritable(t *testing.T) {
	for _, args := range []string{
		"-hist FILE", "-history FILE", "-cpuprofile FILE", "-memprofile FILE", "-trace FILE",
		"-delivery-log FILE", "curve -json FILE", "curve -memprofile FILE", "idle -memprofile FILE",
	} {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr strings.Builder
		code := run(t.Context(), strings.Fields(strings.ReplaceAll(args, "FILE", filepath.Join(file, "x"))), &stdout, &stderr)
		if code == exitPass || !strings.Contains(stderr.String(), "not a directory") || strings.Contains(stderr.String(), "loading") {
			t.Errorf("%s: exit status %d, stderr %q", args, code, stderr.String())
		}
	}
}

// Every flag with a value demands one, and one of its type.
func TestEveryFlag(t *testing.T) {
	root := newCommand(io.Discard, io.Discard)
	for _, cmd := range append(root.Commands(), root) {
		if cmd.Hidden {
			continue
		}
		path := strings.Fields(cmd.CommandPath())[1:]
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			wrong := [][]string{{"--" + flag.Name + "x"}}
			if flag.NoOptDefVal == "" {
				wrong = append(wrong, []string{"--" + flag.Name}, []string{"-" + flag.Name})
			}
			if flag.Value.Type() != "string" && flag.Value.Type() != "list" {
				wrong = append(wrong, []string{"--" + flag.Name + "=nonsense"}, []string{"-" + flag.Name + "="})
			}
			for _, args := range wrong {
				var stdout, stderr strings.Builder
				code := run(t.Context(), append(slices.Clone(path), args...), &stdout, &stderr)
				if code != exitUsage || stdout.Len() > 0 || !strings.Contains(stderr.String(), "--"+flag.Name) || !strings.Contains(stderr.String(), "--help for all flags") {
					t.Errorf("%s %s: exit status %d, stdout %q, stderr %q", path, args, code, stdout.String(), stderr.String())
				}
			}
		})
	}
}

// TestNoSecretIsShown: what is wrong with a target is told without its password.
func TestNoSecretIsShown(t *testing.T) {
	for _, args := range []string{
		"-target dsm://user:hunter2@h:1", "-target dsm+registry://user:hunter2@h:1", "-target dsm://h:1?token=hunter2",
		"-target user:hunter2@h:1", "dsm://user:hunter2@h:1",
		"user:hunter2@h:1", "-seed dsm://user:hunter2@h:1", "-duration=user:hunter2@h:1", "-seed user:hunter2@h:1 -output json",
	} {
		var stdout, stderr strings.Builder
		code := run(t.Context(), strings.Fields(args), &stdout, &stderr)
		if said := stdout.String() + stderr.String(); code != exitUsage || strings.Contains(said, "hunter2") {
			t.Errorf("%s: exit status %d, %s", args, code, said)
		}
	}
}
