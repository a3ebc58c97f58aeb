package bench

import (
	"context"
	"errors"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/registry"
)

// system is a group under load.
type system interface {
	load.Source
	// Digests orders an audit and returns what each live node's state was then.
	Digests(ctx context.Context) ([]cluster.Digest, error)
	// Stop ends all that was started.
	Stop() error
}

// watched is a system that tells of losses.
type watched interface {
	// Losses is where they are told. It has room for all that can come.
	Losses() <-chan cluster.Loss
	// Home is the node that a client's handle is bound to, empty if to none.
	Home(client int) string
}

// faulty is a system with which things can go wrong on purpose.
type faulty interface {
	watched
	// Strike makes a fault happen, and returns how it ends, nil if it is over at
	// once or for good.
	Strike(f *fault.Fault) (mend func() error, err error)
	// Whole waits until every node that is to live is a member.
	Whole(ctx context.Context) error
}

// metered is a system whose processes tell what they have used.
type metered interface {
	// Usages asks every node, in the order of their names, after a collection of
	// their garbage if that is wanted.
	Usages(collected bool) ([]cluster.Usage, error)
	// ProcessNames are the nodes, in that order.
	ProcessNames() []string
}

// What each system can do.
var (
	_ watched = (*inside)(nil)
	_ metered = (*apart)(nil)
	_ watched = (*apart)(nil)
	_ faulty  = (*fragile)(nil)
	_ watched = (*target)(nil)
	_ guest   = (*target)(nil)
)

// startSystem starts, or joins, what a Config asks for.
func startSystem(ctx context.Context, cfg *Config, env program.Env, s *cluster.Feeds) (system, check.Options, error) {
	switch {
	case cfg.Target != "":
		return startTarget(ctx, cfg, env, s)
	case cfg.Faults != "":
		return startFaulty(ctx, cfg, env, s)
	case cfg.Processes:
		return startApart(ctx, cfg, env, s)
	default:
		return startInside(ctx, cfg, env, s)
	}
}

// settings are those of the group that is started.
func (c *Config) settings() registry.Settings {
	s := cluster.Settings(c.Delivery)
	s.QuotaBytes, s.QuotaVariables = c.QuotaBytes, c.QuotaVariables
	return s
}

// inside is a group in this process, and handles on it.
type inside struct {
	load.Handles
	*cluster.Group
}

func startInside(ctx context.Context, cfg *Config, env program.Env, s *cluster.Feeds) (system, check.Options, error) {
	g, err := cluster.StartGroup(ctx, cfg.Nodes, cfg.settings(), nil, env, s)
	if err != nil {
		return nil, check.Options{}, err
	}
	sys := &inside{Group: g}
	if cfg.Embedded {
		for _, node := range g.Nodes {
			sys.Handles = append(sys.Handles, driver.OpenDB(node))
		}
	} else if sys.Handles, err = load.OpenNodeHandles(g.Addrs(), cfg.Conns); err != nil {
		return nil, check.Options{}, errors.Join(err, sys.Stop())
	}
	return sys, check.Options{Origin: g.Origin()}, nil
}

// Stop ends the handles, and then the group, and so below.
func (s *inside) Stop() error { return errors.Join(s.Close(), s.Group.Stop()) }

// apart is a group of processes, and handles on its nodes.
type apart struct {
	load.Handles
	*cluster.Processes
}

func startApart(ctx context.Context, cfg *Config, env program.Env, s *cluster.Feeds) (system, check.Options, error) {
	p, origin, err := cluster.StartProcesses(ctx, cfg.Nodes, cfg.settings(), env, s)
	if err != nil {
		return nil, check.Options{}, err
	}
	sys := &apart{Processes: p}
	if sys.Handles, err = load.OpenNodeHandles(p.Addrs, cfg.Conns); err != nil {
		return nil, check.Options{}, errors.Join(err, sys.Stop())
	}
	return sys, check.Options{Origin: origin}, nil
}

func (s *apart) Stop() error { return errors.Join(s.Close(), s.Processes.Stop()) }

// fragile is a group with which things go wrong on purpose, and handles that stay with
// the group, not with a node.
type fragile struct {
	load.Handles
	*cluster.Breakable
}

// spreadConns is how many times as many connections there are as Config.Conns says.
// A handle stays where it went when its node was lost: the more there are, the
// sooner a node that is back has clients again when others fail.
const spreadConns = 4

func startFaulty(ctx context.Context, cfg *Config, env program.Env, s *cluster.Feeds) (system, check.Options, error) {
	b, origin, err := cluster.StartBreakable(ctx, cfg.Nodes, cfg.settings(), env, s)
	if err != nil {
		return nil, check.Options{}, err
	}
	sys := &fragile{Breakable: b}
	if sys.Handles, err = load.OpenSpreadHandles(ctx, "dsm+registry://"+b.Registry, cfg.Nodes, spreadConns*cfg.Conns); err != nil {
		return nil, check.Options{}, errors.Join(err, sys.Stop())
	}
	return sys, check.Options{Origin: origin}, nil
}

func (s *fragile) Stop() error { return errors.Join(s.Close(), s.Breakable.Stop()) }
