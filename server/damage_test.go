package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// audited has a group audit as often as it can.
func audited() registry.Settings {
	return registry.Settings{Audit: 100 * time.Millisecond}
}

// damageValue writes to what an embedded read returned, as no user may.
func damageValue(g *group, id, key string) {
	g.t.Helper()
	reply, err := g.client(id).conn.Get(g.t.Context(), key, 0, false)
	if err != nil || reply.Status != wire.StatusOK {
		g.t.Fatalf("get %s at %s: %+v, %v", key, id, reply, err)
	}
	reply.Data[0] ^= 1
}

// logging has a node log to lines beside the test's own log.
func logging(lines *logLines) func(*Config) {
	return func(c *Config) { c.Logger = slog.New(slog.NewJSONHandler(lines, nil)) }
}

// logged waits until a line with all of these was logged.
func logged(t *testing.T, lines *logLines, level slog.Level, parts ...string) {
	t.Helper()
	eventually(t, "it logs "+strings.Join(parts, ", "), func() bool {
		for _, line := range lines.lines() {
			var l struct{ Level string }
			if json.Unmarshal([]byte(line), &l) != nil || l.Level != level.String() {
				continue
			}
			found := true
			for _, part := range parts {
				found = found && strings.Contains(line, part)
			}
			if found {
				return true
			}
		}
		return false
	})
}

// A replica whose bytes were changed behind its back finds that at an audit. It leaves,
// loads the state of another member, and serves again what the group wrote.
func TestDamagedReplicaReloads(t *testing.T) {
	levels(t, func(t *testing.T, settings registry.Settings) {
		settings.Audit = audited().Audit
		g := newGroup(t, settings)
		var lines logLines
		g.start("n1", nil)
		g.start("n2", nil)
		g.start("n3", logging(&lines))
		c := g.client("n1")
		c.set("k", "right")
		c.get(g.client("n3").conn, "k")
		g.forget("n3")
		before := g.nodes["n3"].current.Load()
		damageValue(g, "n3", "k")
		g.returned("n3", before)
		if got := c.get(g.client("n3").conn, "k"); got != "right" {
			t.Errorf("after it came back it has %q", got)
		}
		if !errors.Is(before.reason, member.ErrDamaged) || !errors.Is(before.reason, store.ErrDigest) {
			t.Errorf("it ended with %v", before.reason)
		}
		logged(t, &lines, slog.LevelError, "the state is damaged: refusing clients, leaving the group", `variable \"k\"`)
		c.set("k", "goes on")
	})
}

// What is added to a damaged counter is found at once: of two members, of whom the senior
// one is damaged, the right sum stays, and nobody is told the wrong one.
func TestAddToDamagedCounter(t *testing.T) {
	g := newGroup(t, registry.Settings{Audit: time.Hour})
	var lines logLines
	g.start("n1", logging(&lines))
	g.start("n2", nil)
	c := g.client("n2")
	c.set("n", "50")
	c.get(g.client("n1").conn, "n")
	before := g.nodes["n1"].current.Load()
	g.forget("n1")
	damageValue(g, "n1", "n")
	own := g.client("n1")
	add := wire.Command{Op: wire.OpAdd, Key: "n", Delta: 1, Session: own.session, Seq: 1, Floor: 1}
	if reply, err := own.conn.Write(t.Context(), own.seen, add); err != nil || reply.Status != wire.StatusInterrupted {
		t.Errorf("the damaged node answers %+v, %v", reply, err)
	}
	g.returned("n1", before)
	for _, id := range []string{"n1", "n2"} {
		if got := c.get(g.client(id).conn, "n"); got != "51" {
			t.Errorf("%s has %q", id, got)
		}
	}
	logged(t, &lines, slog.LevelError, "the state is damaged: refusing clients, leaving the group", `variable \"n\"`)
}

