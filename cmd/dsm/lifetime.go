package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
)

// lifetime are the flags of a write that say how long the variable stays.
type lifetime struct {
	ttl  time.Duration
	keep bool
	cmd  *cobra.Command
}

// lifetimeHelp says what they do.
const lifetimeHelp = `With --ttl, the variable expires: the group deletes it when the time has passed,
unless a later write changes that.`

func (l *lifetime) addFlags(cmd *cobra.Command) {
	l.cmd = cmd
	cmd.Flags().DurationVar(&l.ttl, "ttl", 0, "`time` after which the variable expires, such as 10s or 24h (default: never)")
}

// addKeepFlag adds the flag of writes that take a TTL away otherwise.
func (l *lifetime) addKeepFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&l.keep, "keep-ttl", false, "leave the variable what it has left of its TTL")
}

// options returns what was asked for, beside what the conditions ask for.
func (l *lifetime) options(when *conditions) (list []driver.WriteOption, err error) {
	if list, err = when.options(); err != nil {
		return nil, err
	}
	timed := l.cmd.Flags().Changed("ttl")
	switch {
	case timed && l.keep:
		return nil, usagef("--ttl and --keep-ttl: give one of them")
	case timed:
		if err := checkTTL(l.ttl); err != nil {
			return nil, usagef("--ttl %v: %w", l.ttl, err)
		}
		list = append(list, driver.TTL(l.ttl))
	case l.keep && (when.absent || when.version == 0 && l.cmd.Flags().Changed("if-version")):
		return nil, usagef("--keep-ttl cannot be combined with --if-absent and --if-version 0: there is no TTL to keep")
	case l.keep:
		list = append(list, driver.KeepTTL)
	}
	return list, nil
}
