package compare

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/peers/noise"
	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

func someReport() *Report {
	log := noise.Log{Processors: 2, Points: []noise.Use{{Seconds: 4, Others: 0.5}}}
	return &Report{
		Noise: log.Summary(),
		SetUp: SetUp{Began: time.Unix(1e9, 0).UTC(), Processors: 2, Model: "a processor", Kernel: "Linux 6", Go: "go1.26", Rounds: 2},
		Systems: []SystemInfo{
			{Name: systems.DSM, Title: "dsm", Version: "abcdef0", Holds: "all 3 replicas", Disk: "nothing"},
			{Name: systems.Echo, Title: "echo", Limit: true},
		},
		Measurements: slices.Concat(rate("w256", systems.DSM, 20, 22), rate("w256", systems.NATS, 10, 11)),
	}
}

// TestFirstLine: whoever opens a report, or its JSON, sees first whether it is to
// be trusted.
func TestFirstLine(t *testing.T) {
	r := someReport()
	content, err := r.JSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{r.Markdown(), string(content)} {
		first, _, _ := strings.Cut(text, "\n")
		if !strings.Contains(first, "NOISY machine") || !strings.Contains(first, "50.0% during") {
			t.Errorf("the first line is %q", first)
		}
	}
}

// TestRead: what JSON writes makes the same report again.
func TestRead(t *testing.T) {
	r := someReport()
	content, err := r.JSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "peers.json")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := again.Markdown(), r.Markdown(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, other := range []string{"{}", "[]", "no JSON"} {
		if err := os.WriteFile(path, []byte(other), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil {
			t.Errorf("%s was taken for a report", other)
		}
	}
}

const wantReport = `## the report

2 processors (a processor), Linux 6, go1.26, 2001-09-09; the run took 0s. Median of 2 rounds (least..greatest), points of 0s after 0s of warm-up, 10,000 keys of 16 B, values of 100 B unless a row says otherwise. GOMAXPROCS of each server: 1 for dsm, the default for etcd and NATS.

### Over the network, as fast as they can

| work                           | system            | median (least..greatest) | dsm is          |
| ------------------------------ | ----------------- | -----------------------: | --------------- |
| writes, 256 clients, per second | **dsm**           |              21 (20..22) |                 |
|                                | NATS JetStream KV |              11 (10..11) | 2.0 times ahead |

### What was compared

| system | version | a write is acknowledged by | on disk | a read is answered by | connections | client |
| ------ | ------- | -------------------------- | ------- | --------------------- | ----------- | ------ |
| dsm    | abcdef0 | all 3 replicas             | nothing |                       |             |        |
`

func TestMarkdown(t *testing.T) {
	_, rest, _ := strings.Cut(someReport().Markdown(), "\n")
	got := strings.Split(strings.Join(strings.Fields(rest), " "), "|")
	want := strings.Split(strings.Join(strings.Fields(strings.TrimPrefix(wantReport, "## the report")), " "), "|")
	trim := func(cells []string) (out []string) {
		for _, c := range cells {
			if c = strings.Trim(c, "- :"); c != "" {
				out = append(out, c)
			}
		}
		return out
	}
	if !slices.Equal(trim(got), trim(want)) {
		t.Errorf("got\n%s\nwant\n%s", rest, wantReport)
	}
}

// TestTableLinesUp: on a terminal every column begins where its header does.
func TestTableLinesUp(t *testing.T) {
	var b strings.Builder
	writeTable(&b, []string{"a", "long header"}, "lr", [][]string{{"ä cell", "1"}, {"", "22"}})
	const want = "| a      | long header |\n| ------ | ----------: |\n| ä cell |           1 |\n|        |          22 |\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestUpdate(t *testing.T) {
	document := []byte("before\n" + BlockBegin + "\nold\n" + BlockEnd + "\nafter\n")
	got, err := Update(document, "new\n")
	if err != nil {
		t.Fatal(err)
	}
	want := "before\n" + BlockBegin + "\n\nnew\n\n" + BlockEnd + "\nafter\n"
	if string(got) != want {
		t.Errorf("%q", got)
	}
	again, err := Update(got, "new\n")
	if err != nil || !bytes.Equal(again, got) {
		t.Errorf("%q, %v", again, err)
	}
	for _, other := range []string{"", BlockBegin + "\n", BlockEnd + "\n" + BlockBegin + "\n"} {
		if _, err := Update([]byte(other), "new\n"); !errors.Is(err, ErrNoBlock) {
			t.Errorf("%q: %v", other, err)
		}
	}
}

// TestDocument: the project's own document has a block to be replaced.
func TestDocument(t *testing.T) {
	document, err := os.ReadFile("../../../docs/PERFORMANCE.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Update(document, "new\n"); err != nil {
		t.Error(err)
	}
}
