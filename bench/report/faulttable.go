package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/internal/console"
)

// faults shows what was done to the group, and how it got over it.
func (s *Sink) faults(f *FaultReport) {
	s.Printf("\nfaults (seed %d): --faults %q\n", f.Seed, f.Schedule)
	s.Table(f.Table())
	s.Printf("longest time without a write: %s, without a read: %s\n", silent(f.WithoutWrite), silent(f.WithoutRead))
	s.Printf("%s\n", f.Verdict)
	s.throughput(f.Seconds)
}

// Table is the table of faults.
func (f *FaultReport) Table() console.Table {
	g := console.Table{
		Columns: []console.Column{
			{Name: "at", Number: true}, {Name: "fault"}, {Name: "without write", Number: true}, {Name: "without read", Number: true}, {Name: "verdict"},
		},
	}
	for i := range f.Faults {
		row := &f.Faults[i]
		if row.Seconds < 0 {
			g.Rows = append(g.Rows, []string{"-", row.Fault, "-", "-", "did not happen"})
			continue
		}
		g.Rows = append(g.Rows, []string{
			fmt.Sprintf("%.1f s", row.Seconds), row.Fault, silent(row.WithoutWrite), silent(row.WithoutRead), f.verdict(row),
		})
	}
	return g
}

// verdict is that on one fault that happened.
func (f *FaultReport) verdict(row *FaultRow) string {
	above := "FAIL: above " + Duration(time.Duration(row.Limit))
	after := "after it " + silent(max(row.AfterWrite, row.AfterRead))
	switch {
	case row.Error != "":
		return "FAIL: " + row.Error
	case row.LostState:
		return fault.ErrStateLost.Error()
	case f.LostState:
		return "not judged"
	case row.Exceeds && row.Settles:
		return above + " (" + after + ")"
	case row.Exceeds:
		return above
	case row.Settles:
		return "apart: " + row.Apart + "; " + after + ": ok"
	case row.Apart != "":
		return "apart: " + row.Apart
	case row.Limit > f.Limit:
		return "ok: at most " + Duration(time.Duration(row.Limit))
	default:
		return "ok"
	}
}

// maxThroughputLines bounds what is shown of a long run.
const maxThroughputLines = 20

// levels are columns of one to eight eighths of a character's height.
var levels = []rune("▁▂▃▄▅▆▇█")

// throughput draws how many operations succeeded in each second, or in a few of
// them, most as high as a line.
func (s *Sink) throughput(seconds []Second) {
	const text = 10 // what stands before the columns
	room := s.room(text)
	each := max(1, (len(seconds)+room*maxThroughputLines-1)/(room*maxThroughputLines))
	var sums []int64
	most := int64(1)
	for i := range seconds {
		if i%each == 0 {
			sums = append(sums, 0)
		}
		sum := &sums[len(sums)-1]
		*sum += seconds[i].Reads + seconds[i].Writes
		most = max(most, *sum)
	}
	s.Printf("\noperations in each %s, at most %s\n", Duration(time.Duration(each)*time.Second), Grouped(most))
	for begin := 0; begin < len(sums); begin += room {
		var line strings.Builder
		for _, sum := range sums[begin:min(begin+room, len(sums))] {
			line.WriteRune(s.level(sum, most))
		}
		s.Printf("%8d s%s\n", begin*each, line.String())
	}
}

// plainLevels are the same where there is no terminal.
var plainLevels = []rune("_,-~=+*#")

// level is as high as n is of most. Nothing looks unlike little.
func (s *Sink) level(n, most int64) rune {
	nothing, levels := '·', levels
	if s.width == 0 {
		nothing, levels = '.', plainLevels
	}
	if n == 0 {
		return nothing
	}
	return levels[min(int64(len(levels))-1, n*int64(len(levels))/most)]
}
