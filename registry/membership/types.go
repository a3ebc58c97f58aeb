package membership

import (
	"slices"
	"strconv"
	"strings"
)

// Member is one run of one node.
type Member struct {
	ID           string // the node's name, for life
	Incarnation  uint64 // from one counter for the whole group, never used twice
	PeerAddr     string
	ClientAddr   string
	FeatureLevel uint32 // the highest protocol feature level it speaks
	Nonce        uint64 // of its registration, so that a repeated one is recognised; 0: none
}

// String returns the member's id and incarnation, as in "n1#3".
func (m Member) String() string {
	return m.ID + "#" + strconv.FormatUint(m.Incarnation, 10)
}

// View is a list of members by rank, the longest a member first.
type View struct {
	ID           uint64 // rises with every attempt; one that fails leaves a gap
	Prev         uint64 // the view before it, 0 for a generation's first
	FeatureLevel uint32 // the highest that every member speaks
	Members      []Member
}

// Has tells whether the incarnation is a member of the view.
func (v View) Has(incarnation uint64) bool {
	return v.rank(incarnation) >= 0
}

func (v View) rank(incarnation uint64) int {
	return slices.IndexFunc(v.Members, func(m Member) bool { return m.Incarnation == incarnation })
}

func (v View) same(w View) bool {
	return v.ID == w.ID && v.Prev == w.Prev && v.FeatureLevel == w.FeatureLevel && slices.Equal(v.Members, w.Members)
}

// Attempt is a view change under way. View.ID is the attempt's own id and
// View.Prev the committed view it starts from.
type Attempt struct {
	View   View
	Leader uint64 // incarnation of a survivor
}

func (a *Attempt) same(b *Attempt) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Leader == b.Leader && a.View.same(b.View)
}

// State is what a group must not forget. A State that was handed out is never
// changed afterwards.
type State struct {
	Group           uint64
	Generation      uint64 // from 1
	Boot            uint64 // starts of the registry, so that revisions rise over them
	Base            uint64 // the positions of this generation lie above it
	Floor           uint64 // and those of the next one above this; see Room
	Settings        Settings
	NextView        uint64 // one counter for the views of all generations
	NextIncarnation uint64
	Secret          Key      // of which keys are made; zero: nodes have none
	KeyedFrom       uint64   // incarnations from this one on have keys
	Views           []View   // the committed view alone, none before a generation's first; see Directive.Views
	Attempt         *Attempt // nil: none under way
	ProvedDead      []uint64 // members of the committed view that are dead: an identity lock proved it, or they have said so
	MinReached      bool     // the generation has had a view of Settings.MinMembers
}

// NewState returns the state of a group that has had no node yet. Its positions
// lie above base, which is at most MaxPosition.
func NewState(group, base uint64, settings Settings) State {
	return State{Group: group, Generation: 1, Base: base, Settings: settings, NextView: 1, NextIncarnation: 1}
}

// Committed returns the committed view, false if the generation has none yet.
func (s State) Committed() (View, bool) {
	if len(s.Views) == 0 {
		return View{}, false
	}
	return s.Views[len(s.Views)-1], true
}

// WithSettings returns the state under other settings. Two of them are fixed once
// the group has a view. With another delivery level its members would disagree
// about when a message may be delivered. The session TTL is part of the members'
// state: a node that has another one can load no member's state.
func (s State) WithSettings(settings Settings) (State, error) {
	view, ok := s.Committed()
	if ok && settings.Delivery != s.Settings.Delivery {
		return s, refuse(ErrInvalid, "the group delivers %s and has a view (%s): its delivery level (--delivery) is fixed; leave it out, or use another data directory for a group that delivers %s",
			s.Settings.Delivery, names(view.Members), settings.Delivery)
	}
	if ok && settings.SessionTTL != s.Settings.SessionTTL {
		return s, refuse(ErrInvalid, "the group has session TTL %v and a view (%s): its session TTL (--session-ttl) is fixed for its life; leave it out, or use another data directory for a group with session TTL %v",
			s.Settings.SessionTTL, names(view.Members), settings.SessionTTL)
	}
	if settings.MinMembers != s.Settings.MinMembers {
		s.MinReached = ok && len(view.Members) >= settings.MinMembers
	}
	s.Settings = settings
	return s, nil
}

// names lists members for people.
func names(members []Member) string {
	out := make([]string, len(members))
	for i, m := range members {
		out[i] = m.String()
	}
	return strings.Join(out, ", ")
}
