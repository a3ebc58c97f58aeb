package compare

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

// SetUp is what a comparison depends on.
type SetUp struct {
	Began      time.Time     `json:"began"`
	Took       time.Duration `json:"took_ns"`
	Processors int           `json:"processors"`
	Model      string        `json:"model"`
	Kernel     string        `json:"kernel"`
	Go         string        `json:"go"`
	Rounds     int           `json:"rounds"`
	Duration   time.Duration `json:"duration_ns"`
	Warmup     time.Duration `json:"warmup_ns"`
	Seed       uint64        `json:"seed"`
	// Interrupted: the run was ended before it had measured all rounds.
	Interrupted bool `json:"interrupted,omitempty"`
	// ServerProcs is GOMAXPROCS of the servers that are Go programs; 0: dsm's have
	// 1, the others their default.
	ServerProcs int `json:"server_procs,omitempty"`
}

func newSetUp(cfg Config, env systems.Env, began time.Time) SetUp {
	return SetUp{
		Began: began.UTC().Truncate(time.Second), Processors: runtime.NumCPU(), Model: processor(), Kernel: kernel(),
		Go: runtime.Version(), Rounds: cfg.Rounds, Duration: cfg.Duration, Warmup: cfg.Warmup, Seed: cfg.Seed,
		ServerProcs: env.ServerProcs,
	}
}

// String describes it in a few sentences.
func (s *SetUp) String() string {
	rounds := "One round"
	if s.Rounds > 1 {
		rounds = fmt.Sprintf("Median of %d rounds (least..greatest)", s.Rounds)
	}
	procs := "1 for dsm, the default for etcd and NATS"
	if s.ServerProcs > 0 {
		procs = strconv.Itoa(s.ServerProcs)
	}
	interrupted := ""
	if s.Interrupted {
		interrupted = "INTERRUPTED: not everything was measured in all rounds. "
	}
	return interrupted + fmt.Sprintf("%d processors (%s), %s, %s, %s; the run took %v. %s, "+
		"points of %v after %v of warm-up, %s keys of 16 B, values of %d B unless a row says otherwise. "+
		"GOMAXPROCS of each server: %s.",
		s.Processors, s.Model, s.Kernel, s.Go, s.Began.Format(time.DateOnly), s.Took.Round(time.Second), rounds,
		s.Duration, s.Warmup, grouped(variables), valueBytes, procs)
}

// SystemInfo is what the figures of a system are the price of.
type SystemInfo struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Version string `json:"version,omitempty"`
	Runs    string `json:"runs"`
	Holds   string `json:"acknowledged_by,omitempty"`
	Disk    string `json:"disk,omitempty"`
	Reads   string `json:"reads_answered_by,omitempty"`
	Client  string `json:"connections,omitempty"`
	Library string `json:"client_library,omitempty"`
	Limit   bool   `json:"limit,omitempty"`
}

func newSystemInfo(s systems.Spec) SystemInfo {
	return SystemInfo{
		Name: s.Name, Title: s.Title, Runs: s.Text, Holds: s.Holds, Disk: s.Disk, Reads: s.Reads,
		Client: s.Client, Library: s.ClientVersion(), Limit: s.Limit,
	}
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
