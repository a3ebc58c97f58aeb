package clock

import (
	"os"
	"strings"
	"sync"
)

// count returns the time stamp counter.
func count() uint64

// counts reports whether the kernel takes its own time from the counter: it does so
// only while the counters of all processors agree, which it goes on comparing.
var counts = sync.OnceValue(func() bool {
	source, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	return err == nil && strings.TrimSpace(string(source)) == "tsc"
})
