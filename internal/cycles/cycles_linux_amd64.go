package cycles

import (
	"os"
	"strings"
	"sync"
)

// Now returns the counter. It is not ordered with the instructions around it, but
// nothing can stop the process between the two without ordering them.
func Now() uint64

// Steady reports whether the counters of all processors agree and never change
// their speed. The kernel knows: it has compared them, goes on doing so, and takes
// its own time from them only then.
var Steady = sync.OnceValue(func() bool {
	source, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	return err == nil && strings.TrimSpace(string(source)) == "tsc"
})
