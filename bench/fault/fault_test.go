package fault

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Schedule{
		"kill:n2@3s":              {{Kind: Kill, Nodes: []string{"n2"}, At: 3 * time.Second}},
		"kill:n2@3s+500ms":        {{Kind: Kill, Nodes: []string{"n2"}, At: 3 * time.Second, For: 500 * time.Millisecond}},
		"kill:n1+n2+n12@5s":       {{Kind: Kill, Nodes: []string{"n1", "n2", "n12"}, At: 5 * time.Second}},
		"restart:n2@6s":           {{Kind: Restart, Nodes: []string{"n2"}, At: 6 * time.Second}},
		"pause:n3@8s+2s":          {{Kind: Pause, Nodes: []string{"n3"}, At: 8 * time.Second, For: 2 * time.Second}},
		"cut:n1-n2@1m30s+3s":      {{Kind: Cut, A: "n1", B: "n2", At: 90 * time.Second, For: 3 * time.Second}},
		"cut:n1>n2@12s+3s":        {{Kind: Cut, A: "n1", B: "n2", OneWay: true, At: 12 * time.Second, For: 3 * time.Second}},
		"cut:n1-registry@12s+3s":  {{Kind: Cut, A: "n1", B: Registry, At: 12 * time.Second, For: 3 * time.Second}},
		"cut:registry>n1@12s+3s":  {{Kind: Cut, A: Registry, B: "n1", OneWay: true, At: 12 * time.Second, For: 3 * time.Second}},
		"cut:n1@12s+3s":           {{Kind: Cut, A: "n1", At: 12 * time.Second, For: 3 * time.Second}},
		"slow:n1-n2@3s+5s=3MiB/s": {{Kind: Slow, A: "n1", B: "n2", At: 3 * time.Second, For: 5 * time.Second, Rate: 3 << 20}},
		"slow:n1>registry@3s+5s=1KiB/s": {
			{Kind: Slow, A: "n1", B: Registry, OneWay: true, At: 3 * time.Second, For: 5 * time.Second, Rate: 1 << 10},
		},
		"slow:n1@3s+5s=1GiB/s":       {{Kind: Slow, A: "n1", At: 3 * time.Second, For: 5 * time.Second, Rate: 1 << 30}},
		"slow@3s+5s=1537KiB/s":       {{Kind: Slow, At: 3 * time.Second, For: 5 * time.Second, Rate: 1537 << 10}},
		"slow @ 3s + 5s = 300KiB/s ": {{Kind: Slow, At: 3 * time.Second, For: 5 * time.Second, Rate: 300 << 10}},
		"reset:n1-n2@4s":             {{Kind: Reset, A: "n1", B: "n2", At: 4 * time.Second}},
		"registry@15s+2s":            {{Kind: RegistryAway, At: 15 * time.Second, For: 2 * time.Second}},
		"registry@1m":                {{Kind: RegistryAway, At: time.Minute}},
		"diskfull@0s+1h":             {{Kind: DiskFull, For: time.Hour}},
		" kill : n1 + n2 @ 5s + 1s ": {{Kind: Kill, Nodes: []string{"n1", "n2"}, At: 5 * time.Second, For: time.Second}},
		"cut:n1 > n2 @12s+3s":        {{Kind: Cut, A: "n1", B: "n2", OneWay: true, At: 12 * time.Second, For: 3 * time.Second}},
		"pause:n1@8s+2s, registry@2s": {
			{Kind: RegistryAway, At: 2 * time.Second},
			{Kind: Pause, Nodes: []string{"n1"}, At: 8 * time.Second, For: 2 * time.Second},
		},
	} {
		got, err := Parse(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
			continue
		}
		if again, err := Parse(got.String()); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s is written %s: %v", text, got, err)
		}
		if len(got) == 1 && got.String() != strings.ReplaceAll(text, " ", "") && text != "diskfull@0s+1h" {
			t.Errorf("%s is written %s", text, got)
		}
	}
}

