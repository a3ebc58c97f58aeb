package registry

import (
	"cmp"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/seed-8247e700/dsm/registry/membership"
)

// Settings of a group; see [membership.Settings]. A zero field keeps what the
// group has, or takes the default.
type Settings = membership.Settings

// Delivery is when a message may be delivered: Safe or Agreed.
type Delivery = membership.Delivery

// The delivery levels.
const (
	Safe   = membership.Safe
	Agreed = membership.Agreed
)

// NoQuota is a quota that bounds nothing.
const NoQuota = membership.NoQuota

// DefaultSettings returns the settings of a group of which nothing was given.
func DefaultSettings() Settings { return membership.DefaultSettings() }

// Config says how to run a registry. Its zero value keeps views in memory and
// listens on a port that the kernel picks on the loopback interface.
type Config struct {
	Listen     string       // host:port; default "127.0.0.1:0"
	DataDir    string       // directory of the file with the views; "": in memory only
	TokenFile  string       // of the token, see ReadToken; "": "token" in DataDir, which is made at the first start
	AllowHosts []string     // names under which requests may ask for the registry, beside addresses and names without a dot
	Settings   Settings     // given fields replace those the group has
	Logger     *slog.Logger // default slog.Default()
	Clock      Clock        // for tests; default the machine's monotonic clock
}

// Clock is where a registry takes time from.
type Clock interface {
	// Now is a monotonic time.
	Now() time.Duration
	// Ticker returns a channel that receives about every d, until stop is called.
	Ticker(d time.Duration) (ticks <-chan time.Time, stop func())
}

type realClock struct{ start time.Time }

func (c realClock) Now() time.Duration { return time.Since(c.start) }

func (realClock) Ticker(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTicker(d)
	return t.C, t.Stop
}

func (c Config) withDefaults() Config {
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:0")
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.Clock == nil {
		c.Clock = realClock{start: time.Now()}
	}
	return c
}

// door is that of a registry whose token is not read yet. It may be asked by the name that it
// listens on.
func (c Config) door() *door {
	d := &door{log: c.Logger}
	names := c.AllowHosts
	if host, _, err := net.SplitHostPort(c.Listen); err == nil {
		names = append([]string{host}, names...)
	}
	for _, name := range names {
		d.names = append(d.names, strings.ToLower(strings.TrimSuffix(name, ".")))
	}
	return d
}

// settingsFor returns the settings a group is to have: the given ones over
// those it has.
func (c Config) settingsFor(has Settings) (Settings, error) {
	s := c.Settings.Over(has)
	return s, s.Validate()
}
