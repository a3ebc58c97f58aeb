package link

import "testing"

// BenchmarkRecords puts as many records as a turn may have for a peer into a stream,
// sends them, and has them confirmed.
func BenchmarkRecords(b *testing.B) {
	s := newStream(1, Limits{MaxRecordBytes: 1 << 20, MaxKeptBytes: 1 << 24})
	body := make([]byte, 130)
	body[0] = 1
	b.ReportAllocs()
	for b.Loop() {
		for range 4 {
			if err := s.commit(append(s.reserve(len(body)), body...)); err != nil {
				b.Fatal(err)
			}
		}
		s.flush(0)
		s.wrote(s.end())
		if err := s.confirm(s.end()); err != nil {
			b.Fatal(err)
		}
	}
}
