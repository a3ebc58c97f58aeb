package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/server"
)

// askTimeout bounds asking one node. All are asked at once, so that those that
// hang cost this once.
const askTimeout = 2 * time.Second

// groupStatus is what the members of a view tell of themselves, as JSON.
type groupStatus struct {
	Group      groupID      `json:"group"`
	Generation uint64       `json:"generation,string"`
	View       uint64       `json:"view,string"`
	Delivery   string       `json:"delivery"`
	ToldBy     string       `json:"told_by"` // the node whose view it is
	Members    []nodeStatus `json:"members"`
}

// nodeStatus is a member of the view, and what it tells if it answers.
type nodeStatus struct {
	ID          string `json:"id"`
	Incarnation uint64 `json:"incarnation,string"`
	PeerAddr    string `json:"peer_addr"`
	ClientAddr  string `json:"client_addr"`
	Rank        int    `json:"rank"`
	Error       string `json:"error,omitempty"` // why it does not answer; what follows is then absent
	*nodeAnswer
}

type nodeAnswer struct {
	Phase    string `json:"phase"`
	View     uint64 `json:"view,string"`
	Position uint64 `json:"position,string"`
	Lag      uint64 `json:"lag,string"` // behind the furthest of those that answer, each a moment later than the other
	Clients  int    `json:"clients"`
	Queue    int    `json:"queue"`
}

func newStatusCommand(s *surroundings) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the view of a group and how its members are",
		Long: `Status asks a server for the view it is in, and then every member of the view how
it is. A member that does not answer is shown as such. The lag is how many
positions a member is behind the furthest; since they are asked one a moment
later than the other, a small one means nothing. The group's id is 16 hexadecimal
digits, in JSON too; the other numbers are decimal, strings in JSON where they
may not fit a double.`,
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
			first, err := askAny(ctx, dsn)
			if err != nil {
				err = notThisProtocol(name, err)
				return fmt.Errorf("%w at %s: check that one runs there, or name others with --dsn: %w", errUnreachable, name, err)
			}
			g := askMembers(ctx, first)
			if t.output == formatJSON {
				return s.show(t.format, "", g)
			}
			return s.showStatus(&g)
		},
	}
	t.addFlags(cmd)
	return cmd
}

// askAny asks all servers at once and returns the first status of one that
// serves, or else of one that knows a view.
func askAny(ctx context.Context, dsn client.DSN) (server.Status, error) {
	servers, err := dsn.Find(ctx, client.Options{})
	if err != nil {
		return server.Status{}, err
	}
	return firstStatus(ctx, servers, ask)
}

func firstStatus(ctx context.Context, servers []string, ask func(context.Context, string) (server.Status, error)) (server.Status, error) {
	var mu sync.Mutex // guards cutOff
	var cutOff *server.Status
	status, err := client.First(ctx, servers, client.AtOnce, client.Stagger, func(ctx context.Context, addr string) (server.Status, error) {
		status, err := ask(ctx, addr)
		switch {
		case err != nil:
			return server.Status{}, err
		case len(status.Members) == 0:
			return server.Status{}, fmt.Errorf("%s is in no view, it is %s", status.ID, status.Phase)
		case status.Serves:
			return status, nil
		}
		// It may have a view that is gone.
		mu.Lock()
		defer mu.Unlock()
		cutOff = &status
		return server.Status{}, fmt.Errorf("%s does not serve now", status.ID)
	})
	if err != nil && cutOff != nil {
		return *cutOff, nil
	}
	return status, err
}

// ask asks the node at an address how it is.
func ask(ctx context.Context, addr string) (server.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := client.Dial(ctx, addr, client.Options{})
	if err != nil {
		return server.Status{}, err
	}
	raw, err := conn.Status(ctx)
	if err := errors.Join(err, conn.Close()); err != nil {
		return server.Status{}, fmt.Errorf("%s: %w", addr, err)
	}
	var status server.Status
	if err := json.Unmarshal(raw, &status); err != nil {
		return server.Status{}, fmt.Errorf("%s: its status cannot be read: %w", addr, err)
	}
	return status, nil
}

// askMembers asks every member of the view that a node is in, all at once.
func askMembers(ctx context.Context, first server.Status) groupStatus {
	g := groupStatus{
		Group: groupID(first.Group), Generation: first.Generation, View: first.View, Delivery: first.Delivery,
		ToldBy: first.ID, Members: make([]nodeStatus, len(first.Members)),
	}
	var wg sync.WaitGroup
	for rank, m := range first.Members {
		g.Members[rank] = nodeStatus{
			ID: m.ID, Incarnation: m.Incarnation, PeerAddr: m.PeerAddr, ClientAddr: m.ClientAddr, Rank: rank,
		}
		wg.Go(func() { g.Members[rank].ask(ctx) })
	}
	wg.Wait()
	g.compare()
	return g
}

// ask fills in what the member tells.
func (n *nodeStatus) ask(ctx context.Context) {
	status, err := ask(ctx, n.ClientAddr)
	switch {
	case err != nil:
		n.Error = plain(err)
	case status.ID != n.ID || status.Incarnation != n.Incarnation:
		n.Error = fmt.Sprintf("%s#%d answers at its address", status.ID, status.Incarnation)
	default:
		n.nodeAnswer = &nodeAnswer{
			Phase: status.Phase, View: status.View, Position: status.Position,
			Clients: status.Clients, Queue: status.Queue,
		}
	}
}

// compare finds how far each is behind.
func (g *groupStatus) compare() {
	var furthest uint64
	for _, m := range g.Members {
		if m.nodeAnswer != nil {
			furthest = max(furthest, m.Position)
		}
	}
	for _, m := range g.Members {
		if m.nodeAnswer != nil {
			m.Lag = furthest - m.Position
		}
	}
}
