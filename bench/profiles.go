package bench

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strings"
)

// Profiles says which profiles a process takes of itself, and into which files. Empty
// names: none.
type Profiles struct {
	CPU    string // from the beginning to the end, for go tool pprof
	Memory string // at the end: what is in use and what was ever allocated
	Trace  string // from the beginning to the end, for go tool trace; it grows fast
}

// The flags for Profiles, of dsmbench and of its children.
const (
	flagCPUProfile = "cpuprofile"
	flagMemProfile = "memprofile"
	flagTrace      = "trace"
)

// of is where a process of a run puts its own: in FILE.name, beside those of dsmbench.
func (p Profiles) of(name string) Profiles {
	for _, file := range []*string{&p.CPU, &p.Memory, &p.Trace} {
		if *file != "" {
			*file += "." + name
		}
	}
	return p
}

// args are the arguments for a child.
func (p Profiles) args() (args []string) {
	for _, f := range []struct{ flag, file string }{{flagCPUProfile, p.CPU}, {flagMemProfile, p.Memory}, {flagTrace, p.Trace}} {
		if f.file != "" {
			args = append(args, "--"+f.flag+"="+f.file)
		}
	}
	return args
}

// cutProfiles reads what args has made, and returns what follows it.
func cutProfiles(args []string) (p Profiles, rest []string) {
	files := map[string]*string{flagCPUProfile: &p.CPU, flagMemProfile: &p.Memory, flagTrace: &p.Trace}
	for i, arg := range args {
		flag, file, _ := strings.Cut(arg, "=")
		to := files[strings.TrimPrefix(flag, "--")]
		if to == nil || !strings.HasPrefix(flag, "--") {
			return p, args[i:]
		}
		*to = file
	}
	return p, nil
}

// Start begins to take profiles. What it returns ends that and writes them.
func (p Profiles) Start() (stop func() error, err error) {
	var stops []func() error
	stop = func() error {
		var errs []error
		for _, s := range stops {
			errs = append(errs, s())
		}
		return errors.Join(errs...)
	}
	begin := func(name string, start func(*os.File) error, end func()) {
		if name == "" || err != nil {
			return
		}
		var file *os.File
		if file, err = os.Create(name); err != nil {
			return
		}
		if err = start(file); err != nil {
			err = errors.Join(err, file.Close())
			return
		}
		stops = append(stops, func() error { end(); return file.Close() })
	}
	begin(p.CPU, func(f *os.File) error { return pprof.StartCPUProfile(f) }, pprof.StopCPUProfile)
	begin(p.Memory, func(*os.File) error { return nil }, func() {}) // which is written at the end, and must be possible then
	begin(p.Trace, func(f *os.File) error { return trace.Start(f) }, trace.Stop)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bench: profiles: %w", err), stop())
	}
	if p.Memory != "" {
		stops = append(stops, func() error { return writeHeap(p.Memory) })
	}
	return stop, nil
}

// writeHeap writes the profile of the heap, as of a collection.
func writeHeap(name string) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("bench: profiles: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	runtime.GC()
	return pprof.Lookup("allocs").WriteTo(file, 0)
}
