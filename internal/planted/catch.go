//go:build planted

package planted

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// caught has true at each bug for which [Caught] was called since the last With.
var caught [1 << 8]atomic.Bool

// switching is held by With, so that no two switch bugs on at once.
var switching sync.Mutex

// With switches a bug on until the test ends, and fails the test if nothing
// reports by then, through [Caught], that it was caught. It panics while any
// other bug is on.
func With(t testing.TB, b Bug) {
	t.Helper()
	switching.Lock()
	defer switching.Unlock()
	if anyOn() {
		panic(fmt.Sprintf("planted: %v cannot be switched on: another bug is, in a test that runs at the same time or in this one", b))
	}
	Set(b, true)
	caught[b].Store(false)
	t.Cleanup(func() {
		Set(b, false)
		if !caught[b].Load() && !t.Skipped() {
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
	caught[b].Store(true)
	t.Logf("planted bug %v: caught by %s", b, by)
}
