package registry

import (
	"time"

	"github.com/seed-8247e700/dsm/registry/membership"
	"github.com/seed-8247e700/dsm/registry/registrypb"
)

// What a client reads of the registry's answers. A field that is missing is zero.

func memberOf(m *registrypb.Member) membership.Member {
	return membership.Member{ID: m.GetId(), Incarnation: m.GetIncarnation(), PeerAddr: m.GetPeerAddr(), ClientAddr: m.GetClientAddr()}
}

func membersOf(members []*registrypb.Member) []membership.Member {
	if len(members) == 0 {
		return nil
	}
	out := make([]membership.Member, len(members))
	for i, m := range members {
		out[i] = memberOf(m)
	}
	return out
}

func viewOf(v *registrypb.View) membership.View {
	return membership.View{ID: v.GetId(), Prev: v.GetPrev(), FeatureLevel: v.GetFeatureLevel(), Members: membersOf(v.GetMembers())}
}

func attemptOf(a *registrypb.Attempt) *membership.Attempt {
	if a == nil {
		return nil
	}
	return &membership.Attempt{View: viewOf(a.GetView()), Leader: a.GetLeader()}
}

func settingsOf(s *registrypb.Settings) Settings {
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	delivery := Safe
	if s.GetAgreedDelivery() {
		delivery = Agreed
	}
	return Settings{
		Delivery:       delivery,
		MinMembers:     int(s.GetMinMembers()),
		Detection:      ms(s.GetDetectionMs()),
		Heartbeat:      ms(s.GetHeartbeatMs()),
		AttemptTimeout: ms(s.GetAttemptTimeoutMs()),
		SessionTTL:     ms(s.GetSessionTtlMs()),
		Tick:           ms(s.GetTickMs()),
		Audit:          ms(s.GetAuditMs()),
		QuotaBytes:     s.GetQuotaBytes(),
		QuotaVariables: s.GetQuotaVariables(),
	}
}

func directiveOf(d *registrypb.Directive) *membership.Directive {
	out := &membership.Directive{
		Group:      d.GetGroup(),
		Generation: d.GetGeneration(),
		Base:       d.GetBase(),
		Revision:   d.GetRevision(),
		Attempt:    attemptOf(d.GetAttempt()),
		Excluded:   d.GetExcluded(),
		Reason:     d.GetReason(),
		Settings:   settingsOf(d.GetSettings()),
		Joining:    membersOf(d.GetJoining()),
		Ease:       d.GetEase(),
		Pace:       d.GetPace(),
	}
	for _, v := range d.GetViews() {
		out.Views = append(out.Views, viewOf(v))
	}
	if len(d.GetKeys()) > 0 {
		out.Keys = make(map[uint64]membership.Key, len(d.GetKeys()))
	}
	for incarnation, key := range d.GetKeys() {
		out.Keys[incarnation] = keyOf(key)
	}
	return out
}

// keyOf reads a key. What has another length is none.
func keyOf(b []byte) (key membership.Key) {
	if len(b) == len(key) {
		copy(key[:], b)
	}
	return key
}

// named is a message that says who sends it.
type named interface {
	GetId() string
	GetIncarnation() uint64
	GetGroup() uint64
	GetGeneration() uint64
	GetKey() []byte
}

func fromOf(m named) membership.From {
	return membership.From{ID: m.GetId(), Incarnation: m.GetIncarnation(), Group: m.GetGroup(), Generation: m.GetGeneration(), Key: keyOf(m.GetKey())}
}

// heartbeatProto is a heartbeat on the wire.
func heartbeatProto(from membership.From, r *membership.Report) *registrypb.HeartbeatRequest {
	out := &registrypb.HeartbeatRequest{
		Id: from.ID, Incarnation: from.Incarnation, Group: from.Group, Generation: from.Generation, Key: keyProto(from.Key),
		View:      r.View,
		Wedged:    r.Wedged,
		Installed: r.Installed,
		Ready:     r.Ready,
		Observed:  r.Observed,
		Fetched:   r.Fetched,
		Acked:     r.Acked,
		LagMs:     r.Lag.Milliseconds(),
		Eased:     r.Eased,
		Feed:      r.Feed,
		FeedRate:  r.FeedRate,
		Position:  r.Position,
		Clients:   r.Clients,
		Queue:     r.Queue,
		Peers:     make([]*registrypb.Peer, len(r.Peers)),
	}
	for i, p := range r.Peers {
		out.Peers[i] = &registrypb.Peer{Incarnation: p.Incarnation, SilentMs: p.Silent.Milliseconds()}
	}
	return out
}

func registrationProto(r *membership.Registration) *registrypb.RegisterRequest {
	return &registrypb.RegisterRequest{
		Id:           r.ID,
		PeerAddr:     r.PeerAddr,
		ClientAddr:   r.ClientAddr,
		Group:        r.Group,
		ProvedDead:   r.ProvedDead,
		FeatureLevel: r.FeatureLevel,
		Nonce:        r.Nonce,
	}
}

func registrationOf(m *registrypb.RegisterRequest) membership.Registration {
	return membership.Registration{
		ID:           m.GetId(),
		PeerAddr:     m.GetPeerAddr(),
		ClientAddr:   m.GetClientAddr(),
		Group:        m.GetGroup(),
		ProvedDead:   m.GetProvedDead(),
		FeatureLevel: m.GetFeatureLevel(),
		Nonce:        m.GetNonce(),
	}
}
