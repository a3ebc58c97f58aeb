package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/sparelog"
	"github.com/seed-8247e700/dsm/isis"
)

// People learn from the log what happens to a member, at the level that it is worth.
func TestLogOfEvents(t *testing.T) {
	bad := errors.New("a bad thing")
	for name, tc := range map[string]struct {
		event member.Event
		level slog.Level
		parts []string // none: nothing is logged
	}{
		"excluded":       {member.Excluded{Reason: "it was silent"}, slog.LevelWarn, []string{"excluded from the group", "it was silent"}},
		"left damaged":   {member.Excluded{Reason: "damage", Damage: bad}, slog.LevelWarn, []string{"left the group because of its damaged state", "a bad thing"}},
		"new generation": {member.NewGeneration{Generation: 77}, slog.LevelWarn, []string{"new generation", "generation=77"}},
		"ignored": {
			member.Ignored{Reason: "its record is old", Group: 5, Generation: 6},
			slog.LevelError,
			[]string{"ignored a directive", "its record is old", "group=5", "generation=6", "left_out=0"},
		},
		"accused":  {member.Accused{Peer: isis.MemberID{ID: "n2", Incarnation: 9}, Err: bad}, slog.LevelError, []string{"peer=n2", "peer_incarnation=9", "a bad thing"}},
		"rejected": {member.Rejected{Err: bad}, slog.LevelError, []string{"breaks the protocol", "a bad thing"}},
		"doubted":  {member.Doubted{View: 8}, slog.LevelWarn, []string{"refusing clients until", "view=8"}},
		"differs":  {member.Verdict{Position: 4, Differing: []string{"n3#3"}}, slog.LevelError, []string{"replicas that differ", "position=4", "n3#3"}},
		"equal":    {member.Verdict{Position: 4}, slog.LevelError, nil},
		"whole":    {member.Whole{Err: bad}, slog.LevelInfo, []string{"whole again", "a bad thing"}},
		"entered": {
			member.Entered{View: isis.View{ID: 3, Members: []isis.MemberID{{ID: "n1", Incarnation: 1}}}, Rank: 2, Position: 50},
			slog.LevelInfo,
			[]string{"entered view", "view=3", "n1#1", "rank=2", "position=50"},
		},
	} {
		h := newLone(t, Config{})
		h.host.Event(tc.event)
		lines := h.lines()
		if (lines == "") != (tc.parts == nil) || len(h.log.lines()) != 1 {
			t.Errorf("%s: it logs %s", name, lines)
			continue
		}
		for _, part := range tc.parts {
			if h.count(tc.level, part) != 1 {
				t.Errorf("%s: want %q at %s: %s", name, part, tc.level, lines)
			}
		}
	}
}

// A registry of another group cannot fill the log.
func TestLogOfIgnoredDirectives(t *testing.T) {
	h := newLone(t, Config{})
	for range 10 * sparelog.Burst {
		h.host.Event(member.Ignored{Reason: "its record is old"})
	}
	if n := h.count(slog.LevelError, "ignored a directive"); n < sparelog.Burst || n > 2*sparelog.Burst {
		t.Errorf("%d lines of %d", n, 10*sparelog.Burst)
	}
}

// The program learns at which positions its deliveries begin, if it asks for that.
func TestBeginnings(t *testing.T) {
	events := []member.Event{member.Begins{Position: 3}, member.Loaded{Position: 4}}
	var got []string
	h := newLone(t, Config{
		OnBegin:    func(position uint64) { got = append(got, fmt.Sprint("begin ", position)) },
		OnSnapshot: func(position uint64) { got = append(got, fmt.Sprint("snapshot ", position)) },
	})
	silent := newLone(t, Config{})
	for _, e := range events {
		h.host.Event(e)
		silent.host.Event(e)
	}
	if want := []string{"begin 3", "snapshot 4"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Clients are sent elsewhere when the node leaves, and when its state is damaged. The
// stream of a joiner ends once it is a member.
func TestEventsForConnections(t *testing.T) {
	h := newLone(t, Config{})
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	c := newClientConn(h.front, near, nil)
	if !h.front.clients.add(c) {
		t.Fatal("the client is not taken")
	}
	out, joins, other := newFeed(near, &h.front.deliveries), newFeed(near, new(feedLog)), newFeed(near, new(feedLog))
	joins.joiner, other.joiner = 5, 6
	if !c.startStream(out) {
		t.Fatal("no stream")
	}
	told := func() string {
		b, err := out.Take(nil, false)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	h.host.Event(member.Leaves{})
	if got := told(); !strings.Contains(got, "node n1 is leaving") {
		t.Errorf("clients of a node that leaves are told %q", got)
	}
	h.do(func(m *member.Member) { m.Damaged(errors.New("a bit")) })
	<-h.ended // a joiner's is loaded again
	h.host.Event(member.Barred{})
	if got := told(); !strings.Contains(got, "node n1 has a damaged state and loads it again: a bit") {
		t.Errorf("clients of a damaged node are told %q", got)
	}

	h = newLone(t, Config{})
	h.front.joiners = []*feed{joins, other}
	h.host.Event(member.Entered{View: isis.View{ID: 2, Members: []isis.MemberID{{ID: "n1", Incarnation: 1}, {ID: "n2", Incarnation: 5}}}})
	if _, err := joins.Take(nil, false); !errors.Is(err, member.ErrMemberNow) {
		t.Errorf("the stream of a member goes on: %v", err)
	}
	if _, err := other.Take(nil, false); err != nil {
		t.Errorf("the stream of a joiner has ended: %v", err)
	}
	client := newFeed(nil, &h.front.deliveries)
	h.front.feeds = append(h.front.feeds, client)
	h.host.Event(member.Entered{View: isis.View{ID: 3, Members: []isis.MemberID{{ID: "n1", Incarnation: 1}}}, Rises: true})
	if _, err := other.Take(nil, false); !errors.Is(err, member.ErrNoDonor) {
		t.Errorf("the stream of a joiner goes on although the feature level has risen: %v", err)
	}
	if _, err := client.Take(nil, false); err != nil {
		t.Errorf("the stream of a client has ended: %v", err)
	}
}

// Which ends of transfers are for whoever configures the node.
func TestConfigErrorOf(t *testing.T) {
	for err, want := range map[error]bool{
		member.ErrAdvertised: true, member.ErrCannotLoad: true, member.ErrUnreached: false, member.ErrExcluded: false,
	} {
		err = fmt.Errorf("at n2: %w", err)
		if got := configError(err); errors.Is(got, ErrConfig) != want || !errors.Is(got, err) {
			t.Errorf("%v becomes %v", err, got)
		}
	}
	if err := configError(nil); err != nil {
		t.Error(err)
	}
}
