package console

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

func someTable() *Table {
	return &Table{
		Columns: []Column{{Name: "id"}, {Name: "p50", Number: true}, {Name: "what it says", Prose: true}, {Name: "phase"}},
		Rows: [][]string{
			{"n1", "1.2 ms", strings.Repeat("word ", 20) + "end", "normal"},
			{"n 2\x1b[2J", "-", "", "wedged in\nview 3"},
		},
	}
}

func TestPlainTable(t *testing.T) {
	want := `id          p50  phase               what_it_says
n1        1.2ms  normal              ` + strings.Repeat("word ", 20) + `end
n_2\x1b[2J    -  wedged_in\nview_3   -
`
	var out strings.Builder
	if err := someTable().Write(&out, 0); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if n := len(strings.Fields(line)); n != 4 && !strings.Contains(line, "word ") {
			t.Errorf("%d fields: %s", n, line)
		}
	}
	if strings.Join(strings.Fields(out.String()), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("it is\n%s\nwant\n%s", out.String(), want)
	}
	for _, r := range out.String() {
		if r > 0x7e || r < ' ' && r != '\n' {
			t.Errorf("there is a %q", r)
		}
	}
}

func TestTableFits(t *testing.T) {
	for _, width := range []int{40, 60, 61, 80, 200} {
		var out strings.Builder
		table := someTable()
		if err := table.Write(&out, width); err != nil {
			t.Fatal(err)
		}
		boxed := strings.HasPrefix(out.String(), "┌")
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); boxed && n > width {
				t.Errorf("at %d characters a line has %d: %s", width, n, line)
			}
		}
		if boxed != (table.boxWidth() <= width) && width != 60 && width != 61 || width == 40 && boxed || width == 200 && !boxed {
			t.Errorf("at %d characters it is\n%s", width, out.String())
		}
		if strings.Contains(out.String(), "\x1b") || !strings.Contains(out.String(), `\x1b[2J`) {
			t.Errorf("at %d characters it is not escaped: %q", width, out.String())
		}
	}
}

func TestListOfTable(t *testing.T) {
	var out strings.Builder
	table := &Table{Columns: []Column{{Name: "id"}, {Name: "position", Number: true}}, Rows: [][]string{{"n1", "5"}, {"n2", "-"}}}
	if err := table.Write(&out, 10); err != nil {
		t.Fatal(err)
	}
	if want := "id        n1\nposition  5\n\nid        n2\nposition  -\n"; out.String() != want {
		t.Errorf("it is\n%s\nwant\n%s", out.String(), want)
	}
}

// Columns are straight whatever letters a cell has: wide ones, and marks above others.
func TestWideLetters(t *testing.T) {
	for _, name := range []string{"plain", "日本語クライアント", "e\u0301e\u0301e\u0301", "한국어", "ｗｉｄｅ", "\u0301"} {
		table := &Table{
			Columns: []Column{{Name: "client"}, {Name: "at"}, {Name: "sessions", Number: true}},
			Rows:    [][]string{{"another-client", "127.0.0.1", "7"}, {name, "127.0.0.2", "12"}},
		}
		box := table.boxWidth()
		for _, width := range []int{0, box, 200} {
			var out strings.Builder
			if err := table.Write(&out, width); err != nil {
				t.Fatal(err)
			}
			wide := -1
			for line := range strings.Lines(out.String()) {
				n := twwidth.Width(strings.TrimSuffix(line, "\n"))
				if wide >= 0 && n != wide || width > 0 && n > width {
					t.Errorf("with %q at %d a line is %d wide, those before it %d:\n%s", name, width, n, wide, out.String())
				}
				wide = n
			}
		}
		var out strings.Builder
		if err := table.Write(&out, box-1); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(out.String(), "client    another-client\n") {
			t.Errorf("with %q it is no list where the box is too wide:\n%s", name, out.String())
		}
	}
}
