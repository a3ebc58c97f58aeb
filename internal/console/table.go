package console

import (
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/tw"
)

// Column describes a column of a table.
type Column struct {
	Name   string
	Number bool // to the right
	Prose  bool // wrapped to the width of the terminal; where there is none, the last column
}

// Table is rows of cells below the names of their columns.
type Table struct {
	Columns []Column
	Rows    [][]string // as many cells as there are columns
}

// Write writes the table for a terminal of some width, in a box, or as a list of
// names and values where the box would not fit. With width 0 it writes plain
// columns for programs such as awk: fields apart by spaces, none of which is
// empty, and only the last may have spaces in it. What a terminal could take for
// a command is escaped in both.
func (t *Table) Write(w io.Writer, width int) error {
	rows := make([][]string, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = make([]string, len(row))
		for j, cell := range row {
			rows[i][j] = Escape(cell)
		}
	}
	clean := &Table{t.Columns, rows}
	switch {
	case width <= 0:
		return clean.writePlain(w)
	case clean.boxWidth() > width:
		return clean.writeList(w)
	default:
		return clean.writeBox(w, width)
	}
}

// least is the number of characters that a wrapped column has at least.
const leastProse = 24

// boxWidth is how wide the box is at least.
func (t *Table) boxWidth() int {
	sum := 1
	for j, c := range t.Columns {
		most := t.cellWidth(j)
		if c.Prose {
			most = min(most, leastProse)
		}
		sum += most + len(" │ ") - 2
	}
	return sum
}

// displayed is how many characters wide a terminal shows a text: wide letters, such as
// those of Chinese, Japanese and Korean, count twice, and marks that stand above
// others not at all. It is what the boxes go by.
func displayed(text string) int { return twwidth.Width(text) }

// cellWidth is the width of the widest cell of a column.
func (t *Table) cellWidth(column int) int {
	most := displayed(t.Columns[column].Name)
	for _, row := range t.Rows {
		most = max(most, displayed(row[column]))
	}
	return most
}

func (t *Table) writeBox(w io.Writer, width int) error {
	head := make([]string, len(t.Columns))
	align := make([]tw.Align, len(t.Columns))
	prose := tw.NewMapper[int, int]()
	for j, c := range t.Columns {
		head[j], align[j] = c.Name, tw.AlignLeft
		if c.Number {
			align[j] = tw.AlignRight
		}
		if c.Prose {
			least := min(t.cellWidth(j), leastProse)
			prose.Set(j, least+width-t.boxWidth())
		}
	}
	cells := tw.CellConfig{
		Formatting:   tw.CellFormatting{AutoWrap: tw.WrapNormal},
		ColMaxWidths: tw.CellWidth{PerColumn: prose},
		Alignment:    tw.CellAlignment{PerColumn: align},
		Padding:      tw.CellPadding{Global: tw.PaddingDefault},
	}
	table := tablewriter.NewTable(w,
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAlignmentConfig(cells.Alignment),
		tablewriter.WithRowConfig(cells),
	)
	table.Header(head)
	if err := table.Bulk(t.Rows); err != nil {
		return err
	}
	return table.Render()
}

// writeList writes each row as lines of a name and a value.
func (t *Table) writeList(w io.Writer) error {
	names := 0
	for _, c := range t.Columns {
		names = max(names, displayed(c.Name))
	}
	var b strings.Builder
	for i, row := range t.Rows {
		if i > 0 {
			b.WriteByte('\n')
		}
		for j, cell := range row {
			fmt.Fprintf(&b, "%s%s  %s\n", t.Columns[j].Name, strings.Repeat(" ", names-displayed(t.Columns[j].Name)), cell)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) writePlain(w io.Writer) error {
	order := make([]int, 0, len(t.Columns)) // prose comes last
	for _, prose := range []bool{false, true} {
		for j, c := range t.Columns {
			if c.Prose == prose {
				order = append(order, j)
			}
		}
	}
	plain := make([][]string, len(t.Rows)+1)
	widths := make([]int, len(t.Columns))
	for i := range plain {
		for k, j := range order {
			cell := t.Columns[j].Name
			if i > 0 {
				cell = t.Rows[i-1][j]
			}
			if number := t.Columns[j].Number; i == 0 || k < len(order)-1 || number {
				cell = oneField(cell, i > 0 && number)
			} else if cell == "" {
				cell = "-"
			}
			plain[i] = append(plain[i], cell)
			widths[k] = max(widths[k], displayed(cell))
		}
	}
	var b strings.Builder
	for _, row := range plain {
		for k, cell := range row {
			pad := strings.Repeat(" ", widths[k]-displayed(cell))
			switch {
			case t.Columns[order[k]].Number:
				b.WriteString(pad + cell)
			case k < len(row)-1:
				b.WriteString(cell + pad)
			default:
				b.WriteString(cell)
			}
			if k < len(row)-1 {
				b.WriteString("  ")
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// oneField is a cell without spaces. Those between a number and its unit go.
func oneField(cell string, number bool) string {
	between := "_"
	if number {
		between = ""
	}
	if cell = strings.Join(strings.Fields(cell), between); cell == "" {
		return "-"
	}
	return cell
}
