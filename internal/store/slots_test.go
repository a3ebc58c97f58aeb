package store

import (
	"testing"

	"pgregory.net/rapid"
)

func TestSlotsAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s slots[int]
		oracle := make(map[uint32]*int)
		var numbers []uint32
		peak := 0
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			if len(numbers) > 0 && rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
				i := rapid.IntRange(0, len(numbers)-1).Draw(t, "which")
				s.remove(numbers[i], oracle[numbers[i]])
				delete(oracle, numbers[i])
				numbers = append(numbers[:i], numbers[i+1:]...)
				continue
			}
			for range rapid.SampledFrom([]int{1, 1, 1, slotsPerPage}).Draw(t, "add") {
				thing := new(int)
				number := s.add(thing)
				if number == 0 || oracle[number] != nil {
					t.Fatalf("number %d given out again", number)
				}
				oracle[number] = thing
				numbers = append(numbers, number)
			}
			peak = max(peak, len(numbers))
		}
		v := s.view()
		if int(v.highest) != peak {
			t.Fatalf("highest number %d, at most %d were in use", v.highest, peak)
		}
		for number := uint32(1); number <= v.highest; number++ {
			if v.at(number) != oracle[number] {
				t.Fatalf("slot %d holds something else", number)
			}
		}
	})
}

func TestSlotsRemoveOfWhatIsNotThere(t *testing.T) {
	var s slots[int]
	s.remove(0, new(int)) // nothing's number
	number := s.add(new(int))
	defer func() {
		if recover() == nil {
			t.Error("something else was removed")
		}
	}()
	s.remove(number, new(int))
}

// TestViewStaysWhileTheTableGrows holds that a view shows old slots after the
// list of pages has moved.
func TestViewStaysWhileTheTableGrows(t *testing.T) {
	var s slots[int]
	first := new(int)
	s.add(first)
	v := s.view()
	for range 10 * slotsPerPage {
		s.add(new(int))
	}
	if v.at(1) != first || v.highest != 1 {
		t.Error("the view changed")
	}
}
