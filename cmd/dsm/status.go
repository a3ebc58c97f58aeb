package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/server"
)

// groupStatus is what the members of a view tell of themselves, as JSON.
type groupStatus struct {
	Group      groupID      `json:"group"`
	Generation uint64       `json:"generation,string"`
	View       uint64       `json:"view,string"`
	Delivery   string       `json:"delivery"`
	ToldBy     string       `json:"told_by"`          // the node whose view it is
	Members    []nodeStatus `json:"members"`          // none: nobody who answers is in a view
	Others     []nodeStatus `json:"others,omitempty"` // who answered as well, and is none of them

	// Sessions and Variables are those of the whole group, as that node has them.
	Sessions  server.SessionsStatus  `json:"sessions"`
	Variables server.VariablesStatus `json:"variables"`
}

// nodeStatus is a member of the view, and what it tells if it answers.
type nodeStatus struct {
	ID          string `json:"id"`
	Incarnation uint64 `json:"incarnation,string"`
	PeerAddr    string `json:"peer_addr"`
	ClientAddr  string `json:"client_addr"`
	Rank        int    `json:"rank"`            // -1: no member
	Error       string `json:"error,omitempty"` // why it does not answer; what follows is then absent
	*nodeAnswer
}

type nodeAnswer struct {
	Phase    string `json:"phase"`
	Serves   bool   `json:"serves"`
	View     uint64 `json:"view,string"`
	Position uint64 `json:"position,string"`
	Lag      uint64 `json:"lag,string"` // behind the furthest of those that answer, each a moment later than the other
	Clients  int    `json:"clients"`
	Queue    int    `json:"queue"`

	// What the node keeps for its clients, and may keep; 0: the node is of a release that does not tell.
	ClientBytes      int64 `json:"client_bytes"`
	ClientBytesLimit int64 `json:"client_bytes_limit"`

	Damage string `json:"damage,omitempty"` // what is damaged in its state
}

func newStatusCommand(s *surroundings) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the view of a group and the state of its members",
		Long: `Status asks the servers for their view, and then each member of the view for its
state. It also shows members that do not answer, and the last state that a member
which is cut off knows. The exit status is 7 if a member does not answer, does not
serve, or has found damage in its state. If no member serves, the table shows all
nodes that answer. The lag is the number of positions that a member is behind the
most advanced one; a small lag means nothing, because members are asked one after
another. Kept are the bytes that a member keeps for its clients: what they do not
read, requests that they do not finish, and reads that wait. Below the table are the
variables with their quota, and the clients with the most sessions, by the names that
they give. The group's id is 16 hexadecimal digits.`,
		Example:           "  dsm status\n  dsm status --dsn dsm+registry://10.0.0.9:6001 -o json",
		Args:              exactly(),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			name, dsn, err := t.parse()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), t.timeout)
			defer cancel()
			answers, err := reach(ctx, &t, name, func() ([]told, error) { return askAny(ctx, dsn) })
			if err != nil {
				return err
			}
			g := askMembers(ctx, answers)
			if t.output == formatJSON {
				err = s.showJSON(g)
			} else {
				err = s.showStatus(&g)
			}
			if err != nil {
				return err
			}
			return g.problem()
		},
	}
	t.addFlags(cmd)
	return cmd
}
