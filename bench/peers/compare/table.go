package compare

import (
	"strings"
	"unicode/utf8"
)

// writeTable writes a Markdown table whose columns line up, so that it reads as
// well on a terminal. align has a letter for each column: l or r.
func writeTable(b *strings.Builder, header []string, align string, rows [][]string) {
	widths := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), len("-:"))
		}
	}
	write := func(row []string) {
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if align[i] == 'r' {
				cell = pad + cell
			} else {
				cell += pad
			}
			b.WriteString("| " + cell + " ")
		}
		b.WriteString("|\n")
	}
	write(header)
	for i, width := range widths {
		rule := strings.Repeat("-", width-1)
		if align[i] == 'r' {
			rule += ":"
		} else {
			rule += "-"
		}
		b.WriteString("| " + rule + " ")
	}
	b.WriteString("|\n")
	for _, row := range rows {
		write(row)
	}
}
