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

	"github.com/seed-8247e700/dsm/bench/peers/point"
	"github.com/seed-8247e700/dsm/bench/peers/proc"
)

const (
	// natsConns is how many connections the clients share. All are to the server
	// that leads the bucket's replicas: to the others, everything takes another hop.
	natsConns = 12

	natsName    = "n%d" // of a server
	natsBucket  = "dsm"
	natsStream  = "KV_" + natsBucket
	natsSubject = "$KV." + natsBucket + "."

	// natsPending bounds the publications in flight on a connection. It is never
	// reached: clients have a window of their own.
	natsPending = 1 << 16
)

// natsKV is a bucket on a cluster.
type natsKV struct {
	processes proc.Processes
	leader    int    // server that leads the bucket
	url       string // of it
	conns     []*nats.Conn
	clients   []natsClient
}

// natsServer is its module and main package.
const natsServer = "github.com/nats-io/nats-server/v2"

func prepareNATS(ctx context.Context, env Env) (string, error) { return built(ctx, env, natsServer) }

func startNATS(ctx context.Context, env Env) (point.System, error) {
	s := &natsKV{}
	if err := s.start(ctx, env); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *natsKV) start(ctx context.Context, env Env) error {
	program, err := env.Programs.Build(ctx, natsServer)
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
	if s.leader, err = s.makeBucket(ctx, urls[0]); err != nil {
		return err
	}
	s.url = urls[s.leader]
	for range natsConns {
		conn, client, err := s.connect(ctx)
		if err != nil {
			return err
		}
		s.conns, s.clients = append(s.conns, conn), append(s.clients, client)
	}
	return nil
}

// run starts a server with a configuration of its own.
func (s *natsKV) run(env Env, program string, i, port, clusterPort int, routes []string) error {
	dir, err := env.Dir.Sub("nats")
	if err != nil {
		return err
	}
	config := fmt.Sprintf("server_name: "+natsName+"\nlisten: \"127.0.0.1:%d\"\n"+
		"jetstream { store_dir: %q, max_memory_store: 8GB }\n"+
		"cluster { name: dsm, listen: \"127.0.0.1:%d\", routes: [%s] }\n",
		i, port, dir+"/store", clusterPort, strings.Join(routes, ", "))
	if err := os.WriteFile(dir+"/nats.conf", []byte(config), 0o600); err != nil {
		return err
	}
	cmd := exec.Command(program, "-c", dir+"/nats.conf")
	cmd.Env = goEnv(env.ServerProcs)
	p, err := proc.Start(env.Dir, fmt.Sprintf("nats-%d", i), cmd)
	if err != nil {
		return err
	}
	s.processes = append(s.processes, p)
	return nil
}

// makeBucket makes the bucket, which takes until the servers have found one another,
// and returns which of them leads its replicas.
func (s *natsKV) makeBucket(ctx context.Context, url string) (leader int, err error) {
	p := s.processes[0]
	err = p.Await(ctx, func(ctx context.Context) error {
		conn, err := nats.Connect(url)
		if err != nil {
			return err
		}
		defer conn.Close()
		js, err := jetstream.New(conn)
		if err != nil {
			return err
		}
		if _, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: natsBucket, Storage: jetstream.MemoryStorage, Replicas: members,
		}); err != nil {
			return err
		}
		stream, err := js.Stream(ctx, natsStream)
		if err != nil {
			return err
		}
		cluster := stream.CachedInfo().Cluster
		if cluster == nil || cluster.Leader == "" {
			return errors.New("the bucket has no leader")
		}
		_, err = fmt.Sscanf(cluster.Leader, natsName, &leader)
		return err
	})
	return leader, err
}

// connect opens a connection to the server that leads the bucket.
func (s *natsKV) connect(ctx context.Context) (*nats.Conn, natsClient, error) {
	conn, err := nats.Connect(s.url)
	if err != nil {
		return nil, natsClient{}, err
	}
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(natsPending))
	var kv jetstream.KeyValue
	if err == nil {
		err = s.processes[s.leader].Await(ctx, func(ctx context.Context) (err error) {
			kv, err = js.KeyValue(ctx, natsBucket)
			return err
		})
	}
	if err != nil {
		conn.Close()
		return nil, natsClient{}, err
	}
	return conn, natsClient{js, kv}, nil
}

// Client uses one of the connections, in turns.
func (s *natsKV) Client(_ context.Context, i int) (point.Client, error) {
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

// Write does what a Put does, by an asynchronous publication that it waits for: the
// client spends less on these than on requests.
func (c natsClient) Write(ctx context.Context, key string, value []byte) error {
	p, err := c.WriteAsync(ctx, key, value)
	if err != nil {
		return err
	}
	return p.Wait(ctx)
}

func (c natsClient) Read(ctx context.Context, key string) (int, error) {
	e, err := c.kv.Get(ctx, key)
	if err != nil {
		return 0, err
	}
	return len(e.Value()), nil
}

// WriteAsync publishes to the subject of the key, which is what a Put does.
func (c natsClient) WriteAsync(_ context.Context, key string, value []byte) (point.Pending, error) {
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
