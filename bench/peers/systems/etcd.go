package systems

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/seed-8247e700/dsm/bench/peers/point"
	"github.com/seed-8247e700/dsm/bench/peers/proc"
)

// etcdConns is how many connections the clients share. One carries a stream for
// each call, but is written by one goroutine; a few serve 256 clients best.
const etcdConns = 12

// etcd is a cluster.
type etcd struct {
	processes proc.Processes
	endpoints []string
	clients   []*clientv3.Client
}

// etcdServer is its module and main package.
const etcdServer = "go.etcd.io/etcd/server/v3"

func prepareEtcd(ctx context.Context, env Env) (string, error) { return built(ctx, env, etcdServer) }

func startEtcd(ctx context.Context, env Env) (point.System, error) {
	s := &etcd{}
	if err := s.start(ctx, env); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *etcd) start(ctx context.Context, env Env) error {
	program, err := env.Programs.Build(ctx, etcdServer)
	if err != nil {
		return err
	}
	ports, err := proc.Ports(2 * members)
	if err != nil {
		return err
	}
	url := func(i int) string { return fmt.Sprintf("http://127.0.0.1:%d", ports[i]) }
	var cluster []string
	for i := range members {
		cluster = append(cluster, fmt.Sprintf("n%d=%s", i, url(members+i)))
		s.endpoints = append(s.endpoints, url(i))
	}
	for i := range members {
		data, err := env.Dir.Sub("etcd")
		if err != nil {
			return err
		}
		cmd := exec.Command(program,
			"--name", fmt.Sprintf("n%d", i), "--data-dir", data, "--unsafe-no-fsync", "--log-level", "error",
			"--listen-client-urls", url(i), "--advertise-client-urls", url(i),
			"--listen-peer-urls", url(members+i), "--initial-advertise-peer-urls", url(members+i),
			"--initial-cluster", strings.Join(cluster, ","), "--initial-cluster-state", "new",
			"--quota-backend-bytes", "8589934592",
		)
		cmd.Env = goEnv(env.ServerProcs)
		p, err := proc.Start(env.Dir, fmt.Sprintf("etcd-%d", i), cmd)
		if err != nil {
			return err
		}
		s.processes = append(s.processes, p)
	}
	if s.clients, err = s.connect(etcdConns); err != nil {
		return err
	}
	for i, p := range s.processes {
		if err := p.Await(ctx, func(ctx context.Context) error {
			_, err := s.clients[i].Put(ctx, "ready", "1")
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// connect opens n connections, spread over the members.
func (s *etcd) connect(n int) (clients []*clientv3.Client, err error) {
	for i := range n {
		c, err := clientv3.New(clientv3.Config{
			Endpoints: s.endpoints[i%members : i%members+1], DialTimeout: time.Second, Logger: zap.NewNop(),
		})
		if err != nil {
			return clients, err
		}
		clients = append(clients, c)
	}
	return clients, nil
}

// Client uses one of the connections, in turns.
func (s *etcd) Client(_ context.Context, i int) (point.Client, error) {
	return etcdClient{s.clients[i%len(s.clients)]}, nil
}

// Close ends connections and members.
func (s *etcd) Close() error {
	var errs []error
	for _, c := range s.clients {
		errs = append(errs, c.Close())
	}
	return errors.Join(append(errs, s.processes.Kill())...)
}

type etcdClient struct{ c *clientv3.Client }

func (c etcdClient) Write(ctx context.Context, key string, value []byte) error {
	_, err := c.c.Put(ctx, key, string(value))
	return err
}

// Read is answered by the member that it reaches, as a read of dsm is.
func (c etcdClient) Read(ctx context.Context, key string) (int, error) {
	r, err := c.c.Get(ctx, key, clientv3.WithSerializable())
	if err != nil {
		return 0, err
	}
	if len(r.Kvs) == 0 {
		return 0, fmt.Errorf("systems: etcd has no %q", key)
	}
	return len(r.Kvs[0].Value), nil
}
