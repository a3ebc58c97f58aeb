package bench

import (
	"errors"
	"fmt"

	"github.com/seed-8247e700/dsm/bench/fault"
)

// strikes has how each kind of fault is made. It does not wait for what comes of it. mend
// ends the fault, nil if it is over at once or for good.
var strikes = map[fault.Kind]func(b *breakable, f *fault.Fault) (mend func() error, err error){
	fault.Kill:         (*breakable).strikeDown,
	fault.Restart:      (*breakable).restart,
	fault.Pause:        (*breakable).pause,
	fault.Cut:          (*breakable).cut,
	fault.Reset:        (*breakable).reset,
	fault.RegistryAway: (*breakable).stopRegistry,
	fault.DiskFull:     (*breakable).fillDisk,
}

// strike makes a fault happen.
func (b *breakable) strike(f *fault.Fault) (mend func() error, err error) {
	return strikes[f.Kind](b, f)
}

func (b *breakable) restart(f *fault.Fault) (mend func() error, err error) {
	for _, name := range f.Nodes {
		b.revive(name)
	}
	return nil, nil
}

func (b *breakable) reset(f *fault.Fault) (mend func() error, err error) {
	if b.proxy.Reset(f.A, f.B) == 0 {
		return nil, fmt.Errorf("there was no connection between %s and %s", f.A, f.B)
	}
	return nil, nil
}

func (b *breakable) stopRegistry(*fault.Fault) (mend func() error, err error) {
	return func() error { b.revive(registryName); return nil }, b.kill(registryName)
}

// strikeDown kills nodes, for a time or for good.
func (b *breakable) strikeDown(f *fault.Fault) (mend func() error, err error) {
	var errs []error
	for _, name := range f.Nodes {
		errs = append(errs, b.kill(name))
	}
	if !b.anyNode() {
		b.losses <- loss{} // no node is left that has the group's state
	}
	if f.For > 0 {
		mend = func() error { _, err := b.restart(f); return err }
	}
	return mend, errors.Join(errs...)
}

// pause stops processes until mend lets them go on: these, not those that may
// have come after them.
func (b *breakable) pause(f *fault.Fault) (mend func() error, err error) {
	var stopped []*process
	var errs []error
	for _, name := range f.Nodes {
		child := b.newest(name)
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

// cut cuts ways through the proxy.
func (b *breakable) cut(f *fault.Fault) (mend func() error, err error) {
	ways := [][2]string{{f.A, f.B}}
	if f.B == "" {
		ways = nil
		for name := range b.seats {
			if name != f.A {
				ways = append(ways, [2]string{f.A, name})
			}
		}
	}
	for _, w := range ways {
		b.proxy.Cut(w[0], w[1])
		if !f.OneWay {
			b.proxy.Cut(w[1], w[0])
		}
	}
	return func() error {
		for _, w := range ways {
			b.proxy.Heal(w[0], w[1])
			if !f.OneWay {
				b.proxy.Heal(w[1], w[0])
			}
		}
		return nil
	}, nil
}

// fillDisk has the registry's writes fail. A registry that comes after it has room.
func (b *breakable) fillDisk(*fault.Fault) (mend func() error, err error) {
	registry := b.newest(registryName)
	return func() error { return registry.command(commandRoom) }, registry.command(commandFull)
}
