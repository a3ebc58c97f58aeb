package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/server"
)

func TestStatusTable(t *testing.T) {
	g := groupStatus{
		Group: 0xabc, Generation: 1, View: 7, Delivery: "safe", ToldBy: "n1",
		Members: []nodeStatus{
			{ID: "n1", Incarnation: 1, PeerAddr: "h:1", ClientAddr: "h:1", nodeAnswer: &nodeAnswer{Phase: "normal", Serves: true, View: 7, Position: 90}},
			{ID: "n2", Incarnation: 2, PeerAddr: "h:2", ClientAddr: "h:3", Rank: 1, nodeAnswer: &nodeAnswer{Phase: "wedged", View: 6, Position: 100, Clients: 4, ClientBytes: 1 << 20, ClientBytesLimit: 1 << 29, Queue: 5}},
			{ID: "n3", Incarnation: 3, PeerAddr: "h\x1b[2J:4", ClientAddr: "h\x1b[2J:4", Rank: 2, Error: "connection\u009b refused"},
		},
	}
	g.compare()
	for _, test := range []struct {
		width int
		want  string
	}{
		{0, `
rank  id  incarnation  address        position  lag  clients     kept  queue  serves  phase
   0  n1            1  h:1                  90   10        0        -      0  yes     normal
   1  n2            2  h:3,peers:h:2       100    0        4  1048576      5  no      wedged in view 6
   2  n3            3  h\x1b[2J:4            -    -        -        -      -  -       unreachable
`},
		{200, `
┌──────┬────┬─────────────┬───────────────┬──────────┬─────┬─────────┬─────────┬───────┬────────┬──────────────────┐
│ rank │ id │ incarnation │ address       │ position │ lag │ clients │    kept │ queue │ serves │ phase            │
├──────┼────┼─────────────┼───────────────┼──────────┼─────┼─────────┼─────────┼───────┼────────┼──────────────────┤
│    0 │ n1 │           1 │ h:1           │       90 │  10 │       0 │       - │     0 │ yes    │ normal           │
│    1 │ n2 │           2 │ h:3,peers:h:2 │      100 │   0 │       4 │ 1048576 │     5 │ no     │ wedged in view 6 │
│    2 │ n3 │           3 │ h\x1b[2J:4    │        - │   - │       - │       - │     - │ -      │ unreachable      │
└──────┴────┴─────────────┴───────────────┴──────────┴─────┴─────────┴─────────┴───────┴────────┴──────────────────┘
`},
		{40, `
rank         0
id           n1
incarnation  1
`},
	} {
		var out bytes.Buffer
		s := &surroundings{stdout: &out, width: test.width}
		if err := s.showStatus(&g); err != nil {
			t.Fatal(err)
		}
		const head, tail = "group 0000000000000abc, generation 1, view 7 with 3 members, safe delivery, as n1 has it", "\nn3: connection\\u009b refused\n"
		got := strings.ReplaceAll(out.String(), "\r", "")
		if !strings.HasPrefix(got, head+test.want) || !strings.HasSuffix(got, tail) {
			t.Errorf("at width %d it shows\n%s", test.width, got)
		}
	}
	if err := g.problem(); err == nil || exitStatus(err) != exitUnwell || !strings.Contains(err.Error(), "of 3 members 1 cannot be reached and 1 do not serve") {
		t.Errorf("the problem is %v", err)
	}
}

// A damaged replica is shown, also one that serves because nobody has a better copy.
func TestStatusShowsDamage(t *testing.T) {
	g := groupStatus{View: 7, Members: []nodeStatus{
		{ID: "n1", nodeAnswer: &nodeAnswer{Phase: "normal", Serves: true, View: 7, Damage: "store: variable \"k\"\ndiffers"}},
		{ID: "n2", nodeAnswer: &nodeAnswer{Phase: "normal", View: 7, Damage: "a hash"}},
		{ID: "n3", nodeAnswer: &nodeAnswer{Phase: "normal", Serves: true, View: 7}},
	}}
	var out bytes.Buffer
	s := &surroundings{stdout: &out}
	if err := s.showStatus(&g); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"yes     normal, damaged\n", "no      normal, damaged\n", "yes     normal\n", "\nn1: its state is damaged: store: variable \"k\"", "\nn2: its state is damaged: a hash\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it shows\n%swant %q in it", out.String(), want)
		}
	}
	if err := g.problem(); err == nil || exitStatus(err) != exitUnwell || !strings.Contains(err.Error(), "of 3 members 1 do not serve and 2 have a damaged state") {
		t.Errorf("the problem is %v", err)
	}
	if b, err := json.Marshal(g.Members[1]); err != nil || !strings.Contains(string(b), `"damage":"a hash"`) {
		t.Errorf("%s, %v", b, err)
	}
	got := answerOf(server.Status{Damage: "a hash", ClientBytes: 1, ClientBytesLimit: 2})
	if got.Damage != "a hash" || got.ClientBytes != 1 || got.ClientBytesLimit != 2 {
		t.Errorf("%+v", got)
	}
}

