package store

import "sync/atomic"

// A page holds slotsPerPage slots, so that the table grows without moving any.
const slotsPerPage = 1024

type page[T any] [slotsPerPage]atomic.Pointer[T]

// slots numbers things from 1, so that another goroutine can walk over them in
// steps while the owner goes on adding and removing, which no hash table lets
// it do. Numbers of removed things are used again; 0 is nothing's number.
type slots[T any] struct {
	pages []*page[T]
	free  []uint32 // numbers up to used that hold nothing
	used  uint32   // the highest number given out so far
}

// add gives thing a number.
func (s *slots[T]) add(thing *T) uint32 {
	if n := len(s.free); n > 0 {
		number := s.free[n-1]
		s.free = s.free[:n-1]
		s.cell(number).Store(thing)
		return number
	}
	if s.used%slotsPerPage == 0 {
		s.pages = append(s.pages, new(page[T]))
	}
	s.used++
	s.cell(s.used).Store(thing)
	return s.used
}

// remove takes thing, which has this number, out of the table. With number 0 it
// is not in there.
func (s *slots[T]) remove(number uint32, thing *T) {
	if number == 0 {
		return
	}
	if !s.cell(number).CompareAndSwap(thing, nil) {
		panic("store: a slot holds something else than what is removed")
	}
	s.free = append(s.free, number)
}

func (s *slots[T]) cell(number uint32) *atomic.Pointer[T] {
	return &s.pages[(number-1)/slotsPerPage][(number-1)%slotsPerPage]
}

// view returns a look at the numbers given out so far. It costs the same
// however many they are.
func (s *slots[T]) view() view[T] {
	// The owner appends behind len(pages), or to a copy, so sharing the array
	// is safe.
	return view[T]{pages: s.pages, highest: s.used}
}

// A view shows what stands in the slots at the moment of the look, not of its
// making: things added later may show, under a number used again.
type view[T any] struct {
	pages   []*page[T]
	highest uint32
}

// at returns what has this number now, nil if nothing has.
func (v view[T]) at(number uint32) *T {
	return v.pages[(number-1)/slotsPerPage][(number-1)%slotsPerPage].Load()
}
