package load

// Schedule is when the phases of a run are, on its clock.
type Schedule struct {
	Begin int64 // of the warm-up
	Count int64 // from here on operations count
	End   int64 // nothing begins any more
	Rate  float64
}
