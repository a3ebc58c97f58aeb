package console

import (
	"strings"
	"testing"
	"unicode/utf8"
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