// From the moment at which it knows of the damage, a replica serves nobody, and those
// that wait are told to go elsewhere, whatever becomes of its leaving.
func TestDamagedReplicaRefusesClients(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Minute})
	g.startAll(3)
	c := g.client("n1")
	c.set("k", "v")
	own, remote := g.client("n3"), g.dial("n3")
	embedded := own.conn
	if err := g.registry.Close(); err != nil { // so that it cannot leave
		t.Fatal(err)
	}
	r := g.nodes["n3"].current.Load()
	release := g.hold("n2")
	answers := make(chan wire.Reply, 1)
	go func() {
		write := wire.Command{Op: wire.OpSet, Session: own.session, Seq: own.seq + 1, Floor: own.seq + 1, Key: "other"}
		reply, err := embedded.Write(t.Context(), 0, write)
		if err != nil {
			t.Error(err)
		}
		answers <- reply
	}()
	eventually(t, "a command is under way", func() bool {
		underWay := 0
		r.do(func(m *member.Member) { underWay = m.Status().UnderWay })
		return underWay > 0
	})
	r.do(func(m *member.Member) { m.Damaged(errors.New("a test's damage")) })
	if reply := <-answers; reply.Status != wire.StatusInterrupted {
		t.Errorf("a command under way was answered %+v", reply)
	}
	release()
	for _, conn := range []wire.Conn{embedded, remote} {
		reply, err := conn.Get(t.Context(), "k", 0, false)
		if err == nil && reply.Status != wire.StatusUnavailable {
			t.Errorf("it serves a read: %+v", reply)
		}
	}
	if s := g.nodes["n3"].Status(); s.Serves || !strings.Contains(s.Damage, "a test's damage") {
		t.Errorf("its status: %+v", s)
	}
	c.set("k", "w") // it still takes part in the order
	if got := c.get(g.client("n2").conn, "k"); got != "w" {
		t.Errorf("n2 has %q", got)
	}
	g.kill("n3")
	g.kill("n1")
	g.kill("n2")
	g.startRegistry(RegistryConfig{Settings: fast()})
}

// A replica that the vote finds to differ, while it sees no damage itself, reloads too.
func TestDifferingReplicaReloads(t *testing.T) {
	g := newGroup(t, audited())
	g.startAll(3)
	c := g.client("n1")
	c.set("k", "right")
	c.get(g.client("n2").conn, "k")
	r := g.nodes["n2"].current.Load()
	g.forget("n2")
	r.do(func(*member.Member) { r.corrupt() })
	if position, digest, err := g.dial("n1").Audit(t.Context()); err != nil || position == 0 || digest == 0 {
		t.Fatal(position, digest, err)
	}
	g.returned("n2", r)
	if !errors.Is(r.reason, member.ErrDamaged) || !strings.Contains(r.reason.Error(), "differs from that of most members") {
		t.Errorf("it ended with %v", r.reason)
	}
	if got := c.get(g.client("n2").conn, "k"); got != "right" {
		t.Errorf("after it came back it has %q", got)
	}
}

// A donor that finds its state damaged says so to the joiner, which loads another
// member's, and leaves.
func TestDamagedDonor(t *testing.T) {
	g := newGroup(t, registry.Settings{Audit: time.Hour})
	g.startAll(2)
	c := g.client("n1")
	c.set("k", "right")
	c.get(g.client("n2").conn, "k")
	before := g.nodes["n2"].current.Load()
	g.forget("n2")
	damageValue(g, "n2", "k") // the junior member is asked first
	var lines logLines
	g.start("n3", logging(&lines))
	if got := c.get(g.client("n3").conn, "k"); got != "right" {
		t.Errorf("the joiner has %q", got)
	}
	logged(t, &lines, slog.LevelWarn, "a member cannot send its state", `"donor":"n2"`, `variable \"k\"`)
	g.returned("n2", before)
	if got := c.get(g.client("n2").conn, "k"); got != "right" {
		t.Errorf("the donor has %q after it came back", got)
	}
}

