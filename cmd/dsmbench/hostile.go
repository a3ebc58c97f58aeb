package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/bench/attack"
	"github.com/seed-8247e700/dsm/bench/hostile"
	"github.com/seed-8247e700/dsm/bench/program"
)

func newHostileCommand(stdout, stderr io.Writer) *cobra.Command {
	cfg := hostile.Defaults()
	cmd := &cobra.Command{
		Use:   "hostile",
		Short: "Attack a group with broken and hostile clients, and measure the other clients",
		Long: `Hostile starts a registry and nodes, each a process, and well-behaved clients.
Another process attacks the nodes and the registry, in one way after another, with
quiet phases between the attacks:

  stopped      clients stop in the middle of a frame
  unread       clients ask for large values, or for deliveries, and never read
  idle         clients are greeted and ask for nothing
  silent       clients never send a greeting
  garbage      frames and handshakes make no sense
  status       clients ask for the status, with 8,000 requests under way
  digest       clients ask for audits, with 8,000 requests under way
  longkeys     clients read by keys of 1 MiB, 256 at a time
  unfinished   clients send most of a write of 1 MiB, and then a byte a second
  parked       16,000 reads of each client wait for a position far ahead
  ahead        16,000 reads of each client wait for positions that soon come
  subscribers  clients ask for the deliveries and never read
  forged       strangers greet nodes in the name of members
  registry     strangers ask the registry for a new generation, to make members
               leave and to take their places, and by a foreign name and page
  thieves      clients write in the session of another, renew it and close it, with
               8,000 requests under way
  sessions     clients open sessions without end

Each attack from status on is tried with each number of connections of
--heavy-conns. Hostile shows what the well-behaved clients see, what is live in the
nodes, and a verdict on each attack. It ends with PASS, or with FAIL and exit status
1, if during an attack the p99 is more than twice that of the quiet phases around
it, if fewer than half of their writes are acknowledged, if a node's heap grows by
more than the limits of a node allow, or if an attack is weaker than intended or is
granted what must be refused. A process needs somewhat more open files (ulimit -n)
than --conns.`,
		Example: "  dsmbench hostile -conns 10000 -frames 10000 -attacks idle,garbage\n  dsmbench hostile -attacks status,parked -heavy-conns 1,4,16",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cfg.Validate(); err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			r, err := hostile.Run(cmd.Context(), cfg, program.Env{Notices: stderr})
			if err != nil {
				return err
			}
			return show(r, stdout)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&cfg.Nodes, "nodes", cfg.Nodes, "`number` of members")
	f.IntVar(&cfg.Clients, "clients", cfg.Clients, "`number` of well-behaved clients, with one connection each")
	f.DurationVar(&cfg.Phase, "phase", cfg.Phase, "`time` of each attack, and of each quiet phase before and after it")
	f.Var((*attacks)(&cfg.Attacks), "attacks", "`LIST` of attacks, separated by commas")
	f.IntVar(&cfg.Conns, "conns", cfg.Conns, "`number` of idle or silent connections")
	f.IntSliceVar(&cfg.HeavyConns, "heavy-conns", cfg.HeavyConns, "`LIST` of numbers of connections with which each of the other attacks is tried")
	f.IntVar(&cfg.Frames, "frames", cfg.Frames, "`number` of garbage frames per second")
	f.IntVar(&cfg.FramesPerConn, "frames-per-conn", cfg.FramesPerConn, "`number` of garbage frames on each connection")
	f.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "seed `number` for the choice of variables")
	return cmd
}

// attacks is a flag that reads idle,garbage.
type attacks []attack.Kind

// String shows the attacks as they may be written.
func (a *attacks) String() string {
	names := make([]string, len(*a))
	for i, kind := range *a {
		names[i] = string(kind)
	}
	return strings.Join(names, ",")
}

// Set reads them. Whether there are such attacks is for the package to say.
func (a *attacks) Set(text string) error {
	*a = nil
	for name := range strings.SplitSeq(text, ",") {
		*a = append(*a, attack.Kind(name))
	}
	return nil
}

// Type names it in the help.
func (a *attacks) Type() string { return "list" }
