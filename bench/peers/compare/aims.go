package compare

import (
	"slices"

	"github.com/seed-8247e700/dsm/bench/peers/load"
	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

// Loads.
const (
	manyClients    = 256
	greatestClient = 1024
	variables      = 10_000
	bigVariables   = 1_000 // so that three replicas of them do not fill the machine
	valueBytes     = 100
	bigValueBytes  = 64 << 10
	bigClients     = 64
	asyncClients   = 64
)

// replicated are the systems over the network that keep three copies.
var replicated = []string{systems.RedisWait, systems.NATS, systems.Etcd, systems.ZooKeeper}

// Rows are those of the project's aims, in the order in which a system is measured:
// what fills its memory comes last.
func Rows() []Row {
	rows := slices.Concat(networkRows(), embeddedRows(), greatestRows())
	for i := range rows {
		if rows[i].Value == 0 {
			rows[i].Value, rows[i].Keys = valueBytes, variables
		}
	}
	return rows
}

// networkRows are about clients in another process.
func networkRows() []Row {
	return []Row{
		{
			Name: "rtt", Text: "round trip, 1 client", Metric: P50, Kind: load.Writes, Client: 1,
			Also: []string{systems.Echo, systems.EchoInside},
		},
		{
			Name: "w256", Text: "writes, 256 clients, network", Ours: systems.DSM, Metric: Rate, Kind: load.Writes, Client: manyClients,
			Aims: []Aim{
				{Systems: []string{systems.RedisWait}, Ratio: 8},
				{Systems: []string{systems.NATS}, Ratio: 8},
				{Systems: []string{systems.Etcd}, Ratio: 25},
				{Systems: []string{systems.ZooKeeper}, Ratio: 15},
				{Systems: []string{systems.Redis}, Ratio: 1.5},
			},
		},
		{
			Name: "w1", Text: "writes, 1 client, network", Ours: systems.DSM, Metric: P50, Kind: load.Writes, Client: 1,
			Aims: []Aim{
				{Systems: []string{systems.RedisWait}, Ratio: 0.9},
				{Text: "3 round trips", Systems: []string{systems.Echo}, Row: "rtt", Times: 3, Ratio: 1.5},
			},
		},
		{
			Name: "r256", Text: "reads, 256 clients, network", Ours: systems.DSM, Metric: Rate, Kind: load.Reads, Client: manyClients,
			Aims: []Aim{{Systems: []string{systems.Redis}, Ratio: 4}},
		},
		{
			Name: "r1", Text: "reads, 1 client, network", Ours: systems.DSM, Metric: P50, Kind: load.Reads, Client: 1,
			Aims: []Aim{
				{Systems: []string{systems.Redis}, Ratio: 0.8},
				{Text: "1 round trip", Systems: []string{systems.Echo}, Row: "rtt", Ratio: 1.2},
			},
		},
		{
			Name: "m256", Text: "half writes, half reads, 256 clients, network", Ours: systems.DSM, Metric: Rate, Kind: load.Mixed, Client: manyClients,
			Aims: []Aim{{Text: "best replicated", Systems: replicated, Ratio: 7}},
		},
		{
			Name: "async", Text: "asynchronous writes, 64 clients, network", Ours: systems.DSM, Metric: Rate, Kind: load.AsyncWrites, Client: asyncClients,
			Aims: []Aim{{Systems: []string{systems.NATS}, Ratio: 15}},
		},
	}
}

// embeddedRows are about goroutines of a process that is a replica.
func embeddedRows() []Row {
	return []Row{
		{
			Name: "ew256", Text: "writes, 256 goroutines, embedded", Ours: systems.DSMEmbedded, Metric: Rate, Kind: load.Writes, Client: manyClients,
			Aims: []Aim{{Systems: []string{systems.Raft}, Ratio: 5}},
		},
		{
			Name: "ew1", Text: "writes, 1 goroutine, embedded", Ours: systems.DSMEmbedded, Metric: P50, Kind: load.Writes, Client: 1,
			Aims: []Aim{
				{Systems: []string{systems.Raft}, Ratio: 0.9},
				{Text: "2 round trips", Systems: []string{systems.Echo}, Row: "rtt", Times: 2, Ratio: 1.3},
				{Text: "2 round trips", Systems: []string{systems.EchoInside}, Row: "rtt", Times: 2, Ratio: 1.3},
			},
		},
		{
			Name: "er2", Text: "reads, 2 goroutines, embedded, beside 1,000 writes/s", Ours: systems.DSMEmbedded, Metric: Rate, Kind: load.ReadsBeside, Client: 2,
			Aims: []Aim{
				{Systems: []string{systems.Raft}, Ratio: 2},
				{Systems: []string{systems.Map}, Ratio: 0.7},
			},
		},
	}
}

// greatestRows are about what a system can do at most, and what that costs.
func greatestRows() []Row {
	return []Row{
		{
			Name: "w1024", Text: "writes, 1024 clients, network", Ours: systems.DSM, Metric: Rate, Kind: load.Writes, Client: greatestClient,
			Aims: []Aim{{Text: "best replicated", Systems: replicated}},
		},
		{
			Name: "p99", Text: "writes at half the greatest rate, open loop, network", Ours: systems.DSM, Metric: P99, Kind: load.Writes, Client: greatestClient,
			Half: true, Needs: "w1024",
			Aims: []Aim{{Text: "best replicated", Systems: replicated, Ratio: 0.5}},
		},
		{
			Name: "big", Text: "writes of 64 KiB, 64 clients, network", Ours: systems.DSM, Metric: Bandwidth, Kind: load.Writes, Client: bigClients,
			Value: bigValueBytes, Keys: bigVariables,
			Aims: []Aim{{Systems: []string{systems.FanOut}, Ratio: 0.4}},
		},
	}
}
