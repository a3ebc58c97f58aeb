package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/seed-8247e700/dsm/bench"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/outfile"
)

// profiling has the flags for profiles.
type profiling struct{ program.Profiles }

func (p *profiling) addFlags(f *pflag.FlagSet) {
	f.StringVar(&p.CPU, "cpuprofile", "", "write a CPU profile of dsmbench to `FILE`, and of each process it starts to FILE.n1 and so on")
	f.StringVar(&p.Memory, "memprofile", "", "write a profile of allocations and of the memory in use at the end to `FILE`, and to FILE.n1 and so on")
	f.StringVar(&p.Trace, "trace", "", "write an execution trace to `FILE`, and to FILE.n1 and so on; it grows fast")
}

// start begins to take the profiles of this process. What it returns writes them.
func (p *profiling) start() (stop func() error, err error) { return p.Start() }

// fileFlags are those that name what dsmbench writes.
var fileFlags = []string{"history", "hist", "delivery-log", "json", "cpuprofile", "memprofile", "trace"}

// checkFileFlags refuses a name that was given and is empty, since a script's
// variable that is not set must not mean "none", and two flags with one file.
func checkFileFlags(f *pflag.FlagSet) error {
	for i, name := range fileFlags {
		flag := f.Lookup(name)
		if flag == nil || !flag.Changed {
			continue
		}
		if flag.Value.String() == "" {
			return fmt.Errorf("%w: --%s is empty: give it a value, or leave it out", errUsage, name)
		}
		for _, earlier := range fileFlags[:i] {
			other := f.Lookup(earlier)
			if other == nil || !other.Changed {
				continue
			}
			if clash := bothWrite(other, flag); clash != "" {
				return fmt.Errorf("%w: --%s and --%s both write %s: name two files", errUsage, earlier, name, clash)
			}
		}
	}
	return nil
}

// bothWrite returns the file that two flags have dsmbench write, or "".
func bothWrite(a, b *pflag.Flag) string {
	if outfile.Same(a.Value.String(), b.Value.String()) {
		return b.Value.String()
	}
	for _, pair := range [][2]*pflag.Flag{{a, b}, {b, a}} {
		name := pair[1].Value.String()
		base, suffix := strings.TrimSuffix(name, filepath.Ext(name)), strings.TrimPrefix(filepath.Ext(name), ".")
		if bench.Derives(pair[0].Name, suffix) && outfile.Same(base, pair[0].Value.String()) {
			return name
		}
	}
	return ""
}
