package noise

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// ticksPerSecond is the unit of the counters, USER_HZ, which is 100 on every
// architecture that Go has Linux for.
const ticksPerSecond = 100

// kernelThread is the flag of processes that are threads of the kernel: PF_KTHREAD.
const kernelThread = 0x00200000

// errProc says that a file of /proc is not what Linux writes.
var errProc = errors.New("noise: not as Linux writes it")

// processors is what /proc/stat has about all of them together, in ticks.
type processors struct {
	idle   int64 // waiting for input and output too
	stolen int64 // had by the hypervisor
	count  int
}

// readProcessors reads /proc/stat.
func readProcessors(proc fs.FS) (p processors, err error) {
	content, err := fs.ReadFile(proc, "stat")
	if err != nil {
		return p, err
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || !strings.HasPrefix(fields[0], "cpu"):
		case fields[0] != "cpu":
			p.count++
		case len(fields) < 9: // cpu user nice system idle iowait irq softirq steal
			return p, fmt.Errorf("%w: /proc/stat: %q", errProc, strings.TrimSpace(line))
		default:
			idle, err1 := ticks(fields[4])
			waiting, err2 := ticks(fields[5])
			stolen, err3 := ticks(fields[8])
			if err := errors.Join(err1, err2, err3); err != nil {
				return p, err
			}
			p.idle, p.stolen = idle+waiting, stolen
		}
	}
	if p.count == 0 {
		return p, fmt.Errorf("%w: /proc/stat has no processors", errProc)
	}
	return p, nil
}

// process is one as /proc/PID/stat has it.
type process struct {
	parent int
	kernel bool  // a thread of the kernel
	used   int64 // ticks, with those of children that have ended
}

// readProcesses reads all of them, by id.
func readProcesses(proc fs.FS) (map[int]process, error) {
	entries, err := fs.ReadDir(proc, ".")
	if err != nil {
		return nil, err
	}
	all := map[int]process{}
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		content, err := fs.ReadFile(proc, e.Name()+"/stat")
		if err != nil {
			continue // it has ended meanwhile: its parent has what it used
		}
		if all[id], err = parseProcess(string(content)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// parseProcess reads a line of /proc/PID/stat: the id, the name in parentheses,
// which may contain any, and 50 fields.
func parseProcess(line string) (p process, err error) {
	end := strings.LastIndexByte(line, ')')
	fields := strings.Fields(line[end+1:])
	// state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime
	if end < 0 || len(fields) < 15 {
		return p, fmt.Errorf("%w: /proc/PID/stat: %q", errProc, line)
	}
	if p.parent, err = strconv.Atoi(fields[1]); err != nil {
		return p, fmt.Errorf("%w: /proc/PID/stat: %w", errProc, err)
	}
	flags, err := strconv.ParseUint(fields[6], 10, 64)
	if err != nil {
		return p, fmt.Errorf("%w: /proc/PID/stat: %w", errProc, err)
	}
	p.kernel = flags&kernelThread != 0
	for _, f := range fields[11:15] {
		t, err := ticks(f)
		if err != nil {
			return p, err
		}
		p.used += t
	}
	return p, nil
}

// ticks reads a counter.
func ticks(field string) (int64, error) {
	n, err := strconv.ParseInt(field, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errProc, err)
	}
	return n, nil
}

// LoadAverage returns the mean number of tasks that ran or wanted to, over the
// last minute.
func LoadAverage(proc fs.FS) (float64, error) {
	content, err := fs.ReadFile(proc, "loadavg")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(content), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: /proc/loadavg: %w", errProc, err)
	}
	return load, nil
}
