package fault

import (
	"strings"
	"testing"
	"time"
)

func TestApart(t *testing.T) {
	for text, want := range map[string]string{
		"kill:n2@3s,restart:n2@6s,pause:n3@8s+2s,cut:n1-n2@12s+3s,registry@15s+2s": "||||",
		"kill:n2@3s,restart:n2@5s":                        "|",
		"kill:n2@3s+4s,reset:n1-n3@6900ms,pause:n1@7s+1s": "overlaps reset:n1-n3@6.9s|overlaps kill:n2@3s+4s|",
		"reset:n1-n3@1s,reset:n1-n2@1s":                   "overlaps reset:n1-n2@1s|overlaps reset:n1-n3@1s",
		"registry@1s,pause:n1@9s+1s":                      "overlaps pause:n1@9s+1s|no registry: registry@1s",
		"pause:n1@1s+5s,cut:n2@2s+4s,diskfull@5s+1s":      "no registry: diskfull@5s+1s|no registry: diskfull@5s+1s|overlaps cut:n2@2s+4s",
	} {
		s, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(s.Apart(3*time.Second), "|"); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestClusters(t *testing.T) {
	for text, want := range map[string]string{
		"reset:n1-n2@1s": "reset:n1-n2@1s",
		"kill:n2@3s,restart:n2@6s,pause:n3@8s+2s,cut:n1-n2@12s+3s": "kill:n2@3s|restart:n2@6s|pause:n3@8s+2s|cut:n1-n2@12s+3s",
		// Through one that stands longest those overlap that do not meet.
		"pause:n1@1s+9s,cut:n2@2s+1s,reset:n2-n3@4s,registry@9s+3s,diskfull@12s+1s": "pause:n1@1s+9s,cut:n2@2s+1s,reset:n2-n3@4s,registry@9s+3s|diskfull@12s+1s",
		"reset:n1-n3@1s,reset:n1-n2@1s,registry@3s,reset:n1-n2@9m":                  "reset:n1-n3@1s,reset:n1-n2@1s|registry@3s,reset:n1-n2@9m",
	} {
		s, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, part := range s.Clusters(3 * time.Second) {
			parts = append(parts, part.String())
		}
		if got := strings.Join(parts, "|"); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if parts := (Schedule{}).Clusters(time.Second); len(parts) > 0 {
		t.Errorf("nothing is split into %v", parts)
	}
}
