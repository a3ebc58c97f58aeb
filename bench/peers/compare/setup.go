package compare

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

// SetUp states what a comparison depends on.
func SetUp(cfg Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d processors, %s; %s; %s, GOMAXPROCS %d\n",
		runtime.NumCPU(), processor(), kernel(), runtime.Version(), runtime.GOMAXPROCS(0))
	fmt.Fprintf(&b, "%d rounds; points of %v after %v of warm-up, systems under load for %v before; seed %d\n",
		cfg.Rounds, cfg.Duration, cfg.Warmup, cfg.Condition, cfg.Seed)
	fmt.Fprintf(&b, "%d keys of 16 B, values of %d B; median (least..greatest) of the rounds\n", variables, valueBytes)
	for _, t := range plan(Rows(), systems.All(), cfg.Only) {
		fmt.Fprintf(&b, "%-18s %s\n", t.spec.Name, t.spec.Text)
	}
	return b.String()
}

// processor is its model, as Linux tells it.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "model unknown"
	}
	for line := range bytes.Lines(info) {
		if name, value, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "model unknown"
}

// kernel is its name and release.
func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "kernel unknown"
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}
