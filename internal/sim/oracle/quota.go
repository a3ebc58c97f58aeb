package oracle

import (
	"maps"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// bound makes want the result of a write that the quota forbids: one after which there would
// be more than it allows, and more than before. now are the variables that it would write.
func (o *Oracle) bound(position uint64, before, now map[string]value, want *wire.Result) {
	after := maps.Clone(before)
	maps.Copy(after, now)
	o.boundAll(position, before, after, want)
}

// boundAll is bound, of all variables that there would be.
func (o *Oracle) boundAll(position uint64, before, after map[string]value, want *wire.Result) {
	bytes, most := sizeOf(after), uint64(o.quota.Delta)
	refused := wire.Result{Status: wire.StatusQuota, Position: position}
	switch {
	case o.quota.Expect > 0 && uint64(len(after)) > o.quota.Expect && len(after) > len(before):
		refused.Number, refused.Version = wire.QuotaOfVariables, o.quota.Expect
	case most > 0 && bytes > most && bytes > sizeOf(before):
		refused.Number, refused.Version = wire.QuotaOfBytes, most
	default:
		return
	}
	*want = refused
	o.Counts.Exceeded++
}

// sizeOf counts the bytes of variables.
func sizeOf(values map[string]value) (bytes uint64) {
	for key, v := range values {
		bytes += uint64(len(key) + len(v.text))
	}
	return bytes
}

// crowds tells whether all sessions keep as many results as they may, and this one more than
// its share.
func (o *Oracle) crowds(s *session) bool {
	if o.quota.Delta == 0 && o.quota.Expect == 0 {
		return false
	}
	all, bytes, own := 0, 0, 0
	for _, t := range o.sessions {
		for _, n := range t.kept {
			bytes += n
			if all++; t == s {
				own += n
			}
		}
	}
	n := len(o.sessions)
	return all >= o.MaxResults && len(s.kept) > o.MaxResults/n || bytes >= o.MaxResultBytes && own > o.MaxResultBytes/n
}
