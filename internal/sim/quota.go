package sim

import (
	"math/rand/v2"

	"github.com/seed-8247e700/dsm/registry/membership"
)

// What all sessions keep of results, in a group that has a quota. It is little, so that it is
// reached.
const maxResults, maxResultBytes = 12, 60

// quotas are the bounds of all variables together that the registry may be started with. A
// start takes one of them.
type quotas []struct{ bytes, variables int64 }

// drawQuotas decides which quotas there are: often none, and small ones otherwise. A program
// has none, since what is refused depends on what else there is.
func (t *traits) drawQuotas(r *rand.Rand, o Options) {
	if r.IntN(3) > 0 || o.Steps > 0 {
		return
	}
	for range 1 + r.IntN(3) {
		t.quotas = append(t.quotas, struct{ bytes, variables int64 }{
			pick[int64](r, 20, 60, 200, 600, 2000, membership.NoQuota), pick[int64](r, 2, 4, 8, 15, membership.NoQuota),
		})
	}
}

// setQuota gives the settings of a registry that starts a quota. Without any it is as one of
// an earlier release, and none is put into the order.
func (w *world) setQuota(s *membership.Settings) {
	s.QuotaBytes, s.QuotaVariables = 0, 0
	if len(w.traits.quotas) > 0 {
		q := pick(w.random.quotas, w.traits.quotas...)
		s.QuotaBytes, s.QuotaVariables = q.bytes, q.variables
	}
}

// requota gives the group one of its quotas, as whoever starts its registry may.
func (g *registry) requota() {
	s := g.disk.Settings
	g.w.setQuota(&s)
	state, err := g.disk.WithSettings(s)
	if err != nil {
		g.w.fail("registry: no other quota: %v", err)
	}
	g.disk = state
}
