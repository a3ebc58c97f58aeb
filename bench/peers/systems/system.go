package systems

import (
	"context"
	"os"
	"slices"
	"strconv"

	"github.com/seed-8247e700/dsm/bench/peers/point"
	"github.com/seed-8247e700/dsm/bench/peers/proc"
)

// Names of the systems.
const (
	DSM         = "dsm"
	DSMEmbedded = "dsm-embedded"
	Redis       = "redis"
	RedisWait   = "redis-wait"
	Etcd        = "etcd"
	ZooKeeper   = "zookeeper"
	NATS        = "nats"
	Raft        = "raft"
	Echo        = "limit-echo"
	EchoInside  = "limit-echo-inside"
	FanOut      = "limit-fanout"
	Map         = "limit-map"
)

// jvmCondition is for what a JVM compiles while it runs: three of them on two
// processors take their time until they are as fast as they get.
const jvmCondition = 5

// Spec describes a system.
type Spec struct {
	Name  string // in the names of points
	Title string // as people know it
	Text  string // how it runs, in a few words
	Limit bool   // what no system can be better than; only aims are about it

	// What its figures are the price of.
	Holds  string // who has a write when it is acknowledged
	Disk   string // what is written to it, and whether it is waited for
	Reads  string // who answers a read
	Client string // how goroutines share connections
	Module string // of the client, whose version is told; empty: it has none of its own

	// Prepare installs or builds what Start needs, and returns the version. It is
	// called before anything is measured. Nil: there is nothing to do.
	Prepare func(ctx context.Context, env Env) (version string, err error)
	Start   func(ctx context.Context, env Env) (point.System, error)

	// Condition is how many times longer than others it is loaded before it is
	// measured; 0: as long.
	Condition int
}

// Env is where systems run.
type Env struct {
	Dir      *proc.Dir      // of this run, in memory if there is such a file system
	Programs *proc.Programs // what was built and installed

	// ServerProcs is GOMAXPROCS of each server of dsm, etcd and NATS. 0: dsm's have
	// 1, the others their default.
	ServerProcs int
}

// goEnv is the environment of a server that is a Go program; 0: it has as many
// processors as the machine.
func goEnv(procs int) []string {
	if procs == 0 {
		return nil // this process's
	}
	return append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(procs))
}

// All returns the systems, in the order in which they take turns.
func All() []Spec { return slices.Concat(networked(), embedded(), limits()) }

// Named finds a system.
func Named(name string) (Spec, bool) {
	all := All()
	if i := slices.IndexFunc(all, func(s Spec) bool { return s.Name == name }); i >= 0 {
		return all[i], true
	}
	return Spec{}, false
}

// networked are in other processes than their clients.
func networked() []Spec {
	const noFsync = "log in memory (/dev/shm), no fsync"
	return []Spec{
		{
			Name: DSM, Title: "dsm", Text: "3 servers and a registry, safe delivery", Prepare: prepareDSM, Start: startDSM,
			Holds: "all 3 replicas", Disk: "nothing", Reads: "the server it is sent to",
			Client: "its driver, a pool of up to 4",
		},
		{
			Name: Redis, Title: "Redis, alone", Text: "one server, no replica", Prepare: prepareRedis, Start: startRedis,
			Holds: "1 server, no replica", Disk: "nothing", Reads: "that server",
			Client: "2, pipelined by the client", Module: "github.com/redis/rueidis",
		},
		{
			Name: RedisWait, Title: "Redis, WAIT 2", Text: "primary and 2 replicas, SET and WAIT 2 in one go", Prepare: prepareRedis, Start: startRedisWait,
			Holds: "primary and 2 replicas, no consensus", Disk: "nothing", Reads: "the primary",
			Client: "one a client for writes, 2 for reads", Module: "github.com/redis/rueidis",
		},
		{
			Name: Etcd, Title: "etcd", Text: "3 members, no fsync, serializable reads", Prepare: prepareEtcd, Start: startEtcd,
			Holds: "2 of 3 members", Disk: noFsync, Reads: "the member it is sent to (serializable)",
			Client: strconv.Itoa(etcdConns) + ", spread over the members", Module: "go.etcd.io/etcd/client/v3",
		},
		{
			Name: ZooKeeper, Title: "ZooKeeper", Text: "3 servers, forceSync=no", Prepare: prepareZooKeeper, Start: startZooKeeper, Condition: jvmCondition,
			Holds: "2 of 3 servers", Disk: noFsync, Reads: "the server it is sent to",
			Client: strconv.Itoa(zooKeeperConns) + ", spread over the servers", Module: "github.com/go-zookeeper/zk",
		},
		{
			Name: NATS, Title: "NATS JetStream KV", Text: "JetStream KV, 3 servers, R3, memory", Prepare: prepareNATS, Start: startNATS,
			Holds: "2 of 3 servers", Disk: "nothing (memory storage)", Reads: "any replica (direct get)",
			Client: strconv.Itoa(natsConns) + ", to the leader", Module: "github.com/nats-io/nats.go",
		},
	}
}

// embedded are in the same process as their clients.
func embedded() []Spec {
	return []Spec{
		{
			Name: DSMEmbedded, Title: "dsm, embedded", Text: "3 nodes in one process, safe delivery", Prepare: versionOfDSM, Start: startDSMEmbedded,
			Holds: "all 3 replicas", Disk: "nothing", Reads: "the replica in the process",
			Client: "none",
		},
		{
			Name: Raft, Title: "hashicorp/raft", Text: "3 nodes in one process, in memory", Start: startRaft,
			Holds: "2 of 3 replicas", Disk: "nothing", Reads: "the leader's map, unconfirmed",
			Client: "none", Module: "github.com/hashicorp/raft",
		},
	}
}

// limits are what TCP and a map allow.
func limits() []Spec {
	return []Spec{
		{Name: Echo, Title: "echo", Text: "TCP round trip of 64 B to another process", Limit: true, Start: startEcho},
		{Name: EchoInside, Title: "echo inside", Text: "TCP round trip of 64 B within the process", Limit: true, Start: startEchoInside},
		{Name: FanOut, Title: "fan-out", Text: "each value to 2 processes over TCP", Limit: true, Start: startFanOut},
		{Name: Map, Title: "map", Text: "a Go map without a lock", Limit: true, Start: startMap},
	}
}
