package main

import (
	"io"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"
)

// column is the head of a column, and whether it holds numbers.
type column struct {
	name   string
	number bool
}

// writeTable prints rows of cells below their heads.
func writeTable(w io.Writer, columns []column, rows [][]string) error {
	head := make([]string, len(columns))
	align := make([]tw.Align, len(columns))
	for i, c := range columns {
		head[i], align[i] = c.name, tw.AlignLeft
		if c.number {
			align[i] = tw.AlignRight
		}
	}
	table := tablewriter.NewTable(w,
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAlignmentConfig(tw.CellAlignment{PerColumn: align}),
		tablewriter.WithRowAlignmentConfig(tw.CellAlignment{PerColumn: align}),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
	)
	table.Header(head)
	if err := table.Bulk(rows); err != nil {
		return err
	}
	return table.Render()
}
