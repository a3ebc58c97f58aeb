package cluster

import (
	"errors"
	"fmt"
	"slices"

	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/internal/netfault"
)

// strikes has how each kind of fault is made. It does not wait for what comes of it. mend
// ends the fault, nil if it is over at once or for good.
var strikes = map[fault.Kind]func(b *Breakable, f *fault.Fault) (mend func() error, err error){
	fault.Kill:         (*Breakable).strikeDown,
	fault.Leave:        (*Breakable).leave,
	fault.Restart:      (*Breakable).restart,
	fault.Pause:        (*Breakable).pause,
	fault.Cut:          (*Breakable).cut,
	fault.Reset:        (*Breakable).reset,
	fault.Slow:         (*Breakable).slow,
	fault.RegistryAway: (*Breakable).stopRegistry,
	fault.DiskFull:     (*Breakable).fillDisk,
}

// Strike makes a fault happen.
func (b *Breakable) Strike(f *fault.Fault) (mend func() error, err error) {
	return strikes[f.Kind](b, f)
}

func (b *Breakable) restart(f *fault.Fault) (mend func() error, err error) {
	for _, name := range f.Nodes {
		b.revive(name)
	}
	return nil, nil
}

func (b *Breakable) reset(f *fault.Fault) (mend func() error, err error) {
	if b.proxy.Reset(f.A, f.B) == 0 {
		return nil, fmt.Errorf("there was no connection between %s and %s", f.A, f.B)
	}
	return nil, nil
}

func (b *Breakable) stopRegistry(*fault.Fault) (mend func() error, err error) {
	return func() error { b.revive(fault.Registry); return nil }, b.kill(fault.Registry)
}

// strikeDown kills nodes, for a time or for good.
func (b *Breakable) strikeDown(f *fault.Fault) (mend func() error, err error) {
	return b.take(f, b.kill)
}

// leave has nodes leave, for a time or for good.
func (b *Breakable) leave(f *fault.Fault) (mend func() error, err error) {
	return b.take(f, b.sendAway)
}

// take takes nodes from the group, each in one way.
func (b *Breakable) take(f *fault.Fault, one func(name string) error) (mend func() error, err error) {
	var errs []error
	for _, name := range f.Nodes {
		errs = append(errs, one(name))
	}
	if !b.anyNode() {
		b.LossFeed <- Loss{} // no node is left that has the group's state
	}
	if f.For > 0 {
		mend = func() error { _, err := b.restart(f); return err }
	}
	return mend, errors.Join(errs...)
}

// pause stops processes until mend lets them go on: these, not those that may
// have come after them.
func (b *Breakable) pause(f *fault.Fault) (mend func() error, err error) {
	var stopped []*Process
	var errs []error
	for _, name := range f.Nodes {
		child := b.Newest(name)
		stopped = append(stopped, child)
		errs = append(errs, child.suspend())
	}
	return func() error {
		var errs []error
		for _, child := range stopped {
			errs = append(errs, child.resume())
		}
		return errors.Join(errs...)
	}, errors.Join(errs...)
}

func (b *Breakable) cut(f *fault.Fault) (mend func() error, err error) {
	return CutWays(b.proxy, f, b.nodes), nil
}

// CutWays cuts ways through a proxy that stands between so many nodes, and the registry.
func CutWays(proxy *netfault.Proxy, f *fault.Fault, nodes int) (mend func() error) {
	cut := slices.Concat(waysOf(f, nodes)...)
	for _, w := range cut {
		proxy.Cut(w.From, w.To)
	}
	return func() error {
		for _, w := range cut {
			proxy.Heal(w.From, w.To)
		}
		return nil
	}
}

// slow slows links, each by itself, or a port.
func (b *Breakable) slow(f *fault.Fault) (mend func() error, err error) {
	var heals []func()
	for _, shared := range waysOf(f, b.nodes) {
		heals = append(heals, b.proxy.Slow(f.Rate, shared...))
	}
	return func() error {
		for _, heal := range heals {
			heal()
		}
		return nil
	}, nil
}

// waysOf returns the ways of a fault of links, in a group of so many nodes. Those in one list
// share a port.
func waysOf(f *fault.Fault, nodes int) [][]netfault.Way {
	switch {
	case f.A == "":
		var ways [][]netfault.Way
		for i, a := range nodeNames(nodes) {
			for _, b := range nodeNames(i) {
				ways = append(ways, []netfault.Way{{From: a, To: b}}, []netfault.Way{{From: b, To: a}})
			}
		}
		return ways
	case f.B == "":
		var out, in []netfault.Way
		for _, name := range append(nodeNames(nodes), fault.Registry) {
			if name != f.A {
				out = append(out, netfault.Way{From: f.A, To: name})
				in = append(in, netfault.Way{From: name, To: f.A})
			}
		}
		return [][]netfault.Way{out, in}
	case f.OneWay:
		return [][]netfault.Way{{{From: f.A, To: f.B}}}
	default:
		return [][]netfault.Way{{{From: f.A, To: f.B}}, {{From: f.B, To: f.A}}}
	}
}

// fillDisk has the registry's writes fail. A registry that comes after it has room.
func (b *Breakable) fillDisk(*fault.Fault) (mend func() error, err error) {
	registry := b.Newest(fault.Registry)
	return func() error { return registry.command(commandRoom) }, registry.command(commandFull)
}
