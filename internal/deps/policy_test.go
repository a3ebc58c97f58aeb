package deps

// A rule says what one package may import outside its tests.
type rule struct {
	std     stdlib
	ours    []string // packages of this module
	outside []string // packages of other modules
}

// stdlib says how much of the standard library a package may use, and with it
// whether the package is pure.
type stdlib uint8

const (
	// pure: values in, values out. No I/O, time, randomness, goroutine, channel,
	// lock or log.
	pure stdlib = iota
	// pureTimed: pure, but times and durations may be values; the clock may not
	// be asked and no timer may be started.
	pureTimed
	// pureAtomic: pureTimed, and values that other goroutines look at.
	pureAtomic
	// whole: all of the standard library.
	whole
)

// pureStd is what pure packages may import.
var pureStd = []string{
	"bytes", "cmp", "crypto/hmac", "crypto/sha256", "crypto/subtle", "encoding/base64", "encoding/binary", "encoding/hex", "errors", "fmt", "hash/crc32", "iter", "maps",
	"math", "math/bits", "slices", "sort", "strconv", "strings", "unicode", "unicode/utf8",
}

// impureFunctions are functions of packages that pure code may import which
// reach out of it all the same.
var impureFunctions = map[string][]string{
	"fmt": {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
	"time": {
		"After", "AfterFunc", "Now", "NewTicker", "NewTimer", "Since", "Sleep", "Tick", "Until",
	},
}

// wallMethods are those of time.Time that lose its monotonic reading.
var wallMethods = []string{"AddDate", "GobEncode", "Local", "MarshalBinary", "MarshalJSON", "MarshalText", "Round", "Truncate", "UTC", "Unix", "UnixMicro", "UnixMilli", "UnixNano"}

// wallReasons says why a package may use one of them all the same.
var wallReasons = map[string]string{
	"bench.UnixNano":            "names of variables that no other run has",
	"cmd/dsmbench.UnixNano":     "a seed",
	"internal/outfile.Truncate": "that of a file",
	"internal/clock.UnixNano":   "a lease has to run out while the machine sleeps, or is paused, which the monotonic clock does not always count: it goes by both, and asks at once when they part",
}

// policy has a row for every package, by its directory. Arrows point down only:
// cmd > bench > server > {registry, isis, internal/store, internal/transport};
// driver stands beside server. Rows may stand here before their package does.
var policy = map[string]rule{
	// The pure core.
	"internal/planted":    {std: pure},
	"isis":                {std: pure, ours: []string{"internal/planted"}},
	"isis/isistest":       {std: pure, ours: []string{"isis"}},
	"internal/lease":      {std: pureTimed, ours: []string{"internal/planted"}},
	"registry/membership": {std: pureTimed, ours: []string{"internal/planted"}},
	"registry/keeper":     {std: pureTimed, ours: []string{"internal/planted", "registry/membership"}},

	// What applications import: these packages, and the standard library.
	"internal/heap":       {},
	"internal/ring":       {std: pure},
	"internal/wire/codec": {std: pure},
	"internal/wire":       {std: whole, ours: []string{"internal/wire/codec"}},
	"internal/nbio":       {std: whole},
	"internal/client":     {std: whole, ours: []string{"internal/nbio", "internal/wire"}},
	"internal/session":    {std: pureTimed, ours: []string{"internal/planted", "internal/ring", "internal/wire"}},
	"driver":              {std: whole, ours: []string{"internal/client", "internal/session", "internal/wire"}},

	// The parts of a node.
	"internal/clock": {std: whole},
	"internal/link":  {std: pureAtomic, ours: []string{"internal/planted", "internal/wire", "internal/wire/codec", "isis"}},
	"internal/member": {
		std: pureAtomic,
		ours: []string{
			"internal/clock", "internal/lease", "internal/heap", "internal/link", "internal/planted", "internal/ring", "internal/store", "internal/wire", "internal/wire/codec", "isis", "registry/membership",
		},
	},
	"internal/store": {
		std:     whole,
		ours:    []string{"internal/planted", "internal/ring", "internal/wire", "internal/wire/codec"},
		outside: []string{"github.com/tidwall/btree", "github.com/zeebo/xxh3"},
	},
	"internal/watch": {
		std:  pure,
		ours: []string{"internal/planted", "internal/store", "internal/wire"},
	},
	"internal/bound":     {std: whole},
	"internal/evloop":    {std: whole},
	"internal/gcroom":    {std: whole},
	"internal/guard":     {std: whole},
	"internal/hostport":  {std: whole},
	"internal/connset":   {std: whole},
	"internal/outfile":   {std: whole},
	"internal/outlive":   {std: whole},
	"internal/rlimit":    {std: whole},
	"internal/underrace": {std: pure},
	"internal/sparelog":  {std: whole},
	"internal/forged":    {std: whole, ours: []string{"internal/link", "internal/wire", "isis"}},
	"internal/netfault":  {std: whole},
	"internal/transport": {
		std:  whole,
		ours: []string{"internal/clock", "internal/evloop", "internal/link", "internal/nbio", "internal/sparelog", "internal/wire", "internal/wire/codec", "isis"},
	},

	// The registry.
	"registry": {
		std: whole,
		ours: []string{
			"internal/client", "internal/connset", "internal/hostport", "internal/outfile", "internal/planted", "internal/rlimit", "internal/sparelog", "registry/keeper", "registry/membership", "registry/registrypb",
			"registry/registrypb/registrypbconnect",
		},
		outside: []string{
			"connectrpc.com/connect", "github.com/zeebo/xxh3", "go.etcd.io/bbolt",
			"google.golang.org/protobuf",
		},
	},
	"registry/registrypb":                   {std: whole, outside: []string{"google.golang.org/protobuf"}},
	"registry/registrypb/registrypbconnect": {std: whole, ours: []string{"registry/registrypb"}, outside: []string{"connectrpc.com/connect"}},

	// Nodes, and what stands on them.
	"server": {
		std: whole,
		ours: []string{
			"internal/client", "internal/clock", "internal/connset", "internal/evloop", "internal/guard", "internal/hostport", "internal/member", "internal/nbio", "internal/outfile", "internal/planted", "internal/rlimit", "internal/sparelog", "internal/store", "internal/transport",
			"internal/watch", "internal/wire", "internal/wire/codec", "isis", "registry", "registry/membership", "registry/registrypb", "registry/registrypb/registrypbconnect",
		},
		outside: []string{"connectrpc.com/connect"},
	},
	"internal/history": {std: whole, ours: []string{"internal/wire"}, outside: []string{"github.com/zeebo/xxh3"}},
	"internal/check":   {std: whole, ours: []string{"internal/heap", "internal/history", "internal/wire"}, outside: []string{"github.com/zeebo/xxh3"}},
	"internal/sim": {
		std: whole,
		ours: []string{
			"internal/check", "internal/clock", "internal/history", "internal/link", "internal/member", "internal/planted", "internal/session", "internal/sim/oracle",
			"internal/sim/wires", "internal/store", "internal/watch", "internal/wire", "internal/wire/codec", "isis", "registry/keeper", "registry/membership",
		},
	},
	"internal/sim/wires":  {std: whole, ours: []string{"internal/clock", "internal/heap", "internal/link", "internal/transport", "internal/wire", "isis"}},
	"internal/sim/oracle": {std: whole, ours: []string{"internal/history", "internal/wire"}, outside: []string{"github.com/anishathalye/porcupine"}},
	"internal/sim/crowd": {
		std: whole,
		ours: []string{
			"internal/clock", "internal/link", "internal/member", "internal/sim/wires", "internal/store", "internal/transport", "internal/wire", "isis",
			"registry/keeper", "registry/membership",
		},
	},
	"internal/sim/delays": {std: whole, ours: []string{"internal/console", "internal/transport", "isis", "isis/isistest"}},
	"bench/attack":        {std: whole, ours: []string{"internal/forged", "internal/wire", "isis"}},
	"bench/against":       {std: whole, ours: []string{"bench/report"}},
	"bench/fault":         {std: whole, ours: []string{"internal/console"}},
	// It counts the files that a write passes.
	"bench/way":        {std: whole},
	"bench/way/writes": {std: whole, ours: []string{"driver", "registry/membership", "server"}},
	"bench/program": {
		std:  whole,
		ours: []string{"internal/outfile"},
	},
	"bench/load": {
		std:     whole,
		ours:    []string{"bench/program", "driver", "internal/history", "internal/wire"},
		outside: []string{"github.com/HdrHistogram/hdrhistogram-go"},
	},
	"bench/workload": {
		std:     whole,
		ours:    []string{"bench/load", "bench/program", "bench/report", "internal/check", "internal/history", "internal/wire"},
		outside: []string{"github.com/HdrHistogram/hdrhistogram-go", "github.com/zeebo/xxh3"},
	},
	"bench/cluster": {
		std:  whole,
		ours: []string{"bench/attack", "bench/fault", "bench/program", "internal/bound", "internal/client", "internal/gcroom", "internal/netfault", "internal/outlive", "internal/wire", "registry", "server"},
	},
	"bench/report": {
		std:     whole,
		ours:    []string{"bench/fault", "bench/load", "bench/program", "driver", "internal/check", "internal/console", "internal/history", "internal/outfile", "internal/wire"},
		outside: []string{"github.com/HdrHistogram/hdrhistogram-go"},
	},
	"bench/join": {
		std:  whole,
		ours: []string{"bench/cluster", "bench/load", "bench/program", "bench/report", "driver", "internal/client", "server"},
	},
	"bench/hostile": {
		std:     whole,
		ours:    []string{"bench/attack", "bench/cluster", "bench/load", "bench/program", "bench/report", "driver", "internal/console", "internal/rlimit"},
		outside: []string{"github.com/HdrHistogram/hdrhistogram-go"},
	},
	"bench/idle": {
		std:  whole,
		ours: []string{"bench/cluster", "bench/program", "bench/report", "internal/console"},
	},
	"bench": {
		std:     whole,
		ours:    []string{"bench/cluster", "bench/fault", "bench/load", "bench/program", "bench/report", "bench/workload", "driver", "internal/check", "internal/client", "internal/console", "internal/history", "internal/outfile", "internal/wire", "registry"},
		outside: []string{"github.com/schollz/progressbar/v3", "github.com/zeebo/xxh3"},
	},
	"bench/curve": {
		std:  whole,
		ours: []string{"bench", "bench/program", "bench/report", "internal/console"},
	},

	// Commands and examples: they parse, wire and exit.
	"internal/console": {std: whole, outside: []string{"github.com/olekukonko/tablewriter", "golang.org/x/term"}},
	"cmd/dsm": {
		std: whole,
		ours: []string{
			"driver", "internal/client", "internal/console", "internal/gcroom", "internal/history", "internal/hostport", "internal/outfile", "internal/outlive", "internal/wire", "registry", "registry/registrypb", "server",
		},
		outside: []string{
			"github.com/spf13/cobra", "github.com/spf13/pflag", "golang.org/x/term",
		},
	},
	"cmd/dsmbench": {
		std:     whole,
		ours:    []string{"bench", "bench/attack", "bench/cluster", "bench/curve", "bench/hostile", "bench/idle", "bench/join", "bench/program", "bench/workload", "internal/client", "internal/console", "internal/outfile", "internal/outlive", "internal/sim/delays"},
		outside: []string{"github.com/spf13/cobra", "github.com/spf13/pflag"},
	},
	// A second opinion on the files of a run: it shares no code with the checks.
	"internal/history/check": {std: whole},
	// It changes the code of the others, and runs their tests.
	"internal/mutants":   {std: whole},
	"examples/ratelimit": {std: whole, ours: []string{"driver"}},
	"examples/reload":    {std: whole, ours: []string{"driver"}},
	"examples/transfer":  {std: whole, ours: []string{"driver"}},
	"examples/web":       {std: whole, ours: []string{"driver", "server"}},

	// Tests only.
	"internal/deps": {std: pure},
	"internal/leak": {std: whole},
}
