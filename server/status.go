package server

import (
	"encoding/json"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// Status is what a node knows of itself and its view.
type Status struct {
	ID          string         `json:"id"`
	Incarnation uint64         `json:"incarnation,string"`
	Group       uint64         `json:"group,string"`
	Generation  uint64         `json:"generation,string"`
	Phase       string         `json:"phase"` // observing, normal, wedged, excluded, stopped
	Delivery    string         `json:"delivery"`
	View        uint64         `json:"view,string"`
	Rank        int            `json:"rank"` // -1: no member
	Members     []MemberStatus `json:"members"`
	Position    uint64         `json:"position,string"`
	Clients     int            `json:"clients"`

	// ClientBytes is the memory that the node keeps for its clients, and ClientBytesLimit what it
	// may keep: see Config.MaxUnreadBytes.
	ClientBytes      int64 `json:"client_bytes"`
	ClientBytesLimit int64 `json:"client_bytes_limit"`

	Queue       int   `json:"queue"`        // commands that wait, and messages held back
	Serves      bool  `json:"serves"`       // in a view and with a lease: clients are served
	DetectionMs int64 `json:"detection_ms"` // of the group: the time of a lease as well

	// Damage is what is damaged in the node's state, "" if nothing is known to be.
	Damage string `json:"damage,omitempty"`

	Sessions  SessionsStatus  `json:"sessions"`
	Variables VariablesStatus `json:"variables"`

	// Transfers is how often this incarnation began to load a member's state: 0
	// in the first of a group, more than 1 when a transfer broke off.
	Transfers int `json:"transfers"`
	// LiveHeap is the heap, in bytes, that the process's last garbage collection
	// found in use.
	LiveHeap uint64 `json:"live_heap_bytes"`
}

// SessionsStatus tells who has the group's sessions.
type SessionsStatus struct {
	Alive       int            `json:"alive"`
	Limit       int            `json:"limit"`        // of all
	ClientLimit int            `json:"client_limit"` // of one client
	Clients     int            `json:"clients"`      // that have some, of which something is known
	Most        []ClientStatus `json:"most"`         // the clients that have the most, at most five
}

// VariablesStatus tells how many variables there are, and how many there may be.
type VariablesStatus struct {
	Count      uint64 `json:"count,string"`
	Bytes      uint64 `json:"bytes,string"`       // of keys and values
	CountLimit uint64 `json:"count_limit,string"` // 0: none
	BytesLimit uint64 `json:"bytes_limit,string"` // 0: none
}

// ClientStatus is a client that has sessions.
type ClientStatus struct {
	Name     string `json:"name"`    // as it calls itself, "" if it does not
	Address  string `json:"address"` // where it is, as the node that serves it sees it
	Sessions int    `json:"sessions"`
}

// MemberStatus is a member of the view, by rank.
type MemberStatus struct {
	ID          string `json:"id"`
	Incarnation uint64 `json:"incarnation,string"`
	PeerAddr    string `json:"peer_addr"`
	ClientAddr  string `json:"client_addr"`
	Connected   bool   `json:"connected"` // this node's link to it
}

// status tells how the replica stands.
func (r *replica) status(m *member.Member) *Status {
	of := m.Status()
	s := &Status{
		ID: r.self.ID, Incarnation: r.self.Incarnation, Group: r.group, Generation: r.generation,
		Phase: of.Phase.String(), Delivery: "safe", View: of.View, Rank: of.Rank,
		Members: make([]MemberStatus, len(of.Members)), Position: of.Position, Clients: r.front.clients.len(),
		ClientBytes: r.front.memory.Load(), ClientBytesLimit: int64(r.cfg.MaxUnreadBytes),
		Queue: of.Queue, Serves: r.serves(),
		DetectionMs: r.detection().Milliseconds(),
		Sessions:    r.front.sessions(),
		Transfers:   int(r.transfers.Load()), LiveHeap: liveHeap(),
	}
	quota, used := r.reader.State().Quota()
	s.Variables = VariablesStatus{Count: used.Variables, Bytes: used.Bytes, CountLimit: quota.Variables, BytesLimit: quota.Bytes}
	if r.settings.Delivery == membership.Agreed {
		s.Delivery = "agreed"
	}
	if d := r.reader.Damage(); d != nil {
		s.Damage = d.Err.Error()
	}
	for i, m := range of.Members {
		s.Members[i] = MemberStatus{
			ID: m.ID, Incarnation: m.Incarnation, PeerAddr: m.PeerAddr, ClientAddr: m.ClientAddr, Connected: m.Connected,
		}
	}
	return s
}

// encode returns the status as JSON.
func (s *Status) encode() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a struct of strings and numbers
	}
	return b
}

// info is what the handshake tells.
func (r *replica) info() wire.Info {
	return wire.Info{
		Group: r.group, Generation: r.generation, NodeID: r.self.ID, Incarnation: r.self.Incarnation,
		MaxKeyBytes: wire.MaxKeyBytes, MaxValueBytes: uint32(r.cfg.MaxValueBytes), MaxInFlight: uint32(r.cfg.MaxInFlight),
		SessionTTL: r.settings.SessionTTL, MaxTxnOps: wire.MaxTxnOps, MaxTxnBytes: wire.MaxTxnBytes,
	}
}

// Status tells how the node stands.
func (n *Node) Status() Status {
	stopped := Status{ID: n.cfg.ID, Phase: "stopped", Rank: -1, Members: []MemberStatus{}}
	r := n.current.Load()
	if r == nil {
		stopped.Phase = isis.Observing.String()
		return stopped
	}
	s := stopped
	if !r.do(func(m *member.Member) { s = *r.status(m) }) {
		return stopped
	}
	return s
}
