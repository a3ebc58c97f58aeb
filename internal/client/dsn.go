package client

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// The schemes of data source names.
const (
	schemeServers  = "dsm://"
	schemeRegistry = "dsm+registry://"
)

// maxServers bounds the addresses in a data source name.
const maxServers = 1024

// DSN is a data source name, taken apart. Zero settings were not given.
type DSN struct {
	Servers    []string // host:port of each; nil with Registries
	Registries []string // host:port of each; servers are found there

	Timeout      time.Duration // timeout
	DialTimeout  time.Duration // dial_timeout
	PingInterval time.Duration // ping_interval
	MaxInFlight  int           // max_in_flight
	FailFast     bool          // fail_fast
	SessionTTL   time.Duration // session_ttl

	// Below 0 where 0 or less was given.
	MaxOpenConns    int           // max_open_conns
	MaxIdleConns    int           // max_idle_conns
	MaxAsync        int           // max_async
	Client          string        // client
	ConnMaxLifetime time.Duration // conn_max_lifetime
	ConnMaxIdleTime time.Duration // conn_max_idle_time
}

// ParseDSN takes a data source name apart, without the white space around it. It
// looks nothing up. Its errors show the name as Redact does.
func ParseDSN(dsn string) (DSN, error) {
	dsn = TrimAddress(dsn)
	d, err := parseDSN(dsn)
	if err != nil {
		return DSN{}, fmt.Errorf("data source name %q: %w", Redact(dsn), err)
	}
	return d, nil
}

// TrimAddress removes what files and environments leave around an address or a data
// source name: white space, line ends and a byte order mark.
func TrimAddress(text string) string {
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "\ufeff"))
}

func parseDSN(dsn string) (DSN, error) {
	var d DSN
	rest, isRegistry := strings.CutPrefix(dsn, schemeRegistry)
	if !isRegistry {
		var isServers bool
		if rest, isServers = strings.CutPrefix(dsn, schemeServers); !isServers {
			return DSN{}, fmt.Errorf("it must begin with %s or %s", schemeServers, schemeRegistry)
		}
	}
	rest, query, _ := strings.Cut(rest, "?")
	addrs, err := SplitAddresses(strings.TrimSuffix(rest, "/"))
	if err != nil {
		return DSN{}, err
	}
	if isRegistry {
		d.Registries = addrs
	} else {
		d.Servers = addrs
	}
	return d, d.parseOptions(query)
}

// SplitAddresses splits host:port,host:port, and checks each.
func SplitAddresses(list string) ([]string, error) {
	addrs := strings.Split(list, ",")
	if len(addrs) > maxServers {
		return nil, fmt.Errorf("%d addresses, at most %d are allowed", len(addrs), maxServers)
	}
	if strings.ContainsRune(list, '@') || strings.Contains(list, "%40") {
		return nil, errors.New("it has a user or a password, which dsm does not support: remove everything up to the @")
	}
	for i, addr := range addrs {
		host, port, err := net.SplitHostPort(addr)
		if err != nil || host == "" || strings.ContainsFunc(addr, func(r rune) bool { return r <= ' ' || r == '/' || r == '#' }) {
			return nil, fmt.Errorf("%q is not host:port", redactHost(addr))
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("%q: the port must be a number from 1 to 65535", redactHost(addr))
		}
		if slices.Contains(addrs[:i], addr) {
			return nil, fmt.Errorf("%q is listed twice", addr)
		}
	}
	return addrs, nil
}

// option reads the value of an option into its place in a DSN.
type option func(d *DSN, value string) error

// options are all there are.
var options = map[string]option{
	"timeout":            positiveTime(func(d *DSN) *time.Duration { return &d.Timeout }),
	"dial_timeout":       positiveTime(func(d *DSN) *time.Duration { return &d.DialTimeout }),
	"ping_interval":      positiveTime(func(d *DSN) *time.Duration { return &d.PingInterval }),
	"conn_max_lifetime":  anyTime(func(d *DSN) *time.Duration { return &d.ConnMaxLifetime }),
	"conn_max_idle_time": anyTime(func(d *DSN) *time.Duration { return &d.ConnMaxIdleTime }),
	"max_open_conns":     anyCount(func(d *DSN) *int { return &d.MaxOpenConns }),
	"max_idle_conns":     anyCount(func(d *DSN) *int { return &d.MaxIdleConns }),
	"max_async":          anyCount(func(d *DSN) *int { return &d.MaxAsync }),
	"max_in_flight":      anyCount(func(d *DSN) *int { return &d.MaxInFlight }),
	"client":             clientName,
	"session_ttl":        sessionTTL,
	"fail_fast":          yesOrNo(func(d *DSN) *bool { return &d.FailFast }),
}

// optionNames are sorted.
var optionNames = sync.OnceValue(func() []string { return slices.Sorted(maps.Keys(options)) })

// clientName is what a handle calls itself.
func clientName(d *DSN, value string) error {
	if value == "" || value != wire.CleanClient(value) {
		return fmt.Errorf("%q is not a name of 1 to %d bytes without control characters", value, wire.MaxClientBytes)
	}
	d.Client = value
	return nil
}

// sessionTTL is the TTL of a handle's sessions.
func sessionTTL(d *DSN, value string) error {
	const least, most = wire.MinSessionTTL * time.Millisecond, wire.MaxSessionTTL * time.Millisecond
	v, err := time.ParseDuration(value)
	if err != nil || v < least || v > most {
		return fmt.Errorf("%q is not a duration from %v to %v, such as 5s", value, least, most)
	}
	d.SessionTTL = v
	return nil
}

// positiveTime is a duration for which 0 has no meaning.
func positiveTime(field func(*DSN) *time.Duration) option {
	return func(d *DSN, value string) error {
		v, err := time.ParseDuration(value)
		if err != nil || v <= 0 {
			return fmt.Errorf("%q is not a duration above 0, such as 500ms or 30s", value)
		}
		*field(d) = v
		return nil
	}
}

// anyTime is a duration of which 0 and less have the meaning that the method of the
// same name gives them.
func anyTime(field func(*DSN) *time.Duration) option {
	return func(d *DSN, value string) error {
		v, err := time.ParseDuration(value)
		if err != nil {
			return fmt.Errorf("%q is not a duration, such as 500ms or 30s", value)
		}
		if *field(d) = v; v <= 0 {
			*field(d) = -1
		}
		return nil
	}
}

// anyCount is anyTime for a number.
func anyCount(field func(*DSN) *int) option {
	return func(d *DSN, value string) error {
		v, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("%q is not a number", value)
		}
		if *field(d) = v; v <= 0 {
			*field(d) = -1
		}
		return nil
	}
}

func yesOrNo(field func(*DSN) *bool) option {
	return func(d *DSN, value string) error {
		v, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%q must be true or false", value)
		}
		*field(d) = v
		return nil
	}
}

// parseOptions reads option=value&option=value.
func (d *DSN) parseOptions(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		// The error would repeat a part of the value.
		return errors.New("options: they are separated by &, and a % in them is written %25")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		set, value := options[name], values[name]
		if set == nil {
			shown := name
			if !optionPattern.MatchString(name) {
				shown = hidden
			}
			return fmt.Errorf("unknown option %q; the options are %s", shown, strings.Join(optionNames(), ", "))
		}
		if len(value) != 1 {
			return fmt.Errorf("option %s is given %d times", name, len(value))
		}
		if err := set(d, value[0]); err != nil {
			return fmt.Errorf("option %s: %w", name, err)
		}
	}
	return nil
}
