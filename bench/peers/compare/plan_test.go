package compare

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

// TestPlan: limits are measured for aims only.
func TestPlan(t *testing.T) {
	has := func(points []string, name string) bool {
		for _, p := range points {
			if strings.HasPrefix(p, name+" ") {
				return true
			}
		}
		return false
	}
	users := Points(nil, nil)
	aims := []Aim{{Row: "ew1", Against: []string{systems.Echo}, In: "rtt", Metric: P50, Ratio: 1}}
	developers := Points(nil, aims)
	for _, name := range []string{"w256/dsm", "o15000/zookeeper", "big/etcd", "eo1000/raft", "async/nats", "t256/redis", "t1/zookeeper", "f64/etcd", "f1/nats"} {
		if !has(users, name) || !has(developers, name) {
			t.Errorf("%s is not measured", name)
		}
	}
	for _, name := range []string{"t256/nats", "f64/zookeeper", "f64/redis"} {
		if has(users, name) {
			t.Errorf("%s is measured, and there is no such thing", name)
		}
	}
	if has(users, "rtt/limit-echo") || !has(developers, "rtt/limit-echo") || len(developers) != len(users)+1 {
		t.Errorf("%d points for users, %d for developers", len(users), len(developers))
	}
	if only := Points(regexp.MustCompile("^w1/(dsm|nats)$"), nil); len(only) != 2 {
		t.Errorf("%q", only)
	}
}

// TestEstimate: the whole of it, with what flags have by default, stays below what
// the README says.
func TestEstimate(t *testing.T) {
	c := Config{Rounds: 3, Duration: 3 * time.Second, Warmup: time.Second, Condition: 4 * time.Second, Watch: 3 * time.Second}
	whole := c.Estimate()
	t.Logf("it takes %v", whole)
	if whole > 25*time.Minute {
		t.Errorf("it takes %v", whole)
	}
	c.Rounds = 1
	if one := c.Estimate(); one >= whole/2 || one <= whole/4 {
		t.Errorf("one round of three takes %v of %v", one, whole)
	}
}
