package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/internal/console"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/registrypb"
)

// membership is what a registry tells of its group, as JSON.
type membership struct {
	Group      groupID          `json:"group"`
	Generation uint64           `json:"generation,string"`
	View       uint64           `json:"view,string"`
	Above      uint64           `json:"positions_above,string"`
	Durable    bool             `json:"durable"`
	Problem    string           `json:"problem,omitempty"`
	Attempt    *attempt         `json:"attempt,omitempty"`
	Settings   settings         `json:"settings"`
	Nodes      []registeredNode `json:"nodes"`
}

type attempt struct {
	ID      uint64   `json:"id,string"`
	Members []string `json:"members"`
}

type settings struct {
	Delivery       string `json:"delivery"`
	MinMembers     uint32 `json:"min_members"`
	Detection      string `json:"detection"`
	Heartbeat      string `json:"heartbeat"`
	AttemptTimeout string `json:"attempt_timeout"`
	SessionTTL     string `json:"session_ttl"`
	Tick           string `json:"tick"`
	Audit          string `json:"audit"`
	QuotaBytes     string `json:"quota_bytes"` // "none": any number
	QuotaVariables string `json:"quota_variables"`
}

type registeredNode struct {
	ID          string `json:"id"`
	Incarnation uint64 `json:"incarnation,string"`
	PeerAddr    string `json:"peer_addr"`
	ClientAddr  string `json:"client_addr"`
	Rank        int32  `json:"rank"` // -1: no member
	State       string `json:"state"`
	Position    uint64 `json:"position,string"`
	Clients     uint32 `json:"clients"`
	Queue       uint32 `json:"queue"`
	Silent      string `json:"silent"`
	WaitsFor    string `json:"waits_for,omitempty"` // why a joiner is no member yet

	missed bool // it is a member, and silent for longer than the detection time
}

func newRegistryStatusCommand(s *surroundings) *cobra.Command {
	var t registryTarget
	var f format
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what the registry knows of its group",
		Long: `Status shows the committed view, the position above which all positions of the
generation lie, the change under way, and the settings. It lists every node that the
registry knows, members and joiners, with the contents of its last heartbeat; "dsm
status" asks the nodes themselves. If the registry cannot change the view, the
command prints the reason and exits with status 7. It also exits with 7 while a
member has been silent for longer than the detection time.`,
		Args:              exactly(),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return t.with(cmd, func(ctx context.Context, client *registry.Client) error {
				status, err := client.Status(ctx)
				if err != nil {
					return err
				}
				m := newMembership(status)
				if f.output == formatJSON {
					err = s.showJSON(m)
				} else {
					err = s.showMembership(&m)
				}
				if err == nil {
					err = m.unwell()
				}
				return err
			})
		},
	}
	t.addFlags(cmd)
	f.addFlags(cmd)
	return cmd
}

// unwell says what is wrong with the group, if anything.
func (m *membership) unwell() error {
	if m.Problem != "" {
		return fmt.Errorf("%w: no change is possible: %s", errUnwell, m.Problem)
	}
	all, missed := 0, 0
	for _, n := range m.Nodes {
		if n.Rank >= 0 {
			all++
		}
		if n.missed {
			missed++
		}
	}
	if missed > 0 {
		return fmt.Errorf("%w: %d of %s silent for longer than the detection time", errUnwell, missed, members(all))
	}
	return nil
}

