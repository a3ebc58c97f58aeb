//go:build planted

package planted

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// caught has bit b set once [Caught] was called for bug b, until the next With.
var caught atomic.Uint64

// With switches a bug on until the test ends, and fails the test if nothing
// reports by then, through [Caught], that it was caught. It panics while any
// other bug is on.
func With(t testing.TB, b Bug) {
	t.Helper()
	if !switches.CompareAndSwap(0, bit(b)) {
		panic(fmt.Sprintf("planted: %v cannot be switched on: another bug is, in a test that runs at the same time or in this one", b))
	}
	caught.And(^bit(b))
	t.Cleanup(func() {
		Set(b, false)
		if caught.Load()&bit(b) == 0 && !t.Skipped() {
			t.Errorf("planted bug %v: nothing caught it", b)
		}
	})
}

// Caught records that a check saw the bug, and logs which check it was.
func Caught(t testing.TB, b Bug, by string) {
	t.Helper()
	if !On(b) {
		t.Errorf("planted bug %v: reported as caught by %s, but it is not switched on", b, by)
		return
	}
	caught.Or(bit(b))
	t.Logf("planted bug %v: caught by %s", b, by)
}