// The only member keeps the only copy: it goes on serving, says that it is damaged, gives
// it to nobody, and is whole once the damaged variable was written again.
func TestDamagedOnlyMember(t *testing.T) {
	g := newGroup(t, audited())
	var lines logLines
	n := g.start("n1", logging(&lines))
	before := n.current.Load()
	c := g.client("n1")
	c.set("k", "right")
	c.set("other", "whole")
	damageValue(g, "n1", "k")
	logged(t, &lines, slog.LevelError, "no other member has it: this node continues to serve its copy", `variable \"k\"`)
	if s := n.Status(); s.Damage == "" {
		t.Errorf("its status does not show the damage: %+v", s)
	}
	if got := c.get(g.client("n1").conn, "other"); got != "whole" {
		t.Errorf("it has %q", got)
	}
	joined := make(chan error)
	go func() {
		_, err := g.tryStart("n2", logging(&lines))
		joined <- err
	}()
	logged(t, &lines, slog.LevelInfo, "the transfer from a member ended", `"donor":"n1"`, "has a damaged state")
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	var late logLines
	go func() {
		cfg := Config{ID: "n3", Registry: g.registry.Addr()}
		logging(&late)(&cfg)
		_, err := Start(ctx, cfg)
		failed <- err
	}()
	logged(t, &late, slog.LevelInfo, "the transfer from a member ended", `"donor":"n1"`, "has a damaged state")
	cancel()
	err := <-failed
	for _, want := range []string{"loading the state of n1#1: ", "damaged", `variable "k"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Start of a joiner that ends while the state is damaged: %v, want %q in it", err, want)
		}
	}
	c.set("k", "again")
	if err := <-joined; err != nil {
		t.Fatal(err)
	}
	if got := c.get(g.client("n2").conn, "k"); got != "again" {
		t.Errorf("the joiner has %q", got)
	}
	if n.current.Load() != before || n.Status().Damage != "" {
		t.Errorf("the only member: %+v", n.Status())
	}
	logged(t, &lines, slog.LevelInfo, "the state is whole again")
}

// With the same damage on every member, as a program makes that writes to what it reads,
// one stays with the only copy.
func TestAllDamaged(t *testing.T) {
	g := newGroup(t, audited())
	g.startAll(3)
	c := g.client("n1")
	c.set("k", "right")
	c.set("other", "whole")
	for _, id := range []string{"n1", "n2", "n3"} {
		c.get(g.client(id).conn, "k")
	}
	generation := g.nodes["n1"].Status().Generation
	var lone *Node
	for _, id := range []string{"n1", "n2", "n3"} {
		g.forget(id)
	}
	for _, id := range []string{"n1", "n2", "n3"} {
		damageReplica(g.nodes[id].current.Load(), "k")
	}
	eventually(t, "one member is left and serves", func() bool {
		for _, n := range g.nodes {
			if s := n.Status(); s.Damage != "" && s.Serves && len(s.Members) == 1 {
				lone = n
				return true
			}
		}
		return false
	})
	c = g.client(lone.ID())
	c.set("k", "again")
	for id, n := range g.nodes {
		eventually(t, id+" is a member again", func() bool { return len(n.Status().Members) == 3 && n.Status().Serves })
		if got := c.get(g.client(id).conn, "k"); got != "again" {
			t.Errorf("%s has %q", id, got)
		}
		if got := c.get(g.client(id).conn, "other"); got != "whole" {
			t.Errorf("%s has %q", id, got)
		}
		if s := n.Status(); s.Generation != generation {
			t.Errorf("%s is in generation %d, was in %d", id, s.Generation, generation)
		}
	}
}

// damageReplica changes a value of a replica whose node may refuse to be read.
func damageReplica(r *replica, key string) {
	data, _, _ := r.reader.State().Get(key)
	data[0] ^= 1
}

// A member that keeps the group at its minimum size refuses clients until another comes.
func TestDamagedAtMinimumSize(t *testing.T) {
	g := newGroup(t, registry.Settings{MinMembers: 2, Audit: 100 * time.Millisecond})
	var lines logLines
	g.start("n1", nil)
	g.start("n2", logging(&lines))
	c := g.client("n1")
	c.set("k", "right")
	c.get(g.client("n2").conn, "k")
	before := g.nodes["n2"].current.Load()
	g.forget("n2")
	damageValue(g, "n2", "k")
	logged(t, &lines, slog.LevelError, "minimum size keeps this node in it")
	if before.serves() {
		t.Error("it serves")
	}
	c.set("k", "goes on")
	g.start("n3", nil)
	g.returned("n2", before)
	if got := c.get(g.client("n2").conn, "k"); got != "goes on" {
		t.Errorf("after it came back it has %q", got)
	}
}
