package client

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// The schemes of data source names.
const (
	schemeServers  = "dsm://"
	schemeRegistry = "dsm+registry://"
)

// maxServers bounds the servers in a data source name.
const maxServers = 1024

// DSN is a data source name, taken apart. Zero settings were not given.
type DSN struct {
	Servers  []string // host:port of each; nil with a Registry
	Registry string   // host:port; servers are found there

	Timeout         time.Duration // timeout
	DialTimeout     time.Duration // dial_timeout
	PingInterval    time.Duration // ping_interval
	MaxInFlight     int           // max_in_flight
	MaxOpenConns    int           // max_open_conns
	MaxIdleConns    int           // max_idle_conns
	MaxAsync        int           // max_async
	Client          string        // client
	ConnMaxLifetime time.Duration // conn_max_lifetime
	ConnMaxIdleTime time.Duration // conn_max_idle_time
}

// ParseDSN takes a data source name apart. It looks nothing up.
func ParseDSN(dsn string) (DSN, error) {
	var d DSN
	rest, isRegistry := strings.CutPrefix(dsn, schemeRegistry)
	if !isRegistry {
		var isServers bool
		if rest, isServers = strings.CutPrefix(dsn, schemeServers); !isServers {
			return DSN{}, fmt.Errorf("data source name %q: it must begin with %s or %s", dsn, schemeServers, schemeRegistry)
		}
	}
	rest, query, _ := strings.Cut(rest, "?")
	hosts := strings.TrimSuffix(rest, "/")
	servers, err := parseServers(hosts)
	if err != nil {
		return DSN{}, fmt.Errorf("data source name %q: %w", dsn, err)
	}
	if isRegistry {
		if len(servers) != 1 {
			return DSN{}, fmt.Errorf("data source name %q: %d registries, want one", dsn, len(servers))
		}
		d.Registry = servers[0]
	} else {
		d.Servers = servers
	}
	if err := d.parseOptions(query); err != nil {
		return DSN{}, fmt.Errorf("data source name %q: %w", dsn, err)
	}
	return d, nil
}

// parseServers splits host:port,host:port.
func parseServers(hosts string) ([]string, error) {
	servers := strings.Split(hosts, ",")
	if len(servers) > maxServers {
		return nil, fmt.Errorf("%d servers, at most %d are allowed", len(servers), maxServers)
	}
	for i, server := range servers {
		host, port, err := net.SplitHostPort(server)
		if err != nil || host == "" || strings.ContainsAny(server, "/@# ") {
			return nil, fmt.Errorf("%q is not host:port", server)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("%q: the port must be a number from 1 to 65535", server)
		}
		if slices.Contains(servers[:i], server) {
			return nil, fmt.Errorf("%q is listed twice", server)
		}
	}
	return servers, nil
}

// parseOptions reads option=value&option=value.
func (d *DSN) parseOptions(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("options: %w", err)
	}
	durations := map[string]*time.Duration{
		"timeout":            &d.Timeout,
		"dial_timeout":       &d.DialTimeout,
		"ping_interval":      &d.PingInterval,
		"conn_max_lifetime":  &d.ConnMaxLifetime,
		"conn_max_idle_time": &d.ConnMaxIdleTime,
	}
	counts := map[string]*int{
		"max_in_flight":  &d.MaxInFlight,
		"max_open_conns": &d.MaxOpenConns,
		"max_idle_conns": &d.MaxIdleConns,
		"max_async":      &d.MaxAsync,
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name]
		if len(value) != 1 {
			return fmt.Errorf("option %s is given %d times", name, len(value))
		}
		switch {
		case name == "client":
			if v := value[0]; v == "" || v != wire.CleanClient(v) {
				return fmt.Errorf("option client: %q is not a name of 1 to %d bytes without control characters", v, wire.MaxClientBytes)
			}
			d.Client = value[0]
		case durations[name] != nil:
			v, err := time.ParseDuration(value[0])
			if err != nil || v <= 0 {
				return fmt.Errorf("option %s: %q is not a duration above 0, such as 500ms or 30s", name, value[0])
			}
			*durations[name] = v
		case counts[name] != nil:
			v, err := strconv.Atoi(value[0])
			if err != nil || v <= 0 {
				return fmt.Errorf("option %s: %q is not a number above 0", name, value[0])
			}
			*counts[name] = v
		default:
			valid := slices.Concat([]string{"client"}, slices.Collect(maps.Keys(durations)), slices.Collect(maps.Keys(counts)))
			slices.Sort(valid)
			return fmt.Errorf("unknown option %q; there are %s", name, strings.Join(valid, ", "))
		}
	}
	return nil
}
