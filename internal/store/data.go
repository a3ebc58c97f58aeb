package store

// Few results have data: those of transactions that return any. It stands beside the
// results, so that these stay small and without a pointer in them.

// recordData keeps the data of the result recorded for write seq.
func (t *sessions) recordData(s *session, seq uint64, data []byte) {
	if s.data == nil {
		s.data = make(map[uint64][]byte)
	}
	s.data[seq] = data
	s.dataBytes += len(data)
	t.data++
	t.kept.bytes += len(data)
	h := hashData(s.id, seq, data)
	s.sum += h
	t.sum += h
}

// dropData removes the data of the results below a sequence, and returns the sum of its
// hashes.
func (t *sessions) dropData(s *session, below uint64) (sum uint64) {
	drop := func(seq uint64, data []byte) {
		sum += hashData(s.id, seq, data)
		s.dataBytes -= len(data)
		t.data--
		delete(s.data, seq)
	}
	// A floor that rises by one each time must not look at all data each time.
	if below-s.floor < uint64(len(s.data)) {
		for seq := s.floor; seq < below; seq++ {
			if data := s.data[seq]; data != nil {
				drop(seq, data)
			}
		}
	} else {
		for seq, data := range s.data {
			if seq < below {
				drop(seq, data)
			}
		}
	}
	if len(s.data) == 0 {
		s.data = nil
	}
	return sum
}

// bytesOf returns how many bytes of data there are.
func bytesOf(data map[uint64][]byte) (n int) {
	for _, d := range data {
		n += len(d)
	}
	return n
}
