package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/internal/console"
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
	hosts    string // names, separated by commas
	addrFile string
	logging
}

func newRegistryCommand(s *surroundings) *cobra.Command {
	var f registryFlags
	cmd := &cobra.Command{
		Use:   "registry",
		Short: "Run the registry of a group",
		Long: `Registry decides which nodes are members of its group. It never sees a variable.
While the registry is away, reads and writes continue, but no node can join. If a
member fails meanwhile, writes stop until the registry is back.

The registry keeps the group's settings with its views. A setting that is given
replaces the one that is kept. Nodes adopt a new --tick or --audit when they
restart, other settings at once. --delivery and --session-ttl are fixed once the
group has a view. Links between nodes ping at the rate that suits the detection time
at their start: to lower it below 500ms, restart the nodes one by one.

Whoever shows the registry's token can give up the group's variables (see dsm
registry new-generation), or make any node leave. The registry logs at its start in
which file the token is. Requests of browser pages from other sites are refused.

Ctrl-C and SIGTERM end the registry. A restart with the same --data-dir continues
from its state. SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, and output that cannot
be written have the same effects as for dsm server.

With agreed delivery, a write is acknowledged one round trip earlier. In return, a
member that is lost may have answered clients with an order, with results of
conditional writes and with strong reads that the survivors do not share.`,
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
	flags.StringVar(&f.cfg.Listen, "listen", defaultRegistry, "`address` to listen on; :6001 is port 6001 on all interfaces, port 0 a free port")
	flags.StringVar(&f.cfg.DataDir, "data-dir", "", "`directory` for views and settings, from which a restart continues (default: they are kept in memory only)")
	flags.StringVar(&f.cfg.TokenFile, "token-file", "", "`file` of the token that dsm registry new-generation has to show; mode 600, one line of 16 to 1,024 bytes (default: the file token in --data-dir, which is made at the first start)")
	flags.StringVar(&f.hosts, "allow-host", "", "`name` with a dot by which HTTP clients such as curl may ask for the registry, also several, separated by commas; addresses, and nodes and clients of dsm, need none")
	flags.StringVar(&f.delivery, "delivery", "", "`safe|agreed`: agreed acknowledges a write one round trip earlier, but a lost member may have answered clients with an order that the survivors do not share; fixed once the group has a view (default of a new group: safe)")
	flags.IntVar(&set.MinMembers, "min-members", 0, "smallest `number` of members; once the group has had that many, it does not shrink below it, and writes wait instead (default of a new group: 1)")
	flags.DurationVar(&set.Detection, "detection", 0, "`time` of silence after which a node is considered failed, from 200ms to 1h (default of a new group: 2s)")
	flags.DurationVar(&set.Heartbeat, "heartbeat", 0, "`interval` of nodes' heartbeats (default: an eighth of --detection)")
	flags.DurationVar(&set.AttemptTimeout, "attempt-timeout", 0, "`time` after which a view change that makes no progress is tried again (default: that of --detection)")
	flags.DurationVar(&set.SessionTTL, "session-ttl", 0, "`time` after which a client's session expires if it is not renewed; fixed once the group has a view (default of a new group: 1m)")
	flags.DurationVar(&set.Tick, "tick", 0, "`interval` of the ordered ticks by which sessions age (default of a new group: 1s)")
	flags.DurationVar(&set.Audit, "audit", 0, "`interval` of ordered audits, which compare the members' states (default of a new group: 1m)")
	flags.Var(console.Quota{To: &set.QuotaBytes, Bytes: true}, "quota-bytes", "largest `size` of keys and values of all variables together, such as 500MiB, or none; writes beyond it are refused, deletes are not (default of a new group: 4GiB)")
	flags.Var(console.Quota{To: &set.QuotaVariables}, "quota-variables", "largest `number` of variables, or none (default of a new group: 10000000)")
	flags.StringVar(&f.addrFile, "addr-file", "", "write the address to `FILE` when the registry serves, and remove the file at the end; an existing file is replaced if it holds an address")
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
	if err := refuseEmpty(cmd.Flags(), "data-dir", "addr-file", "token-file", "allow-host"); err != nil {
		return err
	}
	if err := addrFile(f.addrFile).check(); err != nil {
		return err
	}
	if err := refuseReserved(f.cfg.DataDir, map[string]string{"--addr-file": f.addrFile}); err != nil {
		return err
	}
	if f.hosts != "" {
		f.cfg.AllowHosts = strings.Split(f.hosts, ",")
	}
	for _, name := range f.cfg.AllowHosts {
		if name == "" || strings.ContainsAny(name, ":/ ") {
			return usagef("--allow-host %q: must be a name without a port, or several, separated by commas", f.hosts)
		}
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
