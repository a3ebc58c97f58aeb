package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

func TestUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ns", 999: "999 ns", time.Microsecond: "1.00 us", 12345: "12.3 us", 123456: "123 us", 999_999: "1000 us",
		1_234_567: "1.23 ms", 99_949_999: "99.9 ms", 999 * time.Millisecond: "999 ms", 90 * time.Second: "90.0 s",
	} {
		if got := Duration(d); got != want {
			t.Errorf("shortDuration(%d) is %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234"} {
		if got := Grouped(n); got != want {
			t.Errorf("grouped(%d) is %q, want %q", n, got, want)
		}
	}
	for ns, want := range map[int64]string{1: "1 ns", 500: "500 ns", 1000: "1 us", 20_000: "20 us", 2_000_000_000: "2 s"} {
		if got := shortUnit(ns); got != want {
			t.Errorf("shortUnit(%d) is %q, want %q", ns, got, want)
		}
	}
}

// someFigures has 100 reads of 1 to 100 us at n1 and one slow write at n2.
func someFigures() *Figures {
	f := NewFigures()
	for i := range int64(100) {
		f.Add(&load.Record{Op: history.Op{Kind: history.Get, Node: "n1", End: 1000 * (i + 1)}, Counts: true, Until: int64(time.Second)})
	}
	f.Add(&load.Record{Op: history.Op{Kind: history.Set, Node: "n2", End: int64(time.Second)}, Counts: true, Until: int64(time.Second)})
	f.Add(&load.Record{Op: history.Op{Kind: history.Set, Node: "n2", End: int64(time.Second)}})
	f.Add(&load.Record{Op: history.Op{Kind: history.Set, Node: "n2"}, Counts: true, Err: errors.New("no")})
	return f
}

func TestFigures(t *testing.T) {
	rows := someFigures().Rows(2)
	got := map[string]Row{}
	for _, r := range rows {
		got[r.Node+" "+r.Op] = r
	}
	// Over all: get, set, reads, writes, all. By node: one of each, and all.
	if len(rows) != 5+3+3 || len(got) != len(rows) {
		t.Errorf("%d rows: %v", len(rows), rows)
	}
	all, reads, writes := got[" all"], got[" reads"], got[" writes"]
	if all.Count != 101 || all.Errors != 1 || reads.Count != 100 || writes.Count != 1 || reads.PerSecond != 50 {
		t.Errorf("all %+v, reads %+v, writes %+v", all, reads, writes)
	}
	if p := reads.P50; p < 49_000 || p > 51_000 {
		t.Errorf("p50 of 1 to 100 us is %d ns", p)
	}
	if m := writes.Max; m < 999_000_000 || m > 1_001_000_000 {
		t.Errorf("max of a second is %d ns", m)
	}
	if got["n1 all"].Count != 100 || got["n2 all"].Count != 1 {
		t.Errorf("by node: %+v, %+v", got["n1 all"], got["n2 all"])
	}
}

// A report shows every write of the table of operations.
func TestEveryWriteIsShown(t *testing.T) {
	for op := wire.Op(1); op.Valid(); op++ {
		if shown := slices.Contains(Kinds, history.Kind(op.String())); shown != op.IsWrite() {
			t.Errorf("%s: figures.go shows it: %v", op, shown)
		}
	}
}

// Conditions that did not hold are counted, by operation and by node.
func TestConflicts(t *testing.T) {
	f := NewFigures()
	for i, op := range []history.Op{
		{Kind: history.CompareAndSet, Status: history.Fail, Because: history.Conflict},
		{Kind: history.CompareAndSet, Status: history.Fail, Because: history.Refused},
		{Kind: history.CompareAndSet, Status: history.OK},
		{Kind: history.Delete, Status: history.Fail, Because: history.NotFound},
		{Kind: history.Txn, Status: history.OK, Sum: wire.TxnThen},
		{Kind: history.Txn, Status: history.OK, Sum: wire.TxnElse},
		{Kind: history.Txn, Status: history.Fail, Because: history.Conflict, Sum: 3},
		{Kind: history.Txn, Status: history.Fail, Because: history.NotInteger},
		{Kind: history.Get, Status: history.OK},
		{Kind: history.Txn, Status: history.Fail, Because: history.Quota},
	} {
		op.Node, op.End = []string{"n1", "n2"}[i%2], 1000
		f.Add(&load.Record{Op: op, Counts: true, Until: 1000})
	}
	f.Add(&load.Record{Op: history.Op{Kind: history.CompareAndSet, Node: "n1", Status: history.Fail, Because: history.Conflict}})
	r := &Report{Operations: f.Rows(1)}
	got := map[string]int64{}
	for _, row := range r.Operations {
		if row.Conflicts > 0 {
			got[strings.TrimSpace(row.Node+" "+row.Op)] = row.Conflicts
		}
	}
	want := map[string]int64{"cas": 1, "txn": 2, "writes": 3, "all": 3, "n1 cas": 1, "n1 txn": 1, "n1 writes": 2, "n1 all": 2, "n2 txn": 1, "n2 writes": 1, "n2 all": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if all := All(r.Operations); all.OverQuota != 1 || all.Errors != 0 {
		t.Errorf("all: %+v", all)
	}
	r.Operations[0].Conflicts = 1234
	table := r.operations(func(Row) bool { return true })
	if n := len(table.Columns); table.Columns[n-2].Name != "conflicts" || table.Rows[0][n-2] != "1,234" || len(table.Rows[0]) != n {
		t.Errorf("%+v", table)
	}
}

func TestBuckets(t *testing.T) {
	h := someFigures().Histograms()
	if len(h) != 2 || h[0].Of != "reads" || h[1].Of != "writes" {
		t.Fatalf("%+v", h)
	}
	want := []Bucket{{1000, 1}, {2000, 1}, {5000, 3}, {10_000, 5}, {20_000, 10}, {50_000, 30}, {100_000, 50}}
	if diff := cmp.Diff(want, h[0].Buckets); diff != "" {
		t.Error(diff)
	}
}

func TestBar(t *testing.T) {
	for _, test := range []struct {
		n, most int64
		want    string
	}{{0, 10, ""}, {10, 10, "████"}, {5, 10, "██"}, {1, 1000, "▏"}, {6, 16, "█▌"}} {
		if got := (&Sink{width: 80}).bar(test.n, test.most, 4); got != test.want {
			t.Errorf("bar(%d, %d) is %q, want %q", test.n, test.most, got, test.want)
		}
	}
	out := &bytes.Buffer{}
	s := &Sink{w: out, width: 80}
	s.bars(Histogram{Of: "reads", Count: 3, Buckets: []Bucket{{1000, 2}, {2000, 1}}})
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("a line of %d characters for a width of 80: %q", n, line)
		}
	}
}

