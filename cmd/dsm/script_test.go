package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-8247e700/dsm/internal/leak"
)

func TestMain(m *testing.M) {
	testscript.Main(leak.Checked(m), map[string]func(){"dsm": main})
}

// TestScripts runs the scripts in testdata, in which dsm is the real command in
// processes of its own. Scripts that leave some in the background end by "kill": a last
// member whose registry ends with it would try to leave for seconds. Beside what
// testscript has, they know
//
//	await FILE NAME          wait for the file; its text is variable NAME then
//	exits N COMMAND ...      run the command, which must exit with status N
//	until REGEXP COMMAND ... run it again and again until its stdout matches,
//	                         whatever its exit status
//	signal NAME WORD         send INT, TERM or KILL to the background command
//	                         that has WORD among its arguments
//	follow FILE WORDS KEY    wait until a log names commands in parentheses behind
//	                         the words, "C lists them, D reads one", and run them with
//	                         KEY for "KEY": the first must list it
//	fill FILE N              make a file of N bytes, which are no text
//	long NAME N              set variable NAME to N letters
//	token NAME               set variable NAME to the "next" of the JSON on stdout
//	word FIELD NAME          set variable NAME to the first text FIELD of the JSON on stdout
func TestScripts(t *testing.T) {
	dir := scriptDir(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await": await, "exits": exits, "until": until, "signal": send, "follow": follow, "fill": fill, "long": long, "token": token, "word": word,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_STATE_HOME", env.Getenv("WORK")+"/state")
			env.Setenv("NL", "\n")
			env.Setenv("GORACE", os.Getenv("GORACE"))
			if dir != "" {
				env.Setenv("PATH", dir+string(os.PathListSeparator)+env.Getenv("PATH"))
			}
			return nil
		},
	})
}

// patience bounds every wait of a script. It is not what anything should take.
const patience = time.Minute

func demand(ts *testscript.TestScript, neg bool, args []string, least int, usage string) {
	if neg || len(args) < least {
		ts.Fatalf("usage: %s", usage)
	}
}

func await(ts *testscript.TestScript, neg bool, args []string) {
	demand(ts, neg, args, 2, "await FILE NAME")
	eventually(ts, args[0], func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		ts.Setenv(args[1], strings.TrimSpace(string(text)))
		return err == nil
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	demand(ts, neg, args, 2, "exits N COMMAND ...")
	err := ts.Exec(args[1], args[2:]...)
	status := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(status) != args[0] {
		ts.Fatalf("it exits with %d, want %s", status, args[0])
	}
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	demand(ts, neg, args, 2, "until REGEXP COMMAND ...")
	want, err := regexp.Compile(args[0])
	ts.Check(err)
	eventually(ts, "output that matches "+args[0], func() bool {
		var exit *exec.ExitError
		if err := ts.Exec(args[1], args[2:]...); err != nil && !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		return want.MatchString(ts.ReadFile("stdout"))
	})
}

func send(ts *testscript.TestScript, neg bool, args []string) {
	demand(ts, neg, args, 2, "signal NAME WORD")
	signals := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "KILL": os.Kill}
	for _, cmd := range ts.BackgroundCmds() {
		if slices.Contains(cmd.Args, args[1]) {
			ts.Check(cmd.Process.Signal(signals[args[0]]))
			return
		}
	}
	ts.Fatalf("no background command has the argument %s", args[1])
}

func follow(ts *testscript.TestScript, neg bool, args []string) {
	demand(ts, neg, args, 3, "follow FILE WORDS KEY")
	advice := regexp.MustCompile(regexp.QuoteMeta(args[1]) + ` \((dsm [^)]*)\)`)
	var commands []string
	eventually(ts, "advice behind "+args[1], func() bool {
		log, err := os.ReadFile(ts.MkAbs(args[0]))
		if found := advice.FindSubmatch(log); err == nil && found != nil {
			commands = strings.Split(string(found[1]), ", ")
		}
		return len(commands) > 0
	})
	for i, command := range commands {
		command = command[:strings.LastIndexByte(command, ' ')] // "... reads one"
		command = strings.TrimSuffix(strings.TrimSuffix(command, " lists"), " reads")
		words := strings.Fields(strings.ReplaceAll(command, "KEY", args[2]))
		ts.Check(ts.Exec(words[0], words[1:]...))
		if !strings.Contains(ts.ReadFile("stdout"), args[2]) && i < len(commands)-1 {
			ts.Fatalf("%s does not list %s", command, args[2])
		}
	}
}

func fill(ts *testscript.TestScript, neg bool, args []string) {
	demand(ts, neg, args, 2, "fill FILE N")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

func long(ts *testscript.TestScript, neg bool, args []string) {
	demand(ts, neg, args, 2, "long NAME N")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Setenv(args[0], strings.Repeat("k", n))
}

func token(ts *testscript.TestScript, neg bool, args []string) {
	demand(ts, neg, args, 1, "token NAME")
	var result struct{ Next string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &result))
	ts.Setenv(args[0], result.Next)
}

func word(ts *testscript.TestScript, neg bool, args []string) {
	demand(ts, neg, args, 2, "word FIELD NAME")
	found := regexp.MustCompile(`"` + args[0] + `": ?"([^"]*)"`).FindStringSubmatch(ts.ReadFile("stdout"))
	if found == nil {
		ts.Fatalf("stdout has no %s", args[0])
	}
	ts.Setenv(args[1], found[1])
}
