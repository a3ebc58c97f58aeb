package registry

import (
	"time"

	"github.com/seed-8247e700/dsm/registry/membership"
	"github.com/seed-8247e700/dsm/registry/registrypb"
)

func memberProto(m membership.Member) *registrypb.Member {
	return &registrypb.Member{Id: m.ID, Incarnation: m.Incarnation, PeerAddr: m.PeerAddr, ClientAddr: m.ClientAddr}
}

func membersProto(members []membership.Member) []*registrypb.Member {
	out := make([]*registrypb.Member, len(members))
	for i, m := range members {
		out[i] = memberProto(m)
	}
	return out
}

// viewProto returns nil for a view without members, which is none.
func viewProto(v membership.View) *registrypb.View {
	if len(v.Members) == 0 {
		return nil
	}
	return &registrypb.View{Id: v.ID, Prev: v.Prev, FeatureLevel: v.FeatureLevel, Members: membersProto(v.Members)}
}

func attemptProto(a *membership.Attempt) *registrypb.Attempt {
	if a == nil {
		return nil
	}
	return &registrypb.Attempt{View: viewProto(a.View), Leader: a.Leader}
}

func settingsProto(s Settings) *registrypb.Settings {
	return &registrypb.Settings{
		AgreedDelivery:   s.Delivery == Agreed,
		MinMembers:       uint32(s.MinMembers),
		DetectionMs:      s.Detection.Milliseconds(),
		HeartbeatMs:      s.Heartbeat.Milliseconds(),
		AttemptTimeoutMs: s.AttemptTimeout.Milliseconds(),
		SessionTtlMs:     s.SessionTTL.Milliseconds(),
		TickMs:           s.Tick.Milliseconds(),
		AuditMs:          s.Audit.Milliseconds(),
		QuotaBytes:       s.QuotaBytes,
		QuotaVariables:   s.QuotaVariables,
	}
}

func directiveProto(d membership.Directive) *registrypb.Directive {
	out := &registrypb.Directive{
		Group:      d.Group,
		Generation: d.Generation,
		Revision:   d.Revision,
		Attempt:    attemptProto(d.Attempt),
		Excluded:   d.Excluded,
		Reason:     d.Reason,
		Settings:   settingsProto(d.Settings),
		Joining:    membersProto(d.Joining),
		Base:       d.Base,
		Ease:       d.Ease,
		Pace:       d.Pace,
	}
	for _, v := range d.Views {
		out.Views = append(out.Views, viewProto(v))
	}
	if len(d.Keys) > 0 {
		out.Keys = make(map[uint64][]byte, len(d.Keys))
	}
	for incarnation, key := range d.Keys {
		out.Keys[incarnation] = keyProto(key)
	}
	return out
}

// keyProto returns nil for the zero key, which is none.
func keyProto(key membership.Key) []byte {
	if key == (membership.Key{}) {
		return nil
	}
	return key[:]
}

func statusProto(s membership.Status) *registrypb.StatusResponse {
	out := &registrypb.StatusResponse{
		Group:      s.Group,
		Generation: s.Generation,
		View:       viewProto(s.View),
		Attempt:    attemptProto(s.Attempt),
		Settings:   settingsProto(s.Settings),
		Base:       s.Base,
	}
	for _, n := range s.Nodes {
		out.Nodes = append(out.Nodes, &registrypb.NodeStatus{
			Member:   memberProto(n.Member),
			InView:   n.Rank >= 0,
			Rank:     int32(n.Rank),
			Position: n.Position,
			SilentMs: n.Silent.Milliseconds(),
			Clients:  n.Clients,
			Queue:    n.Queue,
			State:    n.State,
			WaitsFor: n.WaitsFor,
		})
	}
	return out
}

// reportOf reads a heartbeat. Times are bounded, so that no sum of times can
// overflow.
func reportOf(r *registrypb.HeartbeatRequest) membership.Report {
	out := membership.Report{
		View:      r.GetView(),
		Wedged:    r.GetWedged(),
		Installed: r.GetInstalled(),
		Ready:     r.GetReady(),
		Observed:  r.GetObserved(),
		Fetched:   r.GetFetched(),
		Acked:     r.GetAcked(),
		Lag:       millis(r.GetLagMs()),
		Eased:     r.GetEased(),
		Feed:      r.GetFeed(),
		FeedRate:  r.GetFeedRate(),
		Figures:   membership.Figures{Position: r.GetPosition(), Clients: r.GetClients(), Queue: r.GetQueue()},
	}
	for _, p := range r.GetPeers() {
		out.Peers = append(out.Peers, membership.Peer{Incarnation: p.GetIncarnation(), Silent: millis(p.GetSilentMs())})
	}
	return out
}

// millis is a time that a node tells.
func millis(ms int64) time.Duration {
	return time.Duration(min(max(ms, 0), (24*time.Hour).Milliseconds())) * time.Millisecond
}
