package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/console"
	"github.com/seed-8247e700/dsm/internal/gcroom"
	"github.com/seed-8247e700/dsm/internal/outfile"
	"github.com/seed-8247e700/dsm/server"
)

// serverFlags are the flags of dsm server.
type serverFlags struct {
	cfg          server.Config
	deliveryLog  string
	addrFile     string
	startTimeout time.Duration
	logging
}

func newServerCommand(s *surroundings) *cobra.Command {
	var f serverFlags
	cmd := &cobra.Command{
		Use:   "server --id ID",
		Short: "Run a node of a group",
		Long: `Server runs a node: a replica of all variables of its group, which serves clients
and other nodes on one address. It finds the group through the registry.

On Ctrl-C and SIGTERM the node completes its clients' operations and leaves the
group. If that takes longer than 5 seconds, it stops and tells the registry, so that
the group goes on at once; if the registry is away, the node exits with an error,
and the group has to notice its silence. Variables live in the memory of the nodes.
If the last node leaves, they are lost; on a terminal it therefore waits for a
second Ctrl-C. A second signal while the node leaves ends it at once, like a crash:
the group has to notice its silence. A signal that repeats the one before within
250ms is ignored, because timeout(1) sends each signal twice.

SIGHUP works like SIGTERM if the process had a controlling terminal when it started.
Without a terminal, as in a service, the node only logs it; under nohup it has no
effect. To keep a node when you log out, start it with nohup or setsid, or as a
service.

SIGQUIT prints the stacks of all goroutines and ends the node at once, with status
2, like a crash. SIGUSR1, SIGUSR2 and SIGPIPE have no effect. SIGTSTP (Ctrl-Z) and
SIGSTOP stop the process. If that lasts longer than the detection time, the group
continues without the node, and the node joins again after SIGCONT.

If stdout or stderr can no longer be written, because nothing reads them or the disk
is full, the node continues and drops log lines. The log counts the dropped lines.`,
		Example: `  dsm server --id n1 --registry 127.0.0.1:6001
  dsm server --id n2 --registry 10.0.0.9:6001 --listen :7000 --delivery-log n2.jsonl`,
		Args:                  exactly(),
		ValidArgsFunction:     cobra.NoFileCompletions,
		Annotations:           map[string]string{ownSignals: "leaves its group"},
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := refuseEmpty(cmd.Flags(), "data-dir", "delivery-log", "addr-file"); err != nil {
				return err
			}
			return f.run(cmd.Context(), s)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.cfg.ID, "id", "", "`name` of the node; it never changes, and no other node may have it")
	flags.StringVar(&f.cfg.Registry, "registry", defaultRegistry, "`address` of the registry, host:port, or several addresses separated by commas")
	flags.StringVar(&f.cfg.Listen, "listen", "127.0.0.1:7000", "`address` for both nodes and clients; :7000 is port 7000 on all interfaces, port 0 a free port")
	flags.StringVar(&f.cfg.Advertise, "advertise", "", "`address` for nodes and clients to dial (default that of --listen; if it is on all interfaces, that of the interface towards the registry)")
	flags.StringVar(&f.cfg.DataDir, "data-dir", "", "`directory` of the node's identity, which proves after a crash that the earlier run has ended; it holds no variables (default $XDG_STATE_HOME/dsm/ID, or ~/.local/state/dsm/ID)")
	flags.StringVar(&f.deliveryLog, "delivery-log", "", "write each delivered command to `FILE`, one JSON object per line; the file is overwritten, and begins with the node's state; if it cannot be written, the log ends, the node continues, and its exit status is 1")
	flags.StringVar(&f.addrFile, "addr-file", "", "write the address to `FILE` when the node serves, and remove the file at the end; an existing file is replaced if it holds an address")
	f.cfg.WatchHistory = 4 << 20 // as in server.Config
	flags.Var((*console.ByteSize)(&f.cfg.WatchHistory), "watch-history", "`size` of the latest changes that the node keeps, at least 1MiB: a watch or a scan can begin at a position of the past as far as they go back")
	flags.DurationVar(&f.startTimeout, "start-timeout", time.Minute, "`time` within which the node must become a member; a registry that cannot be reached is an error after 5s")
	f.addFlags(flags)
	return cmd
}

// check finds what is wrong with the flags before anything is touched.
func (f *serverFlags) check() error {
	if f.cfg.ID == "" {
		return usagef("--id is missing: give a name that never changes, such as --id n1")
	}
	f.cfg.Registry = client.TrimAddress(f.cfg.Registry)
	if err := checkRegistry("--registry", f.cfg.Registry); err != nil {
		return err
	}
	if err := checkListened("--listen", f.cfg.Listen); err != nil {
		return err
	}
	if f.cfg.Advertise != "" {
		if err := checkDialled("--advertise", f.cfg.Advertise); err != nil {
			return err
		}
	}
	if f.startTimeout <= 0 {
		return usagef("--start-timeout %v: must be above 0, such as 1m", f.startTimeout)
	}
	if f.cfg.WatchHistory < 1<<20 {
		return usagef("--watch-history %s: must be at least 1MiB", (*console.ByteSize)(&f.cfg.WatchHistory))
	}
	if f.cfg.DataDir == "" {
		var err error
		if f.cfg.DataDir, err = identityDir(f.cfg.ID); err != nil {
			return err
		}
	}
	return f.checkFiles()
}

