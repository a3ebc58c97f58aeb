package program

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strings"

	"github.com/seed-8247e700/dsm/internal/outfile"
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
	FlagCPUProfile = "cpuprofile"
	FlagMemProfile = "memprofile"
	FlagTrace      = "trace"
)

// Of is where a process of a run puts its own: in FILE.name, beside those of dsmbench.
func (p Profiles) Of(name string) Profiles {
	for _, file := range []*string{&p.CPU, &p.Memory, &p.Trace} {
		if *file != "" {
			*file += "." + name
		}
	}
	return p
}

// Args are the arguments for a child.
func (p Profiles) Args() (args []string) {
	for _, f := range []struct{ flag, file string }{{FlagCPUProfile, p.CPU}, {FlagMemProfile, p.Memory}, {FlagTrace, p.Trace}} {
		if f.file != "" {
			args = append(args, "--"+f.flag+"="+f.file)
		}
	}
	return args
}

// CutProfiles reads what args has made, and returns what follows it.
func CutProfiles(args []string) (p Profiles, rest []string) {
	files := map[string]*string{FlagCPUProfile: &p.CPU, FlagMemProfile: &p.Memory, FlagTrace: &p.Trace}
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

// Start begins to take profiles. What it returns ends that and writes them. If one of
// the files cannot be written, none is.
func (p Profiles) Start() (stop func() error, err error) {
	files := make(map[string]*outfile.File)
	ends := []func() error{} // in reverse
	stop = func() error {
		var errs []error
		for _, end := range slices.Backward(ends) {
			errs = append(errs, end())
		}
		return errors.Join(errs...)
	}
	for _, name := range []string{p.CPU, p.Memory, p.Trace} {
		if name == "" {
			continue
		}
		file, err := OpenOutput(name)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%w: profiles: %w", ErrConfig, err), stop())
		}
		files[name] = file
		ends = append(ends, file.Close)
	}
	begin := func(name string, start func(io.Writer) error, end func()) error {
		if name == "" {
			return nil
		}
		if err := start(files[name]); err != nil {
			return err
		}
		ends = append(ends, func() error {
			end()
			return files[name].Err() // which the runtime's writers keep to themselves
		})
		return nil
	}
	err = begin(p.CPU, pprof.StartCPUProfile, pprof.StopCPUProfile)
	if err == nil {
		err = begin(p.Trace, trace.Start, trace.Stop)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bench: profiles: %w", err), stop())
	}
	if p.Memory != "" {
		ends = append(ends, func() error { return writeHeap(files[p.Memory]) })
	}
	return stop, nil
}

// Check reports whether the processes of a run can write their profiles.
func (p Profiles) Check(names ...string) error {
	for _, name := range names {
		own := p.Of(name)
		for _, file := range []string{own.CPU, own.Memory, own.Trace} {
			if file == "" {
				continue
			}
			if err := outfile.Check(file); err != nil {
				return fmt.Errorf("%w: profiles: %w", ErrConfig, err)
			}
		}
	}
	return nil
}

// writeHeap writes the profile of the heap, as of a collection.
func writeHeap(w io.Writer) error {
	runtime.GC()
	return pprof.Lookup("allocs").WriteTo(w, 0)
}
