package main

import (
	"context"
	"errors"
	"fmt"

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
	force := false
	cmd := &cobra.Command{
		Use:   "new-generation",
		Short: "Give up a group's variables and begin anew",
		Long: `New-generation tells the registry that the members of the group's view are lost
for good, and all variables with them. The nodes that are started, or wait to
join, then form a new, empty generation.

The registry does this by itself when every member was started again with its
data directory, which proves that its earlier run is dead. Where it has no such
proof it waits, because a member that is only cut off could go on serving its
own clients: make sure that all of them are stopped before you force it.`,
		Example:           "  dsm registry new-generation --registry 10.0.0.9:6001 --force",
		Args:              exactly(),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return t.with(cmd, func(ctx context.Context, client *registry.Client) error {
				generation, err := client.NewGeneration(ctx, force)
				if errors.Is(err, registry.ErrNeedsForce) {
					return fmt.Errorf("%w: add --force", err)
				}
				if err != nil && ctx.Err() != nil {
					return fmt.Errorf("%w: the registry may have begun a generation before its answer was given up; dsm registry status shows which one there is: %w", driver.ErrOutcomeUnknown, err)
				}
				if err != nil {
					return err
				}
				if err := s.show(f, fmt.Sprintf("generation %d has begun, empty", generation), newGeneration{generation}); err != nil {
					return fmt.Errorf("generation %d has begun, but that cannot be shown: %w", generation, err)
				}
				return nil
			})
		},
	}
	t.addFlags(cmd)
	f.addFlags(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "do it although the group's members may be alive")
	return cmd
}