// checkFiles finds what is wrong with the files that the flags name. It leaves no
// trace. The delivery log and the directory are opened before anything is started.
func (f *serverFlags) checkFiles() error {
	if err := addrFile(f.addrFile).check(); err != nil {
		return err
	}
	if f.addrFile != "" && f.deliveryLog != "" && outfile.Same(f.addrFile, f.deliveryLog) {
		return usagef("--addr-file and --delivery-log both write %s: name two files", f.addrFile)
	}
	return refuseReserved(f.cfg.DataDir, map[string]string{"--addr-file": f.addrFile, "--delivery-log": f.deliveryLog})
}

// run runs a node until it is told to stop.
func (f *serverFlags) run(ctx context.Context, s *surroundings) error {
	if err := f.check(); err != nil {
		return err
	}
	logger, stop, err := s.outlive(&f.logging)
	if err != nil {
		return err
	}
	defer stop()
	f.cfg.Logger, f.cfg.EventLoop = logger, true
	gcroom.Reserve(server.GarbageRoom)
	if f.deliveryLog == "" {
		return f.serve(ctx, s, nil)
	}
	opening, stop := s.interruptible(ctx)
	log, err := abandonable(opening, func() (*deliveryLog, error) { return openDeliveryLog(f.deliveryLog) })
	stop()
	if err != nil {
		return err
	}
	f.cfg.OnDeliver = log.deliver
	err = f.serve(ctx, s, log)
	return errors.Join(err, log.close())
}

// serve starts the node, tells that it serves, and sees it to its end.
func (f *serverFlags) serve(ctx context.Context, s *surroundings, log *deliveryLog) error {
	file := addrFile(f.addrFile)
	if err := file.clear(); err != nil {
		return err
	}
	var loaded atomic.Bool
	f.cfg.OnSnapshot = func(position uint64) {
		loaded.Store(true)
		if log != nil {
			log.snapshot(position)
		}
	}
	if log != nil {
		f.cfg.OnBegin = log.snapshot
	}
	node, err := f.start(ctx, s)
	if err != nil {
		return err
	}
	if err := s.announce(node.Status(), node.Advertised(), loaded.Load()); err != nil {
		return errors.Join(err, node.Close())
	}
	s.warnUnread(f.cfg.Logger)
	claim, err := file.write(node.Advertised())
	if err != nil {
		return errors.Join(err, node.Close())
	}
	w := watch{node: node, around: s}
	if log != nil {
		w.broken = log.failed
		w.lament = func() {
			f.cfg.Logger.Error("the delivery log failed, the node continues without it", "node", node.ID(), "err", log.why())
		}
	}
	err = w.untilStopped(ctx)
	if err == nil {
		logger := f.cfg.Logger
		logger.Info("node stopped", "node", node.ID())
	}
	return errors.Join(err, claim.end())
}

// start starts the node. A signal ends the attempt.
func (f *serverFlags) start(ctx context.Context, s *surroundings) (*server.Node, error) {
	ctx, stop := s.interruptible(ctx)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, f.startTimeout)
	defer cancel()
	node, err := server.Start(ctx, f.cfg)
	switch {
	case err == nil && errors.Is(context.Cause(ctx), errInterrupted):
		// It came too late to stop the start.
		return nil, errors.Join(context.Cause(ctx), node.Close())
	case err == nil:
		return node, nil
	case errors.Is(context.Cause(ctx), errInterrupted):
		return nil, fmt.Errorf("%w before the node served", context.Cause(ctx))
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("%w; 'dsm registry status --registry %s' shows what the group waits for", err, f.cfg.Registry)
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, saying(err, "--listen %s: another program listens there; stop it, or choose another port", f.cfg.Listen)
	case errors.Is(err, server.ErrConfig):
		return nil, &usageError{inFlags(err)}
	}
	return nil, err
}

// inFlags names the fields of a server.Config as the flags that fill them.
func inFlags(err error) error {
	text := strings.NewReplacer(
		server.ErrConfig.Error()+": ", "", "DataDir", "--data-dir", "Registry", "--registry",
		"Listen", "--listen", "Advertise", "--advertise", "WatchHistory", "--watch-history", "ID ", "--id ",
	).Replace(err.Error())
	return saying(err, "%s", text)
}

// announce tells in a line that the node serves. loaded is whether it got its
// state from another member.
func (s *surroundings) announce(status server.Status, addr string, loaded bool) error {
	_, err := fmt.Fprintf(s.stdout, "node %s serves at %s: group %s, generation %d, view %d with %s, %s delivery, position %d\n",
		status.ID, addr, groupID(status.Group), status.Generation, status.View, members(len(status.Members)), status.Delivery, status.Position)
	if err == nil && status.Generation > 1 && !loaded {
		_, err = fmt.Fprintf(s.stdout, "generation %d began empty: the earlier variables of the group are lost\n", status.Generation)
	}
	return err
}

// members counts members in words.
func members(n int) string {
	if n == 1 {
		return "1 member"
	}
	return fmt.Sprintf("%d members", n)
}
