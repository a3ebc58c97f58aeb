package main

import (
	"github.com/spf13/pflag"

	"github.com/seed-8247e700/dsm/bench"
)

// profiling has the flags for profiles.
type profiling struct{ bench.Profiles }

func (p *profiling) addFlags(f *pflag.FlagSet) {
	f.StringVar(&p.CPU, "cpuprofile", "", "write a CPU profile of dsmbench to `FILE`, and of each process it starts to FILE.n1 and so on")
	f.StringVar(&p.Memory, "memprofile", "", "write what was allocated, and what is in use at the end, to `FILE` and FILE.n1 and so on")
	f.StringVar(&p.Trace, "trace", "", "write an execution trace to `FILE` and FILE.n1 and so on; it grows fast")
}

// start begins to take the profiles of this process. What it returns writes them.
func (p *profiling) start() (stop func() error, err error) { return p.Start() }
