package systems

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/seed-8247e700/dsm/bench/peers/point"
	"github.com/seed-8247e700/dsm/bench/peers/proc"
	"github.com/seed-8247e700/dsm/driver"
)

// members is how many replicas a replicated system has.
const members = 3

// dsm is a group of processes, or of nodes in this one, and handles on it.
type dsm struct {
	processes proc.Processes
	handles   []*driver.DB
	addrs     []string     // of servers in other processes
	close     func() error // what else there is
}

// dsmProgram is the command that runs servers and registry.
const dsmProgram = "github.com/seed-8247e700/dsm/cmd/dsm"

func prepareDSM(ctx context.Context, env Env) (string, error) {
	if _, err := env.Programs.Build(ctx, dsmProgram); err != nil {
		return "", err
	}
	return versionOfDSM(ctx, env)
}

// startDSM starts the registry and the servers as the README has it, and opens one
// handle, as a program would.
func startDSM(ctx context.Context, env Env) (_ point.System, err error) {
	program, err := env.Programs.Build(ctx, dsmProgram)
	if err != nil {
		return nil, err
	}
	s := &dsm{close: func() error { return nil }}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	registry, err := s.run(ctx, env, program, "registry")
	if err != nil {
		return nil, err
	}
	for i := range members {
		id := fmt.Sprintf("n%d", i+1)
		addr, err := s.run(ctx, env, program, "server", "--id", id, "--registry", registry)
		if err != nil {
			return nil, err
		}
		s.addrs = append(s.addrs, addr)
	}
	db, err := driver.Open("dsm://" + strings.Join(s.addrs, ","))
	if err != nil {
		return nil, err
	}
	s.handles = append(s.handles, db)
	return s, db.Ping(ctx)
}

// run starts a process of the group and returns its address.
func (s *dsm) run(ctx context.Context, env Env, program string, args ...string) (string, error) {
	data, err := env.Dir.Sub("dsm")
	if err != nil {
		return "", err
	}
	file := data + "/addr"
	args = append(args, "--listen", "127.0.0.1:0", "--data-dir", data+"/data", "--addr-file", file)
	cmd := exec.Command(program, args...)
	// Three nodes and their client share two processors: docs/PERFORMANCE.md.
	cmd.Env = goEnv(max(1, env.ServerProcs))
	p, err := proc.Start(env.Dir, "dsm-"+args[0], cmd)
	if err != nil {
		return "", err
	}
	s.processes = append(s.processes, p)
	addr := ""
	err = p.Await(ctx, func(context.Context) error {
		content, err := os.ReadFile(file)
		addr = strings.TrimSpace(string(content))
		if err == nil && addr == "" {
			err = errors.New("its address is not written yet")
		}
		return err
	})
	return addr, err
}

// Client is a goroutine on one of the handles, in turns.
func (s *dsm) Client(_ context.Context, i int) (point.Client, error) {
	return &dsmClient{db: s.handles[i%len(s.handles)]}, nil
}

// Close ends all of it.
func (s *dsm) Close() error {
	var errs []error
	errs = append(errs, s.processes.Kill()) // first, lest handles wait for their sessions to be closed
	for _, db := range s.handles {
		errs = append(errs, db.Close())
	}
	return errors.Join(append(errs, s.close())...)
}

type dsmClient struct{ db *driver.DB }

func (c *dsmClient) Write(ctx context.Context, key string, value []byte) error {
	_, err := c.db.Set(ctx, key, value)
	return err
}

func (c *dsmClient) Read(ctx context.Context, key string) (int, error) {
	v, err := c.db.Get(ctx, key)
	return len(v.Data), err
}

// WriteAsync writes without waiting.
func (c *dsmClient) WriteAsync(ctx context.Context, key string, value []byte) (point.Pending, error) {
	return dsmPending{c.db.SetAsync(ctx, key, value)}, nil
}

// dsmPending is a write whose outcome is not known yet.
type dsmPending struct{ future *driver.Future }

func (p dsmPending) Wait(ctx context.Context) error {
	_, err := p.future.Wait(ctx)
	return err
}
