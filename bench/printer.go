package bench

import (
	"fmt"
	"io"
)

// printer writes lines, and keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) text(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func (p *printer) line(format string, args ...any) { p.text(format+"\n", args...) }

// verdict says PASS, or what is wrong and FAIL.
func (p *printer) verdict(failures []string) {
	p.line("")
	for _, failure := range failures {
		p.line("FAIL: %s", failure)
	}
	if len(failures) == 0 {
		p.line("PASS")
	} else {
		p.line("FAIL")
	}
}

// mebibytes is n bytes for people.
func mebibytes(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
