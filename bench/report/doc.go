// Package report makes figures of what clients noted, and shows them.
//
// [Figures] gathers latencies by node and operation, [Outages] when writes and reads
// succeeded. A [Report] is what a run has found, a [FaultReport] what was done to its group;
// both are written as tables for people, as wide as their terminal, or as JSON.
//
//	figures := report.NewFigures()
//	figures.Add(&record) // of a load.Logbook
//	r := &report.Report{Operations: figures.Rows(seconds), Histograms: figures.Histograms()}
//	err := r.WriteTables(os.Stdout, console.Width(os.Stdout))
//
// A program with a report of its own writes lines and tables with a [Sink], and numbers with
// [Duration], [Grouped], [Mebibytes] and [Count]:
//
//	s := report.NewSink(w)
//	s.Printf("%s\n", report.Count(3, "node"))
//	s.Table(console.Table{Columns: report.Columns("node", "CPU"), Rows: rows})
//	s.Verdict(failures) // each of them, then PASS or FAIL
//	return s.Err
package report
