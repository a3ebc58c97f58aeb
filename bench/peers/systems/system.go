package systems

import (
	"context"

	"github.com/seed-8247e700/dsm/bench/peers/load"
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
	Name  string
	Text  string // what it is, in a few words
	Start func(ctx context.Context, env Env) (load.System, error)

	// Condition is how many times longer than others it is loaded before it is
	// measured; 0: as long.
	Condition int
}

// Env is where systems run.
type Env struct {
	Dir      *proc.Dir      // of this run, in memory if there is such a file system
	Programs *proc.Programs // what was built and installed
}

// All returns the systems, in the order in which they take turns.
func All() []Spec {
	return []Spec{
		{Name: DSM, Text: "3 servers and a registry, safe delivery", Start: startDSM},
		{Name: Redis, Text: "one server, no replica, rueidis", Start: startRedis},
		{Name: RedisWait, Text: "primary and 2 replicas, SET and WAIT 2 in one go", Start: startRedisWait},
		{Name: Etcd, Text: "3 members, no fsync, serializable reads", Start: startEtcd},
		{Name: ZooKeeper, Text: "3 servers, forceSync=no", Start: startZooKeeper, Condition: jvmCondition},
		{Name: NATS, Text: "JetStream KV, 3 servers, R3, memory", Start: startNATS},
		{Name: Echo, Text: "TCP round trip of 64 B to another process", Start: startEcho},
		{Name: FanOut, Text: "each value to 2 processes over TCP", Start: startFanOut},
		{Name: DSMEmbedded, Text: "3 nodes in one process, safe delivery", Start: startDSMEmbedded},
		{Name: Raft, Text: "hashicorp/raft, 3 nodes in one process, in memory", Start: startRaft},
		{Name: EchoInside, Text: "TCP round trip of 64 B within the process", Start: startEchoInside},
		{Name: Map, Text: "a Go map without a lock", Start: startMap},
	}
}
