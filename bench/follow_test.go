package bench

import (
	"context"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/server"
)

// TestFollower follows a node from the moment when it serves, once, and lets go of
// its connection when it is gone.
func TestFollower(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cfg, all := shortConfig(), &feeds{}
	env := Env{Notices: t.Output()}
	sys, _, err := startGroup(ctx, &cfg, env, &feeds{})
	if err != nil {
		t.Fatal(err)
	}
	g := sys.(*group)
	defer func() {
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
	}()
	f, _, err := follow(ctx, []string{g.nodes[0].Addr()}, all, env, g.losses, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.stop(); err != nil {
			t.Error(err)
		}
	}()
	node, err := server.Start(ctx, server.Config{ID: "n9", Registry: g.registry.Addr(), Listen: loopback, Logger: g.log.logger})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f.welcome(member{ClientAddr: node.Addr()})
	}
	f.mu.Lock()
	one := f.following[node.Status().Incarnation]
	f.mu.Unlock()
	if one == nil || one.subscription == nil || len(all.all()) != 3 {
		t.Fatalf("%d feeds, and of the newcomer %+v", len(all.all()), one)
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
