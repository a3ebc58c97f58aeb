package fault

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestApart(t *testing.T) {
	for text, want := range map[string]string{
		"kill:n2@3s,restart:n2@6s,pause:n3@8s+2s,cut:n1-n2@12s+3s,registry@15s+2s": "||||",
		"kill:n2@3s,restart:n2@5s":                                      "|",
		"leave:n2@3s,restart:n2@5s":                                     "|",
		"leave:n2@3s,pause:n1@5s+1s,leave:n2@9s+4s,pause:n1@12500ms+1s": "overlaps pause:n1@5s+1s|overlaps leave:n2@3s|overlaps pause:n1@12.5s+1s|overlaps leave:n2@9s+4s",
		"kill:n2@3s+4s,reset:n1-n3@6900ms,pause:n1@7s+1s":               "overlaps reset:n1-n3@6.9s|overlaps kill:n2@3s+4s|",
		"reset:n1-n3@1s,reset:n1-n2@1s":                                 "overlaps reset:n1-n2@1s|overlaps reset:n1-n3@1s",
		"registry@1s,pause:n1@9s+1s":                                    "overlaps pause:n1@9s+1s|no registry: registry@1s",
		"pause:n1@1s+5s,cut:n2@2s+4s,diskfull@5s+1s":                    "no registry: diskfull@5s+1s|no registry: diskfull@5s+1s|overlaps cut:n2@2s+4s",
		// Slow links take nothing from others; a slow one is apart if it begins while another stands.
		"slow@1s+20s=1MiB/s,slow:n1@2s+9s=1MiB/s,kill:n2@3s,cut:n1-n3@9s+1s": "|||",
		"pause:n1@1s+2s,slow:n1-n2@2s+5s=1MiB/s,reset:n2-n3@4s":              "|overlaps pause:n1@1s+2s|",
		"reset:n1-n3@1s,slow@1s+5s=1MiB/s":                                   "|overlaps reset:n1-n3@1s",
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
		"reset:n1-n2@1s": "[[0]]",
		"kill:n2@3s,restart:n2@6s,pause:n3@8s+2s,cut:n1-n2@12s+3s": "[[0] [1] [2] [3]]",
		// Through one that stands longest those overlap that do not meet.
		"pause:n1@1s+9s,cut:n2@2s+1s,reset:n2-n3@4s,registry@9s+3s,diskfull@12s+1s": "[[0 1 2 3] [4]]",
		"reset:n1-n3@1s,reset:n1-n2@1s,registry@3s,reset:n1-n2@9m":                  "[[0 1] [2 3]]",
		"slow@1s+9m=1MiB/s,pause:n1@2s+9s,slow:n1@3s+1s=1MiB/s,cut:n2@4s+1s":        "[[1 3]]",
		"slow@1s+9m=1MiB/s": "[]",
	} {
		s, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(s.Clusters(3 * time.Second)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