func newMembership(r *registrypb.StatusResponse) membership {
	set := r.GetSettings()
	m := membership{
		Group: groupID(r.GetGroup()), Generation: r.GetGeneration(), View: r.GetView().GetId(),
		Above: r.GetBase(), Durable: r.GetDurable(), Problem: r.GetProblem(), Nodes: []registeredNode{},
		Settings: settings{
			Delivery: string(deliveryOf(set)), MinMembers: set.GetMinMembers(),
			Detection: milliseconds(set.GetDetectionMs()).String(), Heartbeat: milliseconds(set.GetHeartbeatMs()).String(),
			AttemptTimeout: milliseconds(set.GetAttemptTimeoutMs()).String(), SessionTTL: milliseconds(set.GetSessionTtlMs()).String(),
			Tick: milliseconds(set.GetTickMs()).String(), Audit: milliseconds(set.GetAuditMs()).String(),
			QuotaBytes: console.QuotaText(set.GetQuotaBytes()), QuotaVariables: console.QuotaText(set.GetQuotaVariables()),
		},
	}
	if a := r.GetAttempt(); a != nil {
		m.Attempt = &attempt{ID: a.GetView().GetId()}
		for _, member := range a.GetView().GetMembers() {
			m.Attempt.Members = append(m.Attempt.Members, fmt.Sprintf("%s#%d", member.GetId(), member.GetIncarnation()))
		}
	}
	for _, n := range r.GetNodes() {
		m.Nodes = append(m.Nodes, registeredNode{
			ID: n.GetMember().GetId(), Incarnation: n.GetMember().GetIncarnation(),
			PeerAddr: n.GetMember().GetPeerAddr(), ClientAddr: n.GetMember().GetClientAddr(),
			Rank: n.GetRank(), State: n.GetState(), Position: n.GetPosition(), Clients: n.GetClients(), Queue: n.GetQueue(), Silent: milliseconds(n.GetSilentMs()).String(),
			WaitsFor: n.GetWaitsFor(), missed: n.GetRank() >= 0 && n.GetSilentMs() > set.GetDetectionMs(),
		})
	}
	return m
}

func (s *surroundings) showMembership(m *membership) error {
	var head, waits strings.Builder
	if m.Problem != "" {
		fmt.Fprintf(&head, "NO CHANGE IS POSSIBLE: %s\n", m.Problem)
	}
	fmt.Fprintf(&head, "group %s, generation %d, view %d\n", m.Group, m.Generation, m.View)
	fmt.Fprintf(&head, "positions of this generation lie above %d\n", m.Above)
	if m.Attempt != nil {
		fmt.Fprintf(&head, "a change is under way: attempt %d with %s\n", m.Attempt.ID, strings.Join(m.Attempt.Members, ", "))
	}
	set := m.Settings
	fmt.Fprintf(&head, "%s delivery, min-members %d, detection %s, heartbeat %s, attempt-timeout %s, session-ttl %s, tick %s, audit %s, quota-bytes %s, quota-variables %s\n",
		set.Delivery, set.MinMembers, set.Detection, set.Heartbeat, set.AttemptTimeout, set.SessionTTL, set.Tick, set.Audit, set.QuotaBytes, set.QuotaVariables)
	if !m.Durable {
		head.WriteString("views are kept in memory only\n")
	}
	if err := s.say("%s", head.String()); err != nil || len(m.Nodes) == 0 {
		return err
	}
	rows := make([][]string, len(m.Nodes))
	for i, n := range m.Nodes {
		rows[i] = []string{
			rankText(int(n.Rank)), n.ID, decimal(n.Incarnation), addresses(n.ClientAddr, n.PeerAddr),
			decimal(n.Position), decimal(uint64(n.Clients)), decimal(uint64(n.Queue)), n.Silent, n.State,
		}
		if n.WaitsFor != "" {
			fmt.Fprintf(&waits, "%s#%d %s\n", n.ID, n.Incarnation, n.WaitsFor)
		}
	}
	table := console.Table{Rows: rows, Columns: []console.Column{
		{Name: "rank", Number: true},
		{Name: "id"},
		{Name: "incarnation", Number: true},
		{Name: "address"},
		{Name: "position", Number: true},
		{Name: "clients", Number: true},
		{Name: "queue", Number: true},
		{Name: "silent", Number: true},
		{Name: "state"},
	}}
	if err := table.Write(s.stdout, s.width); err != nil {
		return err
	}
	return s.say("%s", waits.String())
}

// rankText is a rank, or that there is none.
func rankText(rank int) string {
	if rank < 0 {
		return "-"
	}
	return strconv.Itoa(rank)
}

// addresses shows a node's addresses, once if they are alike.
func addresses(forClients, forPeers string) string {
	if forClients == forPeers {
		return forClients
	}
	return forClients + ",peers:" + forPeers
}
