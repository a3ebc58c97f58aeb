package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/console"
	"github.com/seed-8247e700/dsm/server"
)

// askTimeout bounds asking one node. All are asked at once, so that those that
// hang cost this once.
const askTimeout = 2 * time.Second

// told is the status of a node, and where it was told.
type told struct {
	addr string
	server.Status
}

// askAny asks all servers at once and returns the first status of one that
// serves, or else of all that answer, those in a view first, the latest one of
// them before all others.
func askAny(ctx context.Context, dsn client.DSN) ([]told, error) {
	servers, err := dsn.Find(ctx, client.Options{})
	if err != nil {
		return nil, err
	}
	return firstStatus(ctx, servers, ask)
}

func firstStatus(ctx context.Context, servers []string, ask func(context.Context, string) (server.Status, error)) ([]told, error) {
	var mu sync.Mutex // guards answers
	var answers []told
	status, err := client.FirstOf(ctx, client.SystemLookup, servers, client.AtOnce, client.Stagger, func(ctx context.Context, addr string) (told, error) {
		status, err := ask(ctx, addr)
		if err != nil {
			return told{}, err
		}
		if status.Serves && len(status.Members) > 0 {
			return told{addr, status}, nil
		}
		// It may have a view that is gone, or none.
		mu.Lock()
		defer mu.Unlock()
		answers = append(answers, told{addr, status})
		return told{}, fmt.Errorf("%s does not serve: it is %s", status.ID, status.Phase)
	})
	if err == nil {
		return []told{status}, nil
	}
	mu.Lock()
	defer mu.Unlock()
	if len(answers) == 0 {
		return nil, err
	}
	slices.SortFunc(answers, func(a, b told) int {
		switch inA, inB := len(a.Members) > 0, len(b.Members) > 0; {
		case inA != inB && inA, inA == inB && a.View > b.View:
			return -1
		case inA != inB, a.View < b.View:
			return 1
		}
		return 0
	})
	return slices.Clone(answers), nil
}

// ask asks the node at an address how it is.
func ask(ctx context.Context, addr string) (server.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := client.Dial(ctx, addr, client.Options{Stale: true}) // one that is cut off tells it too
	var refused *client.RefusedError
	if errors.As(err, &refused) && len(refused.Extra) > 0 {
		return statusOf(addr, refused.Extra)
	}
	if err != nil {
		return server.Status{}, err
	}
	raw, err := conn.Status(ctx)
	if err := errors.Join(err, conn.Close()); err != nil {
		return server.Status{}, fmt.Errorf("%s: %w", addr, err)
	}
	return statusOf(addr, raw)
}

// statusOf reads what a node tells.
func statusOf(addr string, raw []byte) (server.Status, error) {
	var status server.Status
	if err := json.Unmarshal(raw, &status); err != nil {
		return server.Status{}, fmt.Errorf("%s: its status cannot be read: %w", addr, err)
	}
	return status, nil
}

// askMembers asks every member of the view that the first of answers has, all at
// once. The others of answers are shown beside it.
func askMembers(ctx context.Context, answers []told) groupStatus {
	first := answers[0]
	g := groupStatus{
		Group: groupID(first.Group), Generation: first.Generation, View: first.View, Delivery: first.Delivery,
		ToldBy: first.ID, Members: make([]nodeStatus, len(first.Members)), Sessions: first.Sessions, Variables: first.Variables,
	}
	if g.Sessions.Most == nil {
		g.Sessions.Most = []server.ClientStatus{}
	}
	var wg sync.WaitGroup
	for rank, m := range first.Members {
		g.Members[rank] = nodeStatus{
			ID: m.ID, Incarnation: m.Incarnation, PeerAddr: m.PeerAddr, ClientAddr: m.ClientAddr, Rank: rank,
		}
		wg.Go(func() { g.Members[rank].ask(ctx) })
	}
	wg.Wait()
	for _, other := range answers {
		isThis := func(m nodeStatus) bool { return m.ID == other.ID && m.Incarnation == other.Incarnation }
		if !slices.ContainsFunc(g.Members, isThis) {
			g.Others = append(g.Others, nodeStatus{
				ID: other.ID, Incarnation: other.Incarnation, PeerAddr: other.addr, ClientAddr: other.addr, Rank: -1,
				nodeAnswer: answerOf(other.Status),
			})
		}
	}
	g.compare()
	return g
}

// ask fills in what the member tells.
func (n *nodeStatus) ask(ctx context.Context) {
	status, err := ask(ctx, n.ClientAddr)
	switch {
	case err != nil:
		n.Error = console.OneLine(plain(err))
	case status.ID != n.ID || status.Incarnation != n.Incarnation:
		n.Error = fmt.Sprintf("%s#%d answers at its address", status.ID, status.Incarnation)
	default:
		n.nodeAnswer = answerOf(status)
	}
}

func answerOf(status server.Status) *nodeAnswer {
	return &nodeAnswer{
		Phase: status.Phase, Serves: status.Serves, View: status.View, Position: status.Position,
		Clients: status.Clients, Queue: status.Queue, Damage: status.Damage,
		ClientBytes: status.ClientBytes, ClientBytesLimit: status.ClientBytesLimit,
	}
}

// compare finds how far each is behind.
func (g *groupStatus) compare() {
	all := slices.Concat(g.Members, g.Others)
	var furthest uint64
	for _, m := range all {
		if m.nodeAnswer != nil {
			furthest = max(furthest, m.Position)
		}
	}
	for _, m := range all {
		if m.nodeAnswer != nil {
			m.Lag = furthest - m.Position
		}
	}
}

// problem says what is wrong with the group, if anything.
func (g *groupStatus) problem() error {
	silent, idle, damaged := 0, 0, 0
	for _, m := range g.Members {
		switch {
		case m.nodeAnswer == nil:
			silent++
		case !m.Serves:
			idle++
		}
		if m.nodeAnswer != nil && m.Damage != "" {
			damaged++
		}
	}
	if len(g.Members) == 0 {
		return fmt.Errorf("%w: no node that answers is in a view; dsm registry status shows what the group waits for", errUnwell)
	}
	var wrong []string
	for _, one := range []struct {
		many  int
		which string
	}{{silent, "cannot be reached"}, {idle, "do not serve"}, {damaged, "have a damaged state"}} {
		if one.many > 0 {
			wrong = append(wrong, fmt.Sprintf("%d %s", one.many, one.which))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%w: of %s %s", errUnwell, members(len(g.Members)), strings.Join(wrong, " and "))
}
