package cluster

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// readProcessUsage asks the kernel what this process has used. A call counts as one
// that reads or writes whatever it is about: a socket, a pipe, a file, the runtime's
// own wake-ups.
func readProcessUsage() (u processUsage, err error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return u, fmt.Errorf("bench: getrusage: %w", err)
	}
	u.CPU, u.Waits = time.Duration(r.Utime.Nano()+r.Stime.Nano()), r.Nvcsw
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return u, fmt.Errorf("bench: %w", err)
	}
	for line := range bytes.Lines(text) {
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(": "))
		to := map[string]*int64{
			"syscr": &u.ReadCalls, "syscw": &u.WriteCalls, "rchar": &u.ReadBytes, "wchar": &u.WriteBytes,
		}[string(name)]
		if to == nil {
			continue
		}
		if *to, err = strconv.ParseInt(string(value), 10, 64); err != nil {
			return u, fmt.Errorf("bench: /proc/self/io: %w", err)
		}
	}
	text, err = os.ReadFile("/proc/self/statm")
	if err != nil {
		return u, fmt.Errorf("bench: %w", err)
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return u, fmt.Errorf("bench: /proc/self/statm says %q", text)
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return u, fmt.Errorf("bench: /proc/self/statm: %w", err)
	}
	u.Resident = pages * uint64(os.Getpagesize())
	return u, nil
}
