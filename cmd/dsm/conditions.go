package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
)

// conditions are the flags of a write that has a condition.
type conditions struct {
	absent, present bool
	version         uint64
	cmd             *cobra.Command
}

// conditionsHelp says what they do.
const conditionsHelp = `With --if-absent, --if-present or --if-version, nothing is changed unless that holds,
and the exit status is 4.`

func (c *conditions) addFlags(cmd *cobra.Command) {
	c.cmd = cmd
	cmd.Flags().BoolVar(&c.absent, "if-absent", false, "only if there is no such variable")
	cmd.Flags().BoolVar(&c.present, "if-present", false, "only if there is such a variable")
	cmd.Flags().Uint64Var(&c.version, "if-version", 0, "only if the variable has this `version`")
}

// options returns what was asked for.
func (c *conditions) options() (list []driver.WriteOption, err error) {
	if c.absent {
		list = append(list, driver.IfAbsent)
	}
	if c.present {
		list = append(list, driver.IfPresent)
	}
	if c.cmd.Flags().Changed("if-version") {
		list = append(list, driver.IfVersion(c.version))
	}
	if len(list) > 1 {
		return nil, usagef("--if-absent, --if-present and --if-version: give one of them")
	}
	return list, nil
}

// aboutIf is about for a write with conditions.
func aboutIf(key string, err error) error {
	var conflict *driver.ConflictError
	if errors.As(err, &conflict) && conflict.Version == 0 && !errors.Is(err, driver.ErrOutcomeUnknown) {
		return saying(err, "%q does not exist: nothing was changed", key)
	}
	return about(key, err)
}
