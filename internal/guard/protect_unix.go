//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package guard

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// protect returns a copy of b in pages of its own that cannot be written to. They belong
// to the heap, so that they stay for as long as anybody refers to any of their bytes, and
// can be written to again before the runtime uses them for something else: it frees an
// object only after its finalizer has run.
func protect(b []byte) (protected []byte, ok bool) {
	page := os.Getpagesize()
	size := (len(b) + page - 1) / page * page
	object := make([]byte, size+page-1)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(object)))) & (page - 1)
	pages := object[skip : skip+size : skip+size]
	copy(pages, b)
	if syscall.Mprotect(pages, syscall.PROT_READ) != nil {
		return nil, false
	}
	first := uintptr(unsafe.Pointer(unsafe.SliceData(pages)))
	runtime.SetFinalizer(&object[0], func(base *byte) {
		again := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(base), first-uintptr(unsafe.Pointer(base)))), size)
		if err := syscall.Mprotect(again, syscall.PROT_READ|syscall.PROT_WRITE); err != nil {
			panic("guard: memory cannot be made writable again: " + err.Error())
		}
	})
	return pages[:len(b):len(b)], true
}
