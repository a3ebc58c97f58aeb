package compare

import (
	"github.com/seed-8247e700/dsm/bench/peers/load"
	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

// Metric is which figure of a result a row is about.
type Metric string

// Metrics. Of a rate more is better, of a latency less.
const (
	Rate      Metric = "ops/s"
	Bandwidth Metric = "MB/s" // of values
	P50       Metric = "p50"
	P99       Metric = "p99"
)

// less reports whether less of it is better.
func (m Metric) less() bool { return m == P50 || m == P99 }

// of takes the figure from a result: operations or 10^6 bytes a second, or seconds.
func (m Metric) of(r load.Result, valueBytes int) float64 {
	switch m {
	case P50:
		return r.P50.Seconds()
	case P99:
		return r.P99.Seconds()
	case Bandwidth:
		return r.PerSecond * float64(valueBytes) / 1e6
	default:
		return r.PerSecond
	}
}

// Row is a load and what is asked of it.
type Row struct {
	Name   string
	Text   string
	Ours   string // the system that is compared with the others; empty: the row has none
	Metric Metric
	Kind   load.Kind
	Client int // goroutines that load
	Value  int // bytes of a value
	Keys   int
	Half   bool     // open loop, at half of what the system does in Needs
	Needs  string   // row that must be measured before
	Also   []string // systems that are measured although no aim names them
	Aims   []Aim
}

// Aim is what is asked of ours beside one system, or the best of several.
type Aim struct {
	Text    string
	Systems []string
	Row     string  // where they are measured; empty: in the same row
	Times   float64 // the figure counts so many times; 0: once
	Ratio   float64 // of ours to it, at least, or at most where less is better; 0: it is only shown
}

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
	rows := []Row{
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
			Name: "ew256", Text: "writes, 256 goroutines, embedded", Ours: systems.DSMEmbedded, Metric: Rate, Kind: load.Writes, Client: manyClients,
			Aims: []Aim{{Systems: []string{systems.Raft}, Ratio: 5}},
		},
		{
			Name: "ew1", Text: "writes, 1 goroutine, embedded", Ours: systems.DSMEmbedded, Metric: P50, Kind: load.Writes, Client: 1,
			Aims: []Aim{
				{Systems: []string{systems.Raft}, Ratio: 0.9},
				{Text: "2 round trips", Systems: []string{systems.EchoInside}, Row: "rtt", Times: 2, Ratio: 1.3},
			},
		},
		{
			Name: "async", Text: "asynchronous writes, 64 clients, network", Ours: systems.DSM, Metric: Rate, Kind: load.AsyncWrites, Client: asyncClients,
			Aims: []Aim{{Systems: []string{systems.NATS}, Ratio: 15}},
		},
		{
			Name: "er2", Text: "reads, 2 goroutines, embedded, beside 1,000 writes/s", Ours: systems.DSMEmbedded, Metric: Rate, Kind: load.ReadsBeside, Client: 2,
			Aims: []Aim{
				{Systems: []string{systems.Raft}, Ratio: 2},
				{Systems: []string{systems.Map}, Ratio: 0.7},
			},
		},
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
	for i := range rows {
		if rows[i].Value == 0 {
			rows[i].Value, rows[i].Keys = valueBytes, variables
		}
	}
	return rows
}
