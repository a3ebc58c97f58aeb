package cluster

import (
	"context"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/server"
)

// TestFollower follows a node from the moment when it serves, once, and lets go of
// its connection when it is gone.
func TestFollower(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	all := &Feeds{}
	env := program.Env{Notices: t.Output()}
	g, err := StartGroup(ctx, 2, Settings(Safe), nil, env, &Feeds{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
	}()
	f, _, err := Follow(ctx, []string{g.Nodes[0].Addr()}, all, env, g.LossFeed, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.StopFollowing(); err != nil {
			t.Error(err)
		}
	}()
	node, err := server.Start(ctx, server.Config{ID: "n9", Registry: g.registry.Addr(), Listen: loopback, Logger: g.log.logger})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f.welcome(server.MemberStatus{ClientAddr: node.Addr()})
	}
	f.mu.Lock()
	one := f.following[node.Status().Incarnation]
	f.mu.Unlock()
	if one == nil || one.subscription == nil || len(all.All()) != 3 {
		t.Fatalf("%d feeds, and of the newcomer %+v", len(all.All()), one)
	}
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for open := true; open; {
		select {
		case <-ctx.Done():
			t.Fatal("the stream of a node that left stays open")
		case <-tick.C:
		}
		f.mu.Lock()
		open = one.subscription != nil
		f.mu.Unlock()
	}
}
