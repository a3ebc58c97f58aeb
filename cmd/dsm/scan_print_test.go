package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/driver"
)

// On a terminal a variable has one line, whatever it holds.
func TestScanOnATerminal(t *testing.T) {
	for onDisplay, want := range map[bool]string{
		true:  "version  key  value\n      7  k    \\x1b[2J\\n\\tä\n",
		false: "version  key  value\n      7  k    \x1b[2J\n\tä\n",
	} {
		var stdout bytes.Buffer
		p := (&scanFlags{}).printer(&surroundings{stdout: &stdout, onDisplay: onDisplay})
		if err := p.variable(9, &driver.Item{Key: "k", Value: driver.Value{Data: []byte("\x1b[2J\n\tä"), Version: 7}}); err != nil || stdout.Len() > 0 {
			t.Errorf("it prints %q at once, %v", &stdout, err)
		}
		if err := p.end(9); err != nil || stdout.String() != want || p.count() != 1 {
			t.Errorf("it prints %q, want %q, %v", &stdout, want, err)
		}
	}
}

// A scan is printed as it comes, in columns that do not become narrower, under one head.
func TestScanIsPrintedAsItComes(t *testing.T) {
	for _, format := range []string{formatText, formatJSON} {
		for _, bytesEach := range []int{0, 1 << 10} {
			var stdout bytes.Buffer
			var f scanFlags
			f.output = format
			p := f.printer(&surroundings{stdout: &stdout})
			most := 0
			for i := range 1200 {
				before := stdout.Len()
				item := driver.Item{Key: strings.Repeat("k", 1+i%50), Value: driver.Value{Data: make([]byte, bytesEach), Version: 1 << 62}}
				if err := p.variable(1, &item); err != nil {
					t.Fatal(err)
				}
				most = max(most, stdout.Len()-before)
			}
			if most == 0 || most > 4*printedBytes || p.count() == 0 {
				t.Errorf("%s, %d bytes each: it prints up to %d bytes at a time", format, bytesEach, most)
			}
			if err := p.end(1); err != nil || p.count() != 1200 {
				t.Errorf("%s: it has printed %d, %v", format, p.count(), err)
			}
			head := map[string]string{formatText: "version", formatJSON: `"position"`}[format]
			if n := strings.Count(stdout.String(), head+" ") + strings.Count(stdout.String(), head+":"); n != 1 {
				t.Errorf("%s: %d heads", format, n)
			}
			if format == formatJSON {
				checkJSON(t, "scan", "scan", stdout.Bytes())
			}
		}
	}
	// Keys that are longer than the column do not widen it.
	var stdout bytes.Buffer
	p := (&scanFlags{}).printer(&surroundings{stdout: &stdout})
	for _, key := range []string{strings.Repeat("ä", 100), "k"} {
		if err := p.variable(1, &driver.Item{Key: key, Value: driver.Value{Data: []byte("v"), Version: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.end(1); err != nil || !strings.HasSuffix(stdout.String(), "\n      1  k"+strings.Repeat(" ", mostKeyWidth-1+2)+"v\n") {
		t.Errorf("it prints %q, %v", &stdout, err)
	}
}
