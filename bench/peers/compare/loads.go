package compare

import (
	"fmt"
	"slices"

	"github.com/seed-8247e700/dsm/bench/peers/point"
	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

// Loads.
const (
	manyClients   = 256
	asyncClients  = 64
	bigClients    = 64
	fanClients    = 64
	watchers      = 100
	variables     = 10_000
	bigVariables  = 1_000 // so that three replicas of them do not fill the machine
	valueBytes    = 100
	bigValueBytes = 64 << 10
)

// offeredRates are writes a second.
var offeredRates = []int{1_000, 5_000, 15_000}

// others are the systems over the network that dsm is compared with.
var others = []string{systems.RedisWait, systems.NATS, systems.Etcd, systems.ZooKeeper, systems.Redis}

// Rows are in the order in which a system is measured: what fills its memory comes
// last.
func Rows() []Row {
	rows := slices.Concat(networkRows(), togetherRows(), offeredRows(), embeddedRows(), bigRows())
	for i := range rows {
		if rows[i].Value == 0 {
			rows[i].Value, rows[i].Keys = valueBytes, variables
		}
	}
	return rows
}

// networkRows are about clients in another process.
func networkRows() []Row {
	rate, p50 := []Metric{Rate}, []Metric{P50}
	// What replicas are for does not change reads of Redis's primary.
	readers := []string{systems.NATS, systems.Etcd, systems.ZooKeeper, systems.Redis}
	return []Row{
		{Name: "rtt", Text: "round trip, 1 client", Metrics: p50, Kind: point.Writes, Client: 1},
		{Name: "w256", Text: "writes, 256 clients", Group: Network, Ours: systems.DSM, Beside: others, Metrics: rate, Kind: point.Writes, Client: manyClients},
		{Name: "w1", Text: "a write, 1 client", Group: Network, Ours: systems.DSM, Beside: others, Metrics: p50, Kind: point.Writes, Client: 1},
		{Name: "r256", Text: "reads, 256 clients", Group: Network, Ours: systems.DSM, Beside: readers, Metrics: rate, Kind: point.Reads, Client: manyClients},
		{Name: "r1", Text: "a read, 1 client", Group: Network, Ours: systems.DSM, Beside: readers, Metrics: p50, Kind: point.Reads, Client: 1},
		{
			Name: "m256", Text: "half writes, half reads, 256 clients", Group: Network, Ours: systems.DSM, Beside: others, Metrics: rate,
			Kind: point.Mixed, Client: manyClients,
		},
		{
			Name: "async", Text: "asynchronous writes, 64 clients", Group: Network, Ours: systems.DSM, Beside: []string{systems.NATS}, Metrics: rate,
			Kind: point.AsyncWrites, Client: asyncClients,
		},
	}
}

// togetherRows are about variables that belong together, and about watching them.
func togetherRows() []Row {
	// A bucket of NATS has no transactions.
	transactors := []string{systems.RedisWait, systems.Etcd, systems.ZooKeeper, systems.Redis}
	// Watches of ZooKeeper are sent once, and without values; what Redis publishes is apart
	// from what it stores.
	watched := []string{systems.NATS, systems.Etcd}
	swaps := Row{Group: Network, Ours: systems.DSM, Beside: transactors, Kind: point.Swaps}
	fans := Row{Group: Network, Ours: systems.DSM, Beside: watched, Kind: point.FanOut, Watchers: watchers}
	row := func(r Row, name, text string, clients int, m Metric) Row {
		r.Name, r.Text, r.Client, r.Metrics = name, text, clients, []Metric{m}
		return r
	}
	return []Row{
		row(swaps, "t256", "reading two variables and a transaction on both, 256 clients", manyClients, Rate),
		row(swaps, "t1", "reading two variables and a transaction on both, 1 client", 1, P50),
		row(fans, "f64", "writes that 100 watchers are sent, 64 clients", fanClients, Events),
		row(fans, "f1", "a write until 100 watchers have it, 1 client", 1, P50),
	}
}

// offeredRows are about what a write takes while a system has as much to do as the
// others.
func offeredRows() []Row {
	var network, embedded []Row
	for _, rate := range offeredRates {
		row := Row{Group: Offered, Metrics: []Metric{P50, P99}, Kind: point.Writes, Client: manyClients, Rate: float64(rate)}
		text := grouped(row.Rate) + " writes/s"
		row.Name, row.Text, row.Ours, row.Beside = fmt.Sprintf("o%d", rate), text, systems.DSM, others
		network = append(network, row)
		row.Name, row.Text, row.Ours, row.Beside = fmt.Sprintf("eo%d", rate), text+", embedded", systems.DSMEmbedded, []string{systems.Raft}
		embedded = append(embedded, row)
	}
	return slices.Concat(network, embedded)
}

// embeddedRows are about goroutines of a process that is a replica.
func embeddedRows() []Row {
	raft := []string{systems.Raft}
	return []Row{
		{
			Name: "ew256", Text: "writes, 256 goroutines", Group: Embedded, Ours: systems.DSMEmbedded, Beside: raft, Metrics: []Metric{Rate},
			Kind: point.Writes, Client: manyClients,
		},
		{
			Name: "ew1", Text: "a write, 1 goroutine", Group: Embedded, Ours: systems.DSMEmbedded, Beside: raft, Metrics: []Metric{P50},
			Kind: point.Writes, Client: 1,
		},
		{
			Name: "er2", Text: "reads, 2 goroutines, beside 1,000 writes/s", Group: Embedded, Ours: systems.DSMEmbedded, Beside: raft, Metrics: []Metric{Rate},
			Kind: point.ReadsBeside, Client: 2,
		},
	}
}

// bigRows are about large values.
func bigRows() []Row {
	return []Row{{
		Name: "big", Text: "writes of 64 KiB, 64 clients", Group: Network, Ours: systems.DSM, Beside: others, Metrics: []Metric{Bandwidth},
		Kind: point.Writes, Client: bigClients, Value: bigValueBytes, Keys: bigVariables,
	}}
}
