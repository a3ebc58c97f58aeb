package report

import "github.com/HdrHistogram/hdrhistogram-go"

// Histogram is the latencies of some operations.
type Histogram struct {
	Of      string   `json:"of"`
	Count   int64    `json:"count"`
	Buckets []Bucket `json:"buckets"`
}

// Bucket is the operations that took more than the bucket before, and at most
// UpTo nanoseconds, as exactly as the histogram knows.
type Bucket struct {
	UpTo  int64 `json:"up_to_ns"`
	Count int64 `json:"count"`
}

// Histograms returns those of reads and writes, as far as there were any.
func (f *Figures) Histograms() []Histogram {
	var list []Histogram
	for _, g := range []struct {
		of   string
		read bool
	}{{"reads", true}, {"writes", false}} {
		h, _ := f.merged(func(key cellKey) bool { return key.kind.IsRead() == g.read })
		if h != nil {
			list = append(list, Histogram{Of: g.of, Count: h.TotalCount(), Buckets: buckets(h)})
		}
	}
	return list
}

// buckets sorts a histogram into steps of 1, 2, 5, 10 and so on, from the
// first that is not empty to the last.
func buckets(h *hdrhistogram.Histogram) []Bucket {
	var list []Bucket
	bars := h.Distribution()
	step, i := newStepper(), 0
	for left := h.TotalCount(); left > 0; {
		b := Bucket{UpTo: step.next()}
		for ; i < len(bars) && bars[i].From <= b.UpTo; i++ {
			b.Count += bars[i].Count
		}
		left -= b.Count
		if b.Count > 0 || len(list) > 0 {
			list = append(list, b)
		}
	}
	return list
}

// stepper counts 1, 2, 5, 10, 20, 50 ...
type stepper struct {
	decade int64
	n      int
}

func newStepper() *stepper { return &stepper{decade: 1} }

func (s *stepper) next() int64 {
	v := s.decade * []int64{1, 2, 5}[s.n]
	if s.n++; s.n == 3 {
		s.n, s.decade = 0, s.decade*10
	}
	return v
}
