package membership

import (
	"cmp"
	"strings"
)

// EventKind says what happened.
type EventKind string

// What happens in a group, for the log.
const (
	EventRegister      EventKind = "node registered"
	EventAttempt       EventKind = "view change started"
	EventAttemptFailed EventKind = "view change failed"
	EventAttemptSlow   EventKind = "view change is slow"
	EventPutOff        EventKind = "view change put off"
	EventPaced         EventKind = "members are slowed for a joiner"
	EventUnpaced       EventKind = "members are not slowed any more"
	EventCommit        EventKind = "view committed"
	EventDepart        EventKind = "node gone"
	EventLeave         EventKind = "node wants to leave"
	EventLeaveRefused  EventKind = "node may not leave"
	EventProvedDead    EventKind = "member proved dead"
	EventNoGeneration  EventKind = "every member is lost, and no new generation can begin"
	EventBaseIgnored   EventKind = "positions begin again at 0: versions of the generations before may come again"
	EventNewGeneration EventKind = "new generation: the group's state is given up"
)

// Event is something that happened. Which fields count depends on Kind.
type Event struct {
	Kind       EventKind
	Node       Member // Paced: the donor; Register, Depart, Leave, LeaveRefused, ProvedDead
	View       View   // Attempt, AttemptFailed, AttemptSlow, Commit; NewGeneration, NoGeneration: the last view of the old one
	Leader     Member // Attempt
	Generation uint64 // NewGeneration
	Base       uint64 // NewGeneration: its positions lie above it
	Reason     string
}

func (g *Group) event(e Event) { g.events = append(g.events, e) }

// TakeEvents returns what has happened since the last call. Every step adds a
// few at most, so a caller that takes them after each step bounds them.
func (g *Group) TakeEvents() []Event {
	out := g.events
	g.events = nil
	return out
}

// describe tells what a plan changes.
func describe(p plan) string {
	var parts []string
	for _, m := range p.joiners {
		parts = append(parts, m.String()+" joins")
	}
	for _, m := range p.base.Members {
		if reason, ok := p.excluded[m.Incarnation]; ok {
			parts = append(parts, m.String()+": "+reason)
		}
	}
	return cmp.Or(strings.Join(parts, "; "), "another attempt at the same members")
}
