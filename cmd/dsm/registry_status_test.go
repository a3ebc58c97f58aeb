package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/registry/registrypb"
)

// A member that has been silent for longer than the detection time is not well; a
// joiner is none.
func TestSilentMember(t *testing.T) {
	node := func(rank int32, silentMs int64) *registrypb.NodeStatus {
		return &registrypb.NodeStatus{Member: &registrypb.Member{Id: "n"}, Rank: rank, SilentMs: silentMs}
	}
	for want, nodes := range map[string][]*registrypb.NodeStatus{
		"": {node(0, 2000), node(1, 0), node(-1, 2001)},
		"1 of 2 members silent for longer than the detection time": {node(0, 0), node(1, 2001), node(-1, 0)},
	} {
		m := newMembership(&registrypb.StatusResponse{Settings: &registrypb.Settings{DetectionMs: 2000}, Nodes: nodes})
		err := m.unwell()
		if (err == nil) != (want == "") || err != nil && (exitStatus(err) != exitUnwell || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// All that the registry knows of a node is shown, as a table and as JSON.
func TestNodesOfMembership(t *testing.T) {
	m := newMembership(&registrypb.StatusResponse{Settings: &registrypb.Settings{DetectionMs: 2000}, Nodes: []*registrypb.NodeStatus{{
		Member: &registrypb.Member{Id: "n4", Incarnation: 9, PeerAddr: "h:4", ClientAddr: "h:5"},
		Rank:   2, State: "member", Position: 71, Clients: 12, Queue: 13, SilentMs: 1400, WaitsFor: "why",
	}}})
	want := registeredNode{
		ID: "n4", Incarnation: 9, PeerAddr: "h:4", ClientAddr: "h:5", Rank: 2, State: "member", Position: 71, Clients: 12, Queue: 13,
		Silent: "1.4s", WaitsFor: "why",
	}
	if len(m.Nodes) != 1 || m.Nodes[0] != want {
		t.Errorf("%+v, want %+v", m.Nodes, want)
	}
	var out bytes.Buffer
	if err := (&surroundings{stdout: &out}).showMembership(&m); err != nil {
		t.Fatal(err)
	}
	for row := range strings.Lines(out.String()) {
		if strings.Contains(row, "n4 ") && strings.Join(strings.Fields(row), " ") == "2 n4 9 h:5,peers:h:4 71 12 13 1.4s member" {
			return
		}
	}
	t.Errorf("no row of n4:\n%s", out.String())
}

// What is wrong comes first, and what a joiner waits for is told.
func TestMembershipTable(t *testing.T) {
	m := newMembership(&registrypb.StatusResponse{
		Group: 0xabc, Generation: 1, Base: 1<<60 + 1, Problem: "registry cannot save its state: no space left",
		Nodes: []*registrypb.NodeStatus{{
			Member: &registrypb.Member{Id: "n4", Incarnation: 9, PeerAddr: "h:4", ClientAddr: "h:4"},
			Rank:   -1, State: "joining", WaitsFor: "waits for a link to n8#3",
		}},
	})
	var out bytes.Buffer
	s := &surroundings{stdout: &out}
	if err := s.showMembership(&m); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if !strings.HasPrefix(got, "NO CHANGE IS POSSIBLE: registry cannot save its state: no space left\n") {
		t.Errorf("the problem does not come first:\n%s", got)
	}
	if !strings.HasSuffix(got, "\nn4#9 waits for a link to n8#3\n") {
		t.Errorf("what n4 waits for is not told:\n%s", got)
	}
	if !strings.Contains(got, "\npositions of this generation lie above 1152921504606846977\n") || m.Above != 1<<60+1 {
		t.Errorf("where positions begin is not told:\n%s%+v", got, m)
	}
	if m.Nodes[0].WaitsFor != "waits for a link to n8#3" {
		t.Errorf("what n4 waits for is not in the JSON: %+v", m.Nodes[0])
	}
}
