package systems

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/seed-8247e700/dsm/bench/peers/point"
	"github.com/seed-8247e700/dsm/bench/peers/proc"
)

// redisServer is where Debian has it.
const redisServer = "/usr/bin/redis-server"

// writeTimeout bounds a write, for clients that are not told by a context.
const writeTimeout = 10 * time.Second

// redis is servers, and a client that pipelines by itself what goroutines share.
type redis struct {
	processes proc.Processes
	client    rueidis.Client
	swap      string // hash of the script for transactions
}

// prepareRedis installs it. A service that comes along is disabled.
func prepareRedis(ctx context.Context, env Env) (string, error) {
	if err := env.Programs.Debian(ctx, redisServer, "redis-server", "redis-server"); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, redisServer, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("systems: %s --version: %w", redisServer, err)
	}
	return parseRedisVersion(out), nil
}

// start starts a primary and replicas, without persistence, and returns
// the primary's address.
func (s *redis) start(ctx context.Context, env Env, servers int) (err error) {
	ports, err := proc.Ports(servers)
	if err != nil {
		return err
	}
	for i, port := range ports {
		dir, err := env.Dir.Sub("redis")
		if err != nil {
			return err
		}
		args := []string{
			"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir,
			"--save", "", "--appendonly", "no", "--maxclients", "20000",
		}
		if i > 0 {
			args = append(args, "--replicaof", "127.0.0.1 "+strconv.Itoa(ports[0]), "--repl-diskless-sync-delay", "0")
		}
		if err := s.run(ctx, env, i, port, args); err != nil {
			return err
		}
	}
	s.client, err = rueidis.NewClient(redisOptions(ports[0]))
	if err != nil {
		return err
	}
	if s.swap, err = loadSwap(ctx, s.client); err != nil {
		return err
	}
	return s.awaitReplicas(ctx, servers-1)
}

// run starts a server and waits until it answers.
func (s *redis) run(ctx context.Context, env Env, i, port int, args []string) error {
	p, err := proc.Start(env.Dir, fmt.Sprintf("redis-%d", i), exec.Command(redisServer, args...))
	if err != nil {
		return err
	}
	s.processes = append(s.processes, p)
	return p.Await(ctx, func(ctx context.Context) error {
		c, err := rueidis.NewClient(redisOptions(port))
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Do(ctx, c.B().Ping().Build()).Error()
	})
}

func redisOptions(port int) rueidis.ClientOption {
	return rueidis.ClientOption{
		InitAddress:       []string{"127.0.0.1:" + strconv.Itoa(port)},
		ForceSingleClient: true,
		DisableCache:      true, // a cache in the client would not ask the server
		ConnWriteTimeout:  writeTimeout,
		BlockingPoolSize:  20000,
		PipelineMultiplex: 1, // 2 connections: more were slower with two processors
	}
}

// awaitReplicas returns when the replicas have all that was written.
func (s *redis) awaitReplicas(ctx context.Context, replicas int) error {
	if replicas == 0 {
		return nil
	}
	return s.processes[0].Await(ctx, func(ctx context.Context) error {
		if err := s.client.Do(ctx, s.client.B().Set().Key("ready").Value("1").Build()).Error(); err != nil {
			return err
		}
		n, err := s.client.Do(ctx, s.client.B().Wait().Numreplicas(int64(replicas)).Timeout(100).Build()).AsInt64()
		if err == nil && n < int64(replicas) {
			err = fmt.Errorf("%d of %d replicas follow", n, replicas)
		}
		return err
	})
}

// Close ends client and servers.
func (s *redis) Close() error {
	if s.client != nil {
		s.client.Close()
	}
	return s.processes.Kill()
}

func startRedis(ctx context.Context, env Env) (point.System, error) {
	s := &redis{}
	if err := s.start(ctx, env, 1); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Client is a goroutine on the client that all share.
func (s *redis) Client(context.Context, int) (point.Client, error) {
	return redisClient{s.client, s.swap}, nil
}

// redisClient gives the client contexts that do not end: with others it would take
// a slower path for a lone caller. Its own time-outs see to it that calls return.
type redisClient struct {
	c    rueidis.Client
	swap string
}

func (c redisClient) Write(_ context.Context, key string, value []byte) error {
	return c.c.Do(context.Background(), c.c.B().Set().Key(key).Value(rueidis.BinaryString(value)).Build()).Error()
}

func (c redisClient) Read(_ context.Context, key string) (int, error) {
	v, err := c.c.Do(context.Background(), c.c.B().Get().Key(key).Build()).ToString()
	return len(v), err
}