// The clients that have the most sessions are named.
func TestStatusShowsSessions(t *testing.T) {
	var out bytes.Buffer
	s := &surroundings{stdout: &out}
	err := s.showSessions(&server.SessionsStatus{Alive: 12, Limit: 100, ClientLimit: 10, Clients: 3, Most: []server.ClientStatus{
		{Name: "leaks[7]@h", Address: "10.0.0.1", Sessions: 9}, {Address: "10.0.0.2", Sessions: 2},
	}})
	const want = `
12 sessions of at most 100, at most 10 a client
client      at        sessions
leaks[7]@h  10.0.0.1         9
-           10.0.0.2         2
`
	if got := "\n" + out.String(); err != nil || got != want {
		t.Errorf("%v, it shows%s", err, got)
	}
}

// How much of the quota is used is shown, unless the node does not tell.
func TestStatusShowsVariables(t *testing.T) {
	for want, of := range map[string]server.VariablesStatus{
		"": {},
		"2 variables of at most 10, 13 bytes of at most 100\n": {Count: 2, Bytes: 13, CountLimit: 10, BytesLimit: 100},
		"0 variables, 0 bytes of at most 100\n":                {BytesLimit: 100},
		"2 variables, 13 bytes\n":                              {Count: 2, Bytes: 13},
	} {
		var out bytes.Buffer
		s := &surroundings{stdout: &out}
		if err := s.showStatus(&groupStatus{Variables: of}); err != nil || !strings.HasSuffix(out.String(), "phase\n"+want) {
			t.Errorf("%v, it shows\n%swant %q at the end", err, out.String(), want)
		}
	}
}

// TestGroupID is the same text wherever people see it.
func TestGroupID(t *testing.T) {
	const want = `"00000000000000ff"`
	if b, err := json.Marshal(groupID(255)); err != nil || string(b) != want {
		t.Errorf("in JSON it is %s, %v, want %s", b, err, want)
	}
	if got := groupID(1<<64 - 1).String(); got != "ffffffffffffffff" {
		t.Errorf("the highest is %s", got)
	}
}

// Those that hang, and those that are cut off, hold up nobody: the first status
// comes from a server that serves.
func TestFirstStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		members := []server.MemberStatus{{ID: "n1"}}
		ask := func(ctx context.Context, addr string) (server.Status, error) {
			switch addr {
			case "cut off":
				return server.Status{ID: "n2", Members: members}, nil
			case "joins":
				return server.Status{ID: "n3", Phase: "observing"}, nil
			case "well":
				<-time.After(time.Millisecond)
				return server.Status{ID: "n1", Members: members, Serves: true}, nil
			}
			ctx, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			<-ctx.Done()
			return server.Status{}, ctx.Err()
		}
		began := time.Now()
		answers, err := firstStatus(t.Context(), []string{"hangs", "hangs", "cut off", "joins", "hangs", "well"}, ask)
		if took := time.Since(began); err != nil || len(answers) != 1 || answers[0].ID != "n1" || took != time.Millisecond {
			t.Errorf("%+v, %v after %v", answers, err, took)
		}
		answers, err = firstStatus(t.Context(), []string{"joins", "hangs", "cut off"}, ask)
		if err != nil || len(answers) != 2 || answers[0].ID != "n2" || answers[1].ID != "n3" || answers[1].addr != "joins" {
			t.Errorf("%+v, %v", answers, err)
		}
		if answers, err = firstStatus(t.Context(), []string{"joins"}, ask); err != nil || len(answers) != 1 {
			t.Errorf("%+v, %v", answers, err)
		}
		if _, err = firstStatus(t.Context(), []string{"hangs", "hangs"}, ask); err == nil {
			t.Error("nobody answered, which is no error")
		}
	})
}
