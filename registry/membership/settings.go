package membership

import (
	"math"
	"time"
)

// Delivery is when a message may be delivered.
type Delivery string

// The delivery levels.
const (
	// Safe delivers once every member holds the message's final priority.
	Safe Delivery = "safe"
	// Agreed delivers once the final priority is known. It saves a round trip;
	// what a member that is lost told its clients may then differ from what the
	// survivors agree on.
	Agreed Delivery = "agreed"
)

// Settings of a group, kept by the registry and told to every node. A zero
// field stands for "not given": the default, or what the group has already.
type Settings struct {
	Delivery       Delivery      // fixed once the group has a view; default Safe
	MinMembers     int           // no view below this size once it was reached; 1: no minimum (the default)
	Detection      time.Duration // failure detection time; default 2s
	Heartbeat      time.Duration // interval of heartbeats; default Detection/8
	AttemptTimeout time.Duration // deadline of an attempt; default Detection
	SessionTTL     time.Duration // life of a session that is not renewed, fixed as Delivery is; default 60s
	Tick           time.Duration // interval of ordered ticks; default 1s
	Audit          time.Duration // interval of ordered audits; default 60s
	QuotaBytes     int64         // of the keys and values of all variables; default 4 GiB
	QuotaVariables int64         // how many variables; default 10,000,000
}

// NoQuota is a quota that bounds nothing.
const NoQuota = math.MaxInt64

// The default quotas.
const (
	defaultQuotaBytes     = 4 << 30
	defaultQuotaVariables = 10_000_000
)

// DefaultSettings returns the settings of a group of which nothing was given.
func DefaultSettings() Settings {
	return Settings{
		Delivery:       Safe,
		MinMembers:     1,
		Detection:      2 * time.Second,
		Heartbeat:      heartbeatFor(2 * time.Second),
		AttemptTimeout: 2 * time.Second,
		SessionTTL:     60 * time.Second,
		Tick:           time.Second,
		Audit:          60 * time.Second,
		QuotaBytes:     defaultQuotaBytes,
		QuotaVariables: defaultQuotaVariables,
	}
}

// Over returns base with the fields that are given in s. Heartbeat and
// AttemptTimeout go on following Detection if they followed it before.
func (s Settings) Over(base Settings) Settings {
	out := base
	if s.Detection != 0 {
		if base.Heartbeat == heartbeatFor(base.Detection) {
			out.Heartbeat = heartbeatFor(s.Detection)
		}
		if base.AttemptTimeout == base.Detection {
			out.AttemptTimeout = s.Detection
		}
	}
	if s.Delivery != "" {
		out.Delivery = s.Delivery
	}
	give(&out.MinMembers, s.MinMembers)
	give(&out.Detection, s.Detection)
	give(&out.Heartbeat, s.Heartbeat)
	give(&out.AttemptTimeout, s.AttemptTimeout)
	give(&out.SessionTTL, s.SessionTTL)
	give(&out.Tick, s.Tick)
	give(&out.Audit, s.Audit)
	give(&out.QuotaBytes, s.QuotaBytes)
	give(&out.QuotaVariables, s.QuotaVariables)
	return out
}

// heartbeatFor leaves room for several lost heartbeats within the detection
// time. Times are told to nodes in whole milliseconds.
func heartbeatFor(detection time.Duration) time.Duration {
	return max((detection / 8).Truncate(time.Millisecond), time.Millisecond)
}

func give[T int | int64 | time.Duration](to *T, given T) {
	if given != 0 {
		*to = given
	}
}

// leastDetection leaves room for several pings between nodes and for several
// heartbeats; below it nodes that are well are taken for failed, over and over.
const leastDetection = 200 * time.Millisecond

// Validate checks settings that are complete. Its error names the field and
// the sensible range.
func (s Settings) Validate() error {
	if s.Delivery != Safe && s.Delivery != Agreed {
		return refuse(ErrInvalid, "delivery is %q; it must be %q or %q", s.Delivery, Safe, Agreed)
	}
	if s.MinMembers < 1 || s.MinMembers > MaxNodes {
		return refuse(ErrInvalid, "minimum size (--min-members) is %d; it must be 1 (no minimum) to %d", s.MinMembers, MaxNodes)
	}
	if s.QuotaBytes < 1 || s.QuotaVariables < 1 {
		return refuse(ErrInvalid, "quotas (--quota-bytes, --quota-variables) are %d bytes and %d variables; each must be 1 or more", s.QuotaBytes, s.QuotaVariables)
	}
	ranges := []struct {
		name     string
		value    time.Duration
		low, top time.Duration
	}{
		{"detection time (--detection)", s.Detection, leastDetection, time.Hour},
		{"heartbeat interval (--heartbeat)", s.Heartbeat, time.Millisecond, s.Detection / 3},
		{"attempt timeout (--attempt-timeout)", s.AttemptTimeout, 2 * s.Heartbeat, time.Hour},
		{"session TTL (--session-ttl)", s.SessionTTL, 100 * time.Millisecond, 30 * 24 * time.Hour},
		{"tick interval (--tick)", s.Tick, 10 * time.Millisecond, s.SessionTTL},
		{"audit interval (--audit)", s.Audit, 100 * time.Millisecond, 30 * 24 * time.Hour},
	}
	for _, r := range ranges {
		if r.value < r.low || r.value > r.top {
			return refuse(ErrInvalid, "%s is %v; it must be %v to %v", r.name, r.value, r.low, r.top)
		}
		if r.value%time.Millisecond != 0 {
			return refuse(ErrInvalid, "%s is %v; it must be in whole milliseconds", r.name, r.value)
		}
	}
	return nil
}
