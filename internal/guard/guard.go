// Package guard finds the code that writes to bytes which it was only to read. It is
// for debugging: a copy takes two pages of memory and two system calls.
//
//	data = guard.Copy(data, report)
//
// Where the system can protect memory, a write to the copy crashes the program with
// the stack of the code that writes. Elsewhere a copy that was changed is reported once
// nobody refers to it, with the stack of the code that got it.
package guard

import (
	"bytes"
	"hash/maphash"
	"runtime"
	"runtime/debug"
	"unsafe"
)

// Copy returns a copy of b that must not be written to. If the copy cannot be
// protected and is changed all the same, report is called some time after the last
// reference to it has gone, from a goroutine of the runtime's, with the stack of the
// caller of Copy. It must not block. Nil stays nil.
func Copy(b []byte, report func(stack []byte)) []byte {
	if len(b) == 0 {
		return bytes.Clone(b)
	}
	if protected, ok := protect(b); ok {
		return protected
	}
	return watch(b, report)
}

// leastWatched keeps copies apart: the runtime puts smaller objects together.
const leastWatched = 32

// watch returns a copy whose bytes are compared once nobody refers to it.
func watch(b []byte, report func(stack []byte)) []byte {
	copied := make([]byte, max(len(b), leastWatched))
	copy(copied, b)
	seed, n := maphash.MakeSeed(), len(copied)
	sum, stack := maphash.Bytes(seed, copied), debug.Stack()
	runtime.SetFinalizer(&copied[0], func(base *byte) {
		if maphash.Bytes(seed, unsafe.Slice(base, n)) != sum {
			report(stack)
		}
	})
	return copied[:len(b):len(b)]
}
