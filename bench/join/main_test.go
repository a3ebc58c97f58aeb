package join

import (
	"fmt"
	"os"
	"testing"

	"github.com/seed-8247e700/dsm/bench/cluster"
)

// TestMain lets the test binary be a node or a registry, as dsmbench can.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == cluster.ChildCommand {
		if err := cluster.Child(os.Args[2:], os.Stdin, os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}
