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

// Spec describes a system.
type Spec struct {
	Name  string
	Text  string // what it is, in a few words
	Start func(ctx context.Context, env Env) (load.System, error)
}

// Env is where systems run.
type Env struct {
	Dir      *proc.Dir      // of this run, in memory if there is such a file system
	Programs *proc.Programs // what was built and installed
}

// All returns the systems, in the order in which they take turns.
func All() []Spec {
	return []Spec{
		{DSM, "3 servers and a registry, safe delivery", startDSM},
		{Redis, "one server, no replica, rueidis", startRedis},
		{RedisWait, "primary and 2 replicas, SET and WAIT 2 in one go", startRedisWait},
		{Etcd, "3 members, no fsync, serializable reads", startEtcd},
		{ZooKeeper, "3 servers, forceSync=no", startZooKeeper},
		{NATS, "JetStream KV, 3 servers, R3, memory", startNATS},
		{Echo, "TCP round trip of 64 B to another process", startEcho},
		{FanOut, "each value to 2 processes over TCP", startFanOut},
		{DSMEmbedded, "3 nodes in one process, safe delivery", startDSMEmbedded},
		{Raft, "hashicorp/raft, 3 nodes in one process, in memory", startRaft},
		{EchoInside, "TCP round trip of 64 B within the process", startEchoInside},
		{Map, "a Go map without a lock", startMap},
	}
}
