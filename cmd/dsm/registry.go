package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/registrypb"
	"github.com/seed-8247e700/dsm/server"
)

// defaultRegistry is where a registry is looked for, and listens, when nothing
// is said.
const defaultRegistry = "127.0.0.1:6001"

// registryFlags are the flags of dsm registry.
type registryFlags struct {
	cfg      server.RegistryConfig
	delivery string
	addrFile string
	logging
}

func newRegistryCommand(s *surroundings) *cobra.Command {
	var f registryFlags
	cmd := &cobra.Command{
		Use:   "registry",
		Short: "Run the registry of a group",
		Long: `Registry decides who is a member of its group, and never sees a variable. While
it is away reads and writes go on, but nobody joins, and a member that fails
stops the writes until the registry is back.

The settings of the group are kept with its views: those given replace those
kept. Nodes that run take --tick and --audit when they start again, the rest at
once; --delivery and --session-ttl are fixed once the group has a view. Links
between nodes go on pinging as often as the detection time asked for when the
nodes started: restart them, one by one, when it is to go below 500ms.

Ctrl-C and SIGTERM end the registry, which a restart with the same --data-dir goes on
from. SIGHUP, and output that nobody reads, are as with dsm server, and so are
SIGQUIT, SIGUSR1, SIGUSR2 and SIGPIPE.

With agreed delivery a write is acknowledged a round trip earlier, and something
is given up for it: a member that is lost may have told its clients an order,
results of conditional writes, and strong reads, that the survivors do not share.`,
		Example: `  dsm registry --listen :6001 --data-dir /var/lib/dsm/registry
  dsm registry status --registry 10.0.0.9:6001`,
		Args:              onlyCommands,
		ValidArgsFunction: cobra.NoFileCompletions,
		Annotations:       map[string]string{ownSignals: "closes its file"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd, s)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	set := &f.cfg.Settings
	flags.StringVar(&f.cfg.Listen, "listen", defaultRegistry, "`address` to serve on; :6001 is port 6001 on all interfaces, port 0 one that is free")
	flags.StringVar(&f.cfg.DataDir, "data-dir", "", "`directory` to keep views and settings in, so that a restart goes on from them (default: they are kept in memory only)")
	flags.StringVar(&f.delivery, "delivery", "", "`safe|agreed`: agreed acknowledges a write a round trip earlier, but a member that is lost may have told its clients an order that the survivors do not share; fixed once the group has a view (default of a new group: safe)")
	flags.IntVar(&set.MinMembers, "min-members", 0, "`number` of members below which the group does not shrink once it was reached; writes wait instead (default of a new group: 1)")
	flags.DurationVar(&set.Detection, "detection", 0, "`time` of silence after which a node counts as failed, from 200ms to 1h (default of a new group: 2s)")
	flags.DurationVar(&set.Heartbeat, "heartbeat", 0, "`interval` of nodes' heartbeats (default: an eighth of --detection)")
	flags.DurationVar(&set.AttemptTimeout, "attempt-timeout", 0, "`time` that a view change may take before another is tried (default: that of --detection)")
	flags.DurationVar(&set.SessionTTL, "session-ttl", 0, "`time` after which a client's session expires if it is not renewed; fixed once the group has a view (default of a new group: 1m)")
	flags.DurationVar(&set.Tick, "tick", 0, "`interval` of the ordered ticks by which sessions age (default of a new group: 1s)")
	flags.DurationVar(&set.Audit, "audit", 0, "`interval` of ordered audits, which compare the members' states (default of a new group: 1m)")
	flags.StringVar(&f.addrFile, "addr-file", "", "write the address to `FILE` once the registry serves, and remove it at the end; one that has an address already is replaced")
	f.addFlags(flags)
	cmd.AddCommand(newRegistryStatusCommand(s), newGenerationCommand(s))
	return cmd
}

// check finds what is wrong with the flags before anything is touched. In the
// settings zero means "not given", so a zero that was given must not pass.
func (f *registryFlags) check(cmd *cobra.Command) error {
	if err := checkListened("--listen", f.cfg.Listen); err != nil {
		return err
	}
	if err := refuseEmpty(cmd.Flags(), "data-dir", "addr-file"); err != nil {
		return err
	}
	if err := addrFile(f.addrFile).check(); err != nil {
		return err
	}
	if err := refuseReserved(f.cfg.DataDir, map[string]string{"--addr-file": f.addrFile}); err != nil {
		return err
	}
	f.cfg.Settings.Delivery = registry.Delivery(f.delivery)
	if cmd.Flags().Changed("delivery") && f.delivery != string(registry.Safe) && f.delivery != string(registry.Agreed) {
		return usagef("--delivery %q: must be safe or agreed", f.delivery)
	}
	set := f.cfg.Settings
	for name, given := range map[string]bool{
		"min-members": set.MinMembers > 0, "detection": set.Detection > 0, "heartbeat": set.Heartbeat > 0,
		"attempt-timeout": set.AttemptTimeout > 0, "session-ttl": set.SessionTTL > 0, "tick": set.Tick > 0, "audit": set.Audit > 0,
	} {
		if cmd.Flags().Changed(name) && !given {
			return usagef("--%s %s: must be above 0", name, cmd.Flags().Lookup(name).Value)
		}
	}
	return nil
}

// run runs a registry until it is told to stop.
func (f *registryFlags) run(cmd *cobra.Command, s *surroundings) error {
	if err := f.check(cmd); err != nil {
		return err
	}
	logger, stopHangups, err := s.outlive(&f.logging)
	if err != nil {
		return err
	}
	defer stopHangups()
	f.cfg.Logger = logger
	file := addrFile(f.addrFile)
	if err := file.clear(); err != nil {
		return err
	}
	ctx, stop := s.interruptible(cmd.Context())
	defer stop()
	reg, err := server.StartRegistry(ctx, f.cfg)
	var listening *net.OpError
	var making *fs.PathError
	switch {
	case err == nil:
	case errors.Is(err, registry.ErrInvalid):
		return &usageError{err}
	case errors.As(err, &listening) && listening.Op == "listen" && !errors.Is(err, syscall.EADDRINUSE):
		return usagef("--listen: %w", err) // no address of this host, or one that needs a privilege
	case errors.As(err, &making) && making.Op == "mkdir":
		return usagef("--data-dir: %w", err)
	default:
		return err
	}
	addr := reachable(reg.Addr())
	var claim *addrClaim
	if err = s.announceRegistry(ctx, addr); err == nil {
		s.warnUnread(logger)
		claim, err = file.write(addr)
	}
	if err == nil {
		select {
		case <-ctx.Done():
		case <-reg.Done():
			err = fmt.Errorf("the registry at %s no longer serves: %w", addr, reg.Err())
		}
	}
	return errors.Join(err, reg.Close(), claim.end())
}

// announceRegistry tells in a line that the registry serves, having asked it.
func (s *surroundings) announceRegistry(ctx context.Context, addr string) error {
	client, err := registry.Dial(addr)
	if err != nil {
		return err
	}
	defer client.Close()
	status, err := client.Status(ctx)
	if err != nil {
		return err
	}
	settings := status.GetSettings()
	_, err = fmt.Fprintf(s.stdout, "registry serves at %s: group %s, generation %d, view %d with %s, %s delivery, detection in %v\n",
		addr, groupID(status.GetGroup()), status.GetGeneration(), status.GetView().GetId(), members(len(status.GetView().GetMembers())),
		deliveryOf(settings), milliseconds(settings.GetDetectionMs()))
	return err
}

func deliveryOf(settings *registrypb.Settings) registry.Delivery {
	if settings.GetAgreedDelivery() {
		return registry.Agreed
	}
	return registry.Safe
}
