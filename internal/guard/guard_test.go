package guard

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

func never(t *testing.T) func([]byte) {
	return func(stack []byte) { t.Errorf("a report of a copy that nobody changed:\n%s", stack) }
}

// scribbles writes to the first byte and reports whether that crashed.
func scribbles(b []byte) (crashed bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { crashed = recover() != nil }()
	b[0] ^= 1
	return false
}

func TestCopyCannotBeWritten(t *testing.T) {
	if _, ok := protect([]byte("x")); !ok {
		t.Skip("memory cannot be protected here")
	}
	for _, n := range []int{1, 7, 4095, 4096, 4097, 1 << 20} {
		original := bytes.Repeat([]byte("v"), n)
		b := Copy(original, never(t))
		if !bytes.Equal(b, original) || cap(b) != n {
			t.Fatalf("%d bytes: a copy of %d bytes with room for %d", n, len(b), cap(b))
		}
		for _, at := range []int{0, n / 2, n - 1} {
			if !scribbles(b[at:]) {
				t.Fatalf("byte %d of %d can be written", at, n)
			}
		}
		if longer := append(b, 'x'); scribbles(longer) { //nolint:gocritic // what a caller may do
			t.Fatal("what was appended to is protected too")
		}
		original[0] = 'w'
		if b[0] != 'v' {
			t.Fatal("the copy shares the original's memory")
		}
	}
}

func TestNothingStaysNothing(t *testing.T) {
	if b := Copy(nil, never(t)); b != nil {
		t.Errorf("nil became %v", b)
	}
	if b := Copy([]byte{}, never(t)); b == nil || len(b) != 0 {
		t.Errorf("an empty slice became %v", b)
	}
}

// The memory of copies that nobody refers to is used again, and can be written then. The
// copies that somebody does refer to stay as they are.
func TestMemoryIsUsedAgain(t *testing.T) {
	var kept [][]byte
	for round := range 30 {
		for i := range 100 {
			b := Copy(bytes.Repeat([]byte{byte(i)}, 100+round), never(t))
			if i%50 == 0 {
				kept = append(kept, b[50:])
			}
		}
		runtime.GC()
		runtime.GC()
		for range 200 {
			fresh := make([]byte, 8191)
			for i := range fresh {
				fresh[i] = 0xff
			}
			runtime.KeepAlive(fresh)
		}
		for i, b := range kept {
			if want := byte(i % 2 * 50); slices.Max(b) != want || slices.Min(b) != want {
				t.Fatalf("a copy that was kept has changed to %v", b)
			}
		}
	}
}

// Where memory cannot be protected, a change is reported with who got the copy.
func TestWatchedCopy(t *testing.T) {
	reports := make(chan string, 1)
	func() {
		b := watch([]byte("value"), func(stack []byte) { reports <- string(stack) })
		b[0] = 'V'
		same := watch([]byte("value"), never(t))
		runtime.KeepAlive(same)
	}()
	for {
		runtime.GC()
		select {
		case stack := <-reports:
			if !strings.Contains(stack, "TestWatchedCopy") {
				t.Errorf("the stack does not name the caller:\n%s", stack)
			}
			return
		default:
			runtime.Gosched()
		}
	}
}