func someReport() *Report {
	f := someFigures()
	return &Report{
		SetUp: "set-up", Seconds: 2, Operations: f.Rows(2), Histograms: f.Histograms(),
		Checks: []check.Result{
			{Name: "total order", Covers: "9 commands", Kept: "hashes", Events: 12_345, Violations: 1, Texts: []string{"violation: n2 went astray"}},
			{Name: "strong reads", Covers: "nothing", Kept: "positions"},
			{Name: "reads", Covers: "values", Kept: "hashes", Events: 7},
		},
		Notes: []string{"a note"}, Failures: []string{"total order: 1 violations"},
	}
}

func TestWriteTables(t *testing.T) {
	var out bytes.Buffer
	r := someReport()
	if err := r.WriteTables(&out, 100); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"p99.9", "100", "1.00 s", "n1 reads", "latency of 100 reads", "12,345", "nothing to check", "FAIL\n",
		"violation: n2 went astray", "a note", "failed: total order: 1 violations",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	r.Pass = true
	out.Reset()
	if err := r.WriteTables(&out, 40); err != nil || !strings.HasSuffix(out.String(), "PASS\n") {
		t.Errorf("error %v, report %s", err, out.String())
	}
}

// Where there is no terminal, a report is of ASCII alone, and a table's rows have as
// many fields as its head.
func TestPlainReport(t *testing.T) {
	var out bytes.Buffer
	r := someReport()
	r.Notes = append(r.Notes, "n1: no \x1b[2J\u009b such thing")
	if err := r.WriteTables(&out, 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range out.String() {
		if c != '\n' && (c < ' ' || c > '~') {
			t.Errorf("there is a %q", c)
		}
	}
	fields := 0
	for line := range strings.Lines(out.String()) {
		n := len(strings.Fields(line))
		switch {
		case strings.HasPrefix(line, "op "):
			fields = n
		case strings.TrimSpace(line) == "":
			fields = 0
		case fields > 0 && n != fields:
			t.Errorf("%d fields below %d: %s", n, fields, line)
		}
	}
	if !strings.Contains(out.String(), "1.00s") || !strings.Contains(out.String(), "####") || !strings.Contains(out.String(), `\x1b[2J\u009b`) {
		t.Errorf("the report is\n%s", out.String())
	}
}

// No line of a report is wider than the terminal but for what is not a table or a
// bar, such as notes.
func TestReportFits(t *testing.T) {
	for _, width := range []int{40, 80, 200} {
		var out bytes.Buffer
		if err := someReport().WriteTables(&out, width); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width && strings.ContainsAny(line, "│─█<") {
				t.Errorf("a line of %d characters for a width of %d: %s", n, width, line)
			}
		}
	}
}

// TestWriteTablesTellsErrors does not take a full disk for success.
func TestWriteTablesTellsErrors(t *testing.T) {
	if err := someReport().WriteTables(fullDisk{}, 100); !errors.Is(err, errFullDisk) {
		t.Errorf("error %v, want %v", err, errFullDisk)
	}
}

var errFullDisk = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFullDisk }

// TestWriteJSON is one document that says the same.
func TestWriteJSON(t *testing.T) {
	var out bytes.Buffer
	r := someReport()
	if err := r.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var got Report
	d := json.NewDecoder(&out)
	if err := d.Decode(&got); err != nil || d.More() {
		t.Fatalf("error %v, more %v", err, d.More())
	}
	if diff := cmp.Diff(r, &got); diff != "" {
		t.Error(diff)
	}
}

func TestWritePercentiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "hist")
	files, err := OpenPercentiles(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(files.Write(someFigures()), files.Close()); err != nil {
		t.Fatal(err)
	}
	for suffix, want := range map[string]string{"": "Total count    =          101", ".get": "Total count    =          100", ".set": "Total count    =            1"} {
		b, err := os.ReadFile(name + suffix)
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%q: error %v, want %q in %s", suffix, err, want, b)
		}
	}
	if _, err := OpenPercentiles(filepath.Join(name, "x")); err == nil {
		t.Error("no error for a file that cannot be created")
	}
}

func TestMedian(t *testing.T) {
	for want, values := range map[float64][]float64{5: {5}, 2.5: {3, 2}, 3: {9, 1, 3}, 4: {5, 3, 100, 1}} {
		if got := Median(values); got != want {
			t.Errorf("the median of %v is %g, not %g", values, got, want)
		}
	}
}
