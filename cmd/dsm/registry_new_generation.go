package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/registry"
)

// newGeneration is the one that has begun, as JSON.
type newGeneration struct {
	Generation uint64 `json:"generation,string"`
}

func newGenerationCommand(s *surroundings) *cobra.Command {
	var t registryTarget
	var f format
	force, tokenFile := false, ""
	cmd := &cobra.Command{
		Use:   "new-generation",
		Short: "Give up a group's variables and begin with an empty group",
		Long: `New-generation declares to the registry that all members of the group's view are
lost, and all variables with them. Nodes that start, or that wait to join, then form
a new, empty generation.

The registry begins a new generation by itself once every member has been restarted
with its data directory, which proves that its earlier run is dead. Without that
proof it waits, because a member that is only cut off could still serve its own
clients. Make sure that all members are stopped before you use --force.

The registry wants to see its token, which is in the file token of its data directory.`,
		Example:           "  dsm registry new-generation --registry 10.0.0.9:6001 --token-file /var/lib/dsm/registry/token --force",
		Args:              exactly(),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			token, err := readToken(cmd, tokenFile)
			if err != nil {
				return err
			}
			return t.with(cmd, func(ctx context.Context, client *registry.Client) error {
				client.UseToken(token)
				generation, err := client.NewGeneration(ctx, force)
				if errors.Is(err, registry.ErrNeedsForce) {
					return fmt.Errorf("%w: add --force", err)
				}
				if err != nil && ctx.Err() != nil {
					return fmt.Errorf("%w: the registry may have begun a generation before the command gave up; dsm registry status shows the current one: %w", driver.ErrOutcomeUnknown, err)
				}
				if err != nil {
					return err
				}
				if err := s.show(f, fmt.Sprintf("generation %d has begun; it is empty", generation), newGeneration{generation}); err != nil {
					return fmt.Errorf("generation %d has begun, but the result cannot be printed: %w", generation, err)
				}
				return nil
			})
		},
	}
	t.addFlags(cmd)
	f.addFlags(cmd)
	cmd.Flags().StringVar(&tokenFile, "token-file", "", "`file` with the token of the registry (default $"+tokenVariable+")")
	cmd.Flags().BoolVar(&force, "force", false, "begin the generation even if the registry has no proof that all members are dead")
	return cmd
}

// tokenVariable names the file with the token if no flag does.
const tokenVariable = "DSM_TOKEN_FILE"

// readToken returns the token in the file that is given, "" if none is.
func readToken(cmd *cobra.Command, file string) (string, error) {
	if err := refuseEmpty(cmd.Flags(), "token-file"); err != nil {
		return "", err
	}
	if file = cmp.Or(file, os.Getenv(tokenVariable)); file == "" {
		return "", nil
	}
	token, err := registry.ReadToken(file)
	if err != nil {
		return "", &usageError{err}
	}
	return token, nil
}
