package report

import (
	"strings"
	"time"
)

// eighths are blocks of one to eight eighths of a character's width.
var eighths = []rune(" ▏▎▍▌▋▊▉█")

// bars draws a histogram, one line for each bucket, as wide as the terminal.
func (s *Sink) bars(h Histogram) {
	const text = 36 // what stands beside the bar
	room := s.room(text)
	most := int64(1)
	for _, b := range h.Buckets {
		most = max(most, b.Count)
	}
	seen := int64(0)
	for _, b := range h.Buckets {
		seen += b.Count
		s.Printf("  <= %7s %13s %6.2f%% %s\n",
			shortUnit(b.UpTo), Grouped(b.Count), 100*float64(seen)/float64(h.Count), s.bar(b.Count, most, room))
	}
}

// bar is as long, of room characters, as n is of most. What is not nothing is
// seen. Where there is no terminal it is of hash signs.
func (s *Sink) bar(n, most int64, room int) string {
	if s.width == 0 {
		length := int(float64(n) / float64(most) * float64(room))
		if n > 0 && length == 0 {
			length = 1
		}
		return strings.Repeat("#", length)
	}
	parts := int(float64(n) / float64(most) * float64(room) * 8)
	if n > 0 && parts == 0 {
		parts = 1
	}
	line := strings.Repeat(string(eighths[8]), parts/8)
	if parts%8 > 0 {
		line += string(eighths[parts%8])
	}
	return line
}

// shortUnit is a round number of nanoseconds, without decimals.
func shortUnit(ns int64) string {
	text := Duration(time.Duration(ns))
	number, unit, _ := strings.Cut(text, " ")
	if whole, fraction, ok := strings.Cut(number, "."); ok && strings.Trim(fraction, "0") == "" {
		number = whole
	}
	return number + " " + unit
}
