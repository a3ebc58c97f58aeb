package systems

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-8247e700/dsm/bench/peers/load"
	"github.com/seed-8247e700/dsm/bench/peers/proc"
)

const (
	// natsConns is how many connections the clients share, a third at each server.
	natsConns = 12

	natsBucket  = "dsm"
	natsSubject = "$KV." + natsBucket + "."

	// natsPending bounds the publications in flight on a connection. It is never
	// reached: clients have a window of their own.
	natsPending = 1 << 16
)

// natsKV is a bucket on a cluster.
type natsKV struct {
	processes proc.Processes
	conns     []*nats.Conn
	clients   []natsClient
}

func startNATS(ctx context.Context, env Env) (load.System, error) {
	s := &natsKV{}
	if err := s.start(ctx, env); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *natsKV) start(ctx context.Context, env Env) error {
	program, err := env.Programs.Build(ctx, "github.com/nats-io/nats-server/v2")
	if err != nil {
		return err
	}
	ports, err := proc.Ports(2 * members)
	if err != nil {
		return err
	}
	var routes, urls []string
	for i := range members {
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", ports[i]))
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[members+i]))
	}
	for i := range members {
		if err := s.run(env, program, i, ports[i], ports[members+i], routes); err != nil {
			return err
		}
	}
	for i := range natsConns {
		if err := s.connect(ctx, i, urls[i%members]); err != nil {
			return err
		}
	}
	return nil
}

// run starts a server with a configuration of its own.
func (s *natsKV) run(env Env, program string, i, port, clusterPort int, routes []string) error {
	dir, err := env.Dir.Sub("nats")
	if err != nil {
		return err
	}
	config := fmt.Sprintf("server_name: n%d\nlisten: \"127.0.0.1:%d\"\n"+
		"jetstream { store_dir: %q, max_memory_store: 8GB }\n"+
		"cluster { name: dsm, listen: \"127.0.0.1:%d\", routes: [%s] }\n",
		i, port, dir+"/store", clusterPort, strings.Join(routes, ", "))
	if err := os.WriteFile(dir+"/nats.conf", []byte(config), 0o600); err != nil {
		return err
	}
	p, err := proc.Start(env.Dir, fmt.Sprintf("nats-%d", i), exec.Command(program, "-c", dir+"/nats.conf"))
	if err != nil {
		return err
	}
	s.processes = append(s.processes, p)
	return nil
}

// connect opens a connection, and on the first one makes the bucket.
func (s *natsKV) connect(ctx context.Context, i int, url string) error {
	p := s.processes[i%members]
	var conn *nats.Conn
	if err := p.Await(ctx, func(context.Context) (err error) {
		conn, err = nats.Connect(url, nats.DontRandomize())
		return err
	}); err != nil {
		return err
	}
	s.conns = append(s.conns, conn)
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(natsPending))
	if err != nil {
		return err
	}
	var kv jetstream.KeyValue
	if err := p.Await(ctx, func(ctx context.Context) (err error) {
		if i > 0 {
			kv, err = js.KeyValue(ctx, natsBucket)
			return err
		}
		// It takes until the servers have found one another.
		kv, err = js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: natsBucket, Storage: jetstream.MemoryStorage, Replicas: members,
		})
		return err
	}); err != nil {
		return err
	}
	s.clients = append(s.clients, natsClient{js, kv})
	return nil
}

// Client uses one of the connections, in turns.
func (s *natsKV) Client(_ context.Context, i int) (load.Client, error) {
	return s.clients[i%len(s.clients)], nil
}

// Close ends connections and servers.
func (s *natsKV) Close() error {
	for _, c := range s.conns {
		c.Close()
	}
	return s.processes.Kill()
}

type natsClient struct {
	js jetstream.JetStream
	kv jetstream.KeyValue
}

func (c natsClient) Write(ctx context.Context, key string, value []byte) error {
	_, err := c.kv.Put(ctx, key, value)
	return err
}

func (c natsClient) Read(ctx context.Context, key string) (int, error) {
	e, err := c.kv.Get(ctx, key)
	if err != nil {
		return 0, err
	}
	return len(e.Value()), nil
}

// WriteAsync publishes to the subject of the key, which is what a Put does.
func (c natsClient) WriteAsync(_ context.Context, key string, value []byte) (load.Pending, error) {
	f, err := c.js.PublishAsync(natsSubject+key, value)
	if err != nil {
		return nil, err
	}
	return natsPendingWrite{f}, nil
}

type natsPendingWrite struct{ f jetstream.PubAckFuture }

// Wait waits for the stream's acknowledgement.
func (p natsPendingWrite) Wait(ctx context.Context) error {
	select {
	case <-p.f.Ok():
		return nil
	case err := <-p.f.Err():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
