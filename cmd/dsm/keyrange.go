package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// keyRange is the range of keys between two flags, which have other names in other
// commands.
type keyRange struct {
	fromName, toName string
	from, to         string
}

func (r *keyRange) addFlags(cmd *cobra.Command, fromName, toName string) {
	r.fromName, r.toName = fromName, toName
	cmd.Flags().StringVar(&r.from, fromName, "", "only keys from `KEY` on, in the order of their bytes")
	cmd.Flags().StringVar(&r.to, toName, "", "only keys before `KEY`")
}

// changed reports whether one of the flags is given.
func (r *keyRange) changed(cmd *cobra.Command) bool {
	return cmd.Flags().Changed(r.fromName) || cmd.Flags().Changed(r.toName)
}

// option returns the range of the flags, or, without them, that of a prefix, which name
// says the name of.
func (r *keyRange) option(cmd *cobra.Command, name, prefix string, given bool) (driver.RangeOption, error) {
	var none driver.RangeOption
	if given && r.changed(cmd) {
		return none, usagef("%s cannot be combined with --%s and --%s: a range is one or the other", name, r.fromName, r.toName)
	}
	for _, bound := range []struct{ name, text string }{{name, prefix}, {"--" + r.fromName, r.from}, {"--" + r.toName, r.to}} {
		switch {
		case len(bound.text) > wire.MaxKeyBytes:
			return none, usagef("%s has %d bytes: keys have at most %d", bound.name, len(bound.text), wire.MaxKeyBytes)
		case strings.HasPrefix(bound.text, "\x00"):
			return none, usagef("%s begins with a zero byte: no key does", bound.name)
		}
	}
	switch {
	case !r.changed(cmd):
		return driver.Prefix(prefix), nil
	case r.to != "" && r.from >= r.to:
		return none, usagef("--%s %q, --%s %q: no key is in this range; exchange them", r.fromName, r.from, r.toName, r.to)
	}
	return driver.Range(r.from, r.to), nil
}

// optional demands at most one argument.
func optional(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return exactly("")(cmd, args)
}
