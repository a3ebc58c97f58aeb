package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// identityDir returns the directory of a node's identity when none is given:
// below the user's state directory, as the XDG Base Directory Specification
// has it, by the node's id.
func identityDir(id string) (string, error) {
	if strings.Trim(id, ".") == "" || strings.ContainsAny(id, `/\`) {
		return "", usagef("--id %q: give a name of letters, digits, dots, dashes and underscores that never changes, such as --id n1", id)
	}
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) { // which the specification has us ignore
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("--data-dir is missing, and there is no home directory for the default: %w", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "dsm", id), nil
}
