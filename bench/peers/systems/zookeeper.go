package systems

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/seed-8247e700/dsm/bench/peers/point"
	"github.com/seed-8247e700/dsm/bench/peers/proc"
)

const (
	// zooKeeperJar is where Debian has it; its manifest names what it needs.
	zooKeeperJar     = "/usr/share/java/zookeeper.jar"
	zooKeeperPackage = "zookeeper"

	// zooKeeperConns is how many sessions the clients share, a third at each server.
	zooKeeperConns = 12

	zooKeeperSession = 10 * time.Second
	zooKeeperHeap    = "512m"
)

// zooKeeper is an ensemble.
type zooKeeper struct {
	processes proc.Processes
	conns     []*zk.Conn
}

func prepareZooKeeper(ctx context.Context, env Env) (string, error) {
	if err := env.Programs.Debian(ctx, zooKeeperJar, "", zooKeeperPackage); err != nil {
		return "", err
	}
	return debianVersion(ctx, zooKeeperPackage), nil
}

func startZooKeeper(ctx context.Context, env Env) (point.System, error) {
	s := &zooKeeper{}
	if err := s.start(ctx, env); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *zooKeeper) start(ctx context.Context, env Env) error {
	ports, err := proc.Ports(3 * members)
	if err != nil {
		return err
	}
	var servers, addrs []string
	for i := range members {
		addrs = append(addrs, fmt.Sprintf("127.0.0.1:%d", ports[i]))
		servers = append(servers, fmt.Sprintf("server.%d=127.0.0.1:%d:%d", i+1, ports[members+i], ports[2*members+i]))
	}
	for i := range members {
		if err := s.run(env, i, ports[i], servers); err != nil {
			return err
		}
	}
	for i := range zooKeeperConns {
		c, _, err := zk.Connect(addrs[i%members:i%members+1], zooKeeperSession, zk.WithLogger(silent{}))
		if err != nil {
			return err
		}
		s.conns = append(s.conns, c)
		if err := s.processes[i%members].Await(ctx, func(context.Context) error {
			if state := c.State(); state != zk.StateHasSession {
				return fmt.Errorf("the session is %v", state)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// run starts a server with a configuration of its own.
func (s *zooKeeper) run(env Env, i, port int, servers []string) error {
	dir, err := env.Dir.Sub("zookeeper")
	if err != nil {
		return err
	}
	config := fmt.Sprintf("dataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\n"+
		"tickTime=2000\ninitLimit=10\nsyncLimit=5\nmaxClientCnxns=0\nadmin.enableServer=false\n%s\n",
		dir, port, strings.Join(servers, "\n"))
	if err := errors.Join(
		os.WriteFile(dir+"/zoo.cfg", []byte(config), 0o600),
		os.WriteFile(dir+"/myid", fmt.Appendln(nil, i+1), 0o600),
	); err != nil {
		return err
	}
	p, err := proc.Start(env.Dir, fmt.Sprintf("zookeeper-%d", i), exec.Command("java",
		"-Xms"+zooKeeperHeap, "-Xmx"+zooKeeperHeap, "-Dzookeeper.forceSync=no",
		"-cp", zooKeeperJar, "org.apache.zookeeper.server.quorum.QuorumPeerMain", dir+"/zoo.cfg"))
	if err != nil {
		return err
	}
	s.processes = append(s.processes, p)
	return nil
}

// Client uses one of the sessions, in turns.
func (s *zooKeeper) Client(_ context.Context, i int) (point.Client, error) {
	return zooKeeperClient{s.conns[i%len(s.conns)]}, nil
}

// Close ends servers and sessions.
func (s *zooKeeper) Close() error {
	err := s.processes.Kill() // first, lest sessions wait to be closed
	for _, c := range s.conns {
		c.Close()
	}
	return err
}

type zooKeeperClient struct{ c *zk.Conn }

// anyVersion is that of a node which may have any.
const anyVersion = -1

func (c zooKeeperClient) Write(_ context.Context, key string, value []byte) error {
	path := "/" + key
	_, err := c.c.Set(path, value, anyVersion)
	if errors.Is(err, zk.ErrNoNode) { // once for each key
		_, err = c.c.Create(path, value, 0, zk.WorldACL(zk.PermAll))
	}
	return err
}

func (c zooKeeperClient) Read(_ context.Context, key string) (int, error) {
	v, _, err := c.c.Get("/" + key)
	return len(v), err
}

// silent takes the client's log: what matters comes as errors.
type silent struct{}

// Printf says nothing.
func (silent) Printf(string, ...any) {}