// An error names the part that is wrong, what about it, and the right form.
func TestParseErrors(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                       {`unknown fault ""`, "kill:n1@3s"},
		"kil:n1@3s":                              {`"kil:n1@3s": unknown fault "kil"`, "kill, leave, restart, pause, cut, reset, slow, registry and diskfull"},
		"kill:n1@3s,pause:n2@5s":                 {`"pause:n2@5s": it does not say for how long`, "pause:n1@3s+2s"},
		"kill:n1":                                {"does not say when", "kill:n1@3s+2s"},
		"kill@3s":                                {"does not say to whom"},
		"kill:@3s":                               {`"" is not a node`},
		"kill:n1+@3s":                            {`"" is not a node`},
		"kill:n01@3s":                            {`"n01" is not a node`},
		"kill:n1+n1@3s":                          {"n1 is there twice"},
		"kill:n1@3":                              {`"3" is not a time such as 3s`},
		"kill:n1@-3s":                            {`"-3s" is not a time such as 3s`},
		"kill:n1@3s+":                            {`"" is not a time`},
		"kill:n1@3s+0s":                          {"lasts no time"},
		"kill:n1@3s++1s":                         {`"+1s" is not a time`},
		"kill:n1@9000h":                          {"more than 720h"},
		"restart:n1@3s+1s":                       {"happens at once", "restart:n1@6s"},
		"reset:n1-n2@3s+1s":                      {"happens at once"},
		"reset:n1@3s":                            {"it does not say between whom; write it like reset:n1-n2@3s"},
		"reset:n1-@3s":                           {`"" is neither a node`},
		"kill:n1@3s,":                            {"nothing follows the comma after kill:n1@3s"},
		"kill:n1@3s,,kill:n2@9s":                 {"nothing follows the comma after kill:n1@3s"},
		"kill:n1,n2@3s":                          {"does not say when", "(join nodes with +: kill:n1+n2@3s)"},
		"kill:n1@1s,n2@3s":                       {`unknown fault "n2"`, "(join nodes with +: kill:n1+n2@3s)"},
		"kill:n1@3s;kill:n2@5s":                  {"faults are separated by commas"},
		"kill:2@3s":                              {`"2" is not a node: nodes are n1, n2 and so on`},
		"pause:registry@3s+1s":                   {"what can be done to the registry is registry@3s+2s, diskfull@3s+2s and cut:n1-registry@3s+2s"},
		"random:7":                               {`unknown fault "random"`, "random cannot be combined with other faults; its seed is --seed"},
		"cut:n1-n2@3s":                           {"does not say for how long", "cut:n1>n2@3s+2s"},
		"cut:n1-n1@3s+1s":                        {"n1 has no way to itself"},
		"cut:n1-@3s+1s":                          {`"" is neither a node`},
		"cut:n1>x@3s+1s":                         {`"x" is neither a node`},
		"cut:registry@3s+1s":                     {"an end without another must be a node"},
		"cut:@3s+1s":                             {"an end without another must be a node"},
		"slow:n1-n2@3s+5s":                       {"does not say at which rate", "slow:n1-n2@3s+5s=3MiB/s"},
		"slow:n1-n2@3s=3MiB/s":                   {"does not say for how long"},
		"slow:@3s+5s=3MiB/s":                     {"an end without another must be a node"},
		"slow:registry@3s+5s=3MiB/s":             {"an end without another must be a node"},
		"slow:x@3s+5s=3MiB/s":                    {`"x" is neither a node`},
		"slow@3s+5s=3MiB":                        {`"3MiB" is not a rate such as 3MiB/s or 300KiB/s`},
		"slow@3s+5s=0.3MiB/s":                    {`"0.3MiB/s" is not a rate such as`},
		"slow@3s+5s=1023/s":                      {"1023/s is not from 1KiB/s to 1GiB/s"},
		"slow@3s+5s=1025MiB/s":                   {"1025MiB/s is not from 1KiB/s to 1GiB/s"},
		"cut:n1-n2@3s+1s=3MiB/s":                 {"it has no rate"},
		"registry:n1@3s":                         {"about the registry, and nobody else"},
		"diskfull@3s":                            {"for how long"},
		strings.Repeat("kill:n1@1s,", maxFaults): {"more than 10000 faults"},
	} {
		got, err := Parse(text)
		if !errors.Is(err, ErrSyntax) {
			t.Errorf("%.40q: %v, %v", text, got, err)
			continue
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%.40q: %v, want %q", text, err, part)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	for text, want := range map[string]string{
		"kill:n2@3s,restart:n2@6s,pause:n3@8s+2s,cut:n1-n2@12s+3s,registry@15s+2s": "",
		"kill:n1+n2+n3@1s,restart:n1@2s":                                           "",
		"kill:n1@1s+2s,kill:n1@3s+2s,pause:n1@5s+1s":                               "",
		"pause:n1@1s+9s,kill:n1@2s+1s,pause:n1@4s+1s":                              "",
		"registry@1s+2s,cut:n1-registry@2s+500ms,registry@3s":                      "",
		"kill:n1@1s+2s,cut:n1-n2@2s+2s,cut:n3@2s+1s,reset:n1-n2@3s":                "",
		"kill:n1@1s,cut:n1@2s+2s,restart:n1@3s,reset:n1-n2@5s":                     "",
		"diskfull@1s+5s,registry@2s+1s,diskfull@3s+1s":                             "",
		"leave:n1@1s,restart:n1@2s,leave:n1@3s+1s,pause:n1@4s+1s,kill:n1@4500ms":   "",
		"slow@1s+9s=1MiB/s,kill:n1@2s,slow:n2@3s+1s=1MiB/s":                        "",
		"kill:n4@1s":                             "kill:n4@1s: there is no n4, only n1 to n3",
		"cut:n1-n4@1s+1s":                        "there is no n4",
		"kill:n1@20s":                            "comes after the end, 20s",
		"restart:n1@1s":                          "n1 is not gone for good before",
		"kill:n1@1s+5s,restart:n1@3s":            "n1 is not gone for good before",
		"kill:n1@1s,restart:n1@3s,restart:n1@4s": "n1 is not gone for good before",
		"kill:n1@1s,kill:n1@3s":                  "n1 is gone before",
		"kill:n1@1s+5s,pause:n1@3s+1s":           "n1 is gone before",
		"leave:n1@1s,kill:n1@3s":                 "n1 is gone before",
		"leave:n1@1s+5s,leave:n1@3s+1s":          "n1 is gone before",
		"pause:n1@1s+5s,leave:n1@3s+1s":          "n1 is paused already",
		"pause:n1@1s+5s,pause:n1@3s+1s":          "n1 is paused already",
		"registry@1s+5s,registry@3s":             "the registry is away already",
		"registry@1s,diskfull@3s+1s":             "the registry is away already",
		"diskfull@1s+5s,diskfull@3s+1s":          "disk is full already",

		"kill:n1@1s,reset:n2-n1@3s":             "n1 is gone before, and is not restarted by then",
		"kill:n1@1s,cut:n2>n1@3s+9s":            "n1 is gone before, and is not restarted by then",
		"kill:n1@1s,cut:n1@3s+1s,restart:n1@4s": "n1 is gone before, and is not restarted by then",
		"kill:n1@1s+4s,reset:n1-n2@3s":          "n1 is gone before, and is not restarted by then",
		"kill:n1@1s,slow:n1@3s+1s=1MiB/s":       "n1 is gone before, and is not restarted by then",
		"slow:n4@1s+1s=1MiB/s":                  "there is no n4",
		"registry@3s,cut:n1-registry@4s+1s":     "the registry is away by then",
		"registry@3s,reset:n1-registry@4s":      "the registry is away by then",
	} {
		s, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		switch err := s.Validate(3, 20*time.Second); {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (!errors.Is(err, ErrSchedule) || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// What is read is written so that it is read alike.
func FuzzParse(f *testing.F) {
	f.Add("kill:n2@3s,restart:n2@6s,pause:n3@8s+2s,cut:n1-n2@12s+3s,registry@15s+2s")
	f.Add("cut:n1>registry@1m+1ms,cut:n7@1h+1s,reset:n1-registry@4s,diskfull@1s+1s,kill:n1+n2@0s")
	f.Add("leave:n1@1s,leave:n2+n3@2s+1s,slow@1s+1s=300KiB/s,slow:n1@1s+1s=1GiB/s,slow:n1>n2@1s+1s=4096/s")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrSyntax) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		again, err := Parse(s.String())
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Errorf("%q is written %q, and read as %+v, %v", text, s, again, err)
		}
		_ = s.Validate(3, time.Hour) // it does not panic
	})
}
