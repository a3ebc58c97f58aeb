package bench

import (
	"time"

	"github.com/seed-8247e700/dsm/bench/fault"
)

// slowness is how many times as long as its data need on a slow link a group may take to go
// on: a view change moves them, and may be tried again.
const slowness = 3

const (
	// memberBytes is what a member has under way at most, beside one message.
	memberBytes = 4 << 20

	// commandBytes is what a command takes beside its value, in all messages about it.
	commandBytes = 512
)

// underWay is about how many bytes a group has under way at most: those of all writes that
// clients wait for, or of which members send no more until others have arrived.
func (c *Config) underWay() int64 {
	command := int64(c.ValueBytes + commandBytes)
	clients := int64(c.Clients*max(1, c.Async)) * command
	return min(clients, int64(c.Nodes)*(memberBytes+command))
}

// slowLimit is what a fault may cost beyond outageLimit while links carry so many bytes a
// second.
func (c *Config) slowLimit(bytesPerSecond int64) time.Duration {
	return time.Duration(slowness * float64(c.underWay()) / float64(bytesPerSecond) * float64(time.Second))
}

// limit is what a fault may cost that is judged from one time to another.
func (r *run) limit(marks []mark, from, to int64) time.Duration {
	most := time.Duration(0)
	for i, f := range r.injector.schedule {
		m := &marks[i]
		if f.Kind == fault.Slow && m.begun >= 0 && m.begun < to && (m.ended < 0 || m.ended > from) {
			most = max(most, r.cfg.slowLimit(f.Rate))
		}
	}
	return outageLimit() + most
}
