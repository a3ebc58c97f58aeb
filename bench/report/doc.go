// Package report computes figures from the records of clients, and prints them.
//
// [Figures] collects latencies by node and operation. [Outages] collects the times at which writes
// and reads succeeded. A [Report] has the results of a run, and a [FaultReport] the faults that
// were injected. Both are written as tables that fit the terminal, or as JSON.
//
//	figures := report.NewFigures()
//	figures.Add(&record) // of a load.Logbook
//	r := &report.Report{Operations: figures.Rows(seconds), Histograms: figures.Histograms()}
//	err := r.WriteTables(os.Stdout, console.Width(os.Stdout))
//
// To print a report of your own, write lines and tables with a [Sink], and numbers with
// [Duration], [Grouped], [Mebibytes] and [Count]:
//
//	s := report.NewSink(w)
//	s.Printf("%s\n", report.Count(3, "node"))
//	s.Table(console.Table{Columns: report.Columns("node", "CPU"), Rows: rows})
//	s.Verdict(failures) // prints each of them, then PASS or FAIL
//	return s.Err
package report
