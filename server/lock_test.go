package server

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/seed-8247e700/dsm/driver"
	driverside "github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// dialWith is dial for a client that has a secret.
func (g *group) dialWith(id string, secret wire.Secret) *driverside.Conn {
	g.t.Helper()
	conn, err := driverside.Dial(g.t.Context(), g.nodes[id].Addr(), driverside.Options{Secret: secret})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = conn.Close() }) // nobody waits for its error
	return conn
}

// ask has a command ordered, or refused for good.
func ask(t *testing.T, conn wire.Conn, cmd wire.Command) wire.Reply {
	t.Helper()
	reply, err := conn.Write(t.Context(), 0, cmd)
	for err == nil && again(reply.Status) {
		reply, err = conn.Write(t.Context(), 0, cmd)
	}
	if err != nil {
		t.Fatalf("%+v: %v", cmd, err)
	}
	return reply
}

// listed returns the ids of all sessions, which everybody may ask for.
func listed(t *testing.T, conn *driverside.Conn) (ids []uint64) {
	t.Helper()
	page, _, err := conn.Sessions(t.Context(), wire.SessionsQuery{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range page.Sessions {
		ids = append(ids, s.ID)
	}
	return ids
}

// steals has a connection try all that it could do in a session, and returns the statuses.
func steals(t *testing.T, conn wire.Conn, id uint64) (statuses []wire.Status) {
	t.Helper()
	for _, cmd := range []wire.Command{
		{Op: wire.OpDelete, Session: id, Seq: 1 << 50, Floor: 1 << 50, Key: "none"},
		{Op: wire.OpTxn, Session: id, Seq: 1 << 50, Floor: 1 << 50, Value: (&wire.Txn{}).Append(nil)},
		{Op: wire.OpRenewSession, Session: id},
		{Op: wire.OpCloseSession, Session: id},
	} {
		statuses = append(statuses, ask(t, conn, cmd).Status)
	}
	return statuses
}

var allRefused = slices.Repeat([]wire.Status{wire.StatusNotOwner}, 4)

// Nobody raises another session's floor, writes in its name or closes it, at any node, who knows
// its id alone. Its owner goes on, also at another node.
func TestSessionsOfOthers(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	secret := wire.Secret{1, 2, 3}
	owner := &caller{t: t, conn: g.dialWith("n1", secret)}
	owner.session = owner.write(wire.Command{Op: wire.OpOpenSession}).Position
	owner.set("k", "v")
	for _, id := range []string{"n1", "n2"} {
		for _, thief := range []*driverside.Conn{g.dial(id), g.dialWith(id, wire.Secret{9})} {
			if ids := listed(t, thief); !slices.Contains(ids, owner.session) {
				t.Fatalf("session %d is not among %d", owner.session, ids)
			}
			if got := steals(t, thief, owner.session); !slices.Equal(got, allRefused) {
				t.Errorf("at %s: %v", id, got)
			}
			// What it asks for in its own session is done.
			other := &caller{t: t, conn: thief}
			other.session = other.write(wire.Command{Op: wire.OpOpenSession}).Position
			other.set("other", "v")
		}
	}
	owner.set("k", "w")
	owner.conn = g.dialWith("n2", secret)
	owner.set("k", "x")
	if owner.seq != 3 || owner.get(g.connect("n1"), "k") != "x" {
		t.Error("its owner's writes are not those of its session")
	}
}

// A handle's sessions are its own, however it connects, and stay so over a fail-over.
func TestHandlesOwnTheirSessions(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(3)
	networked, err := driver.Open("dsm://" + g.nodes["n1"].Addr() + "," + g.nodes["n2"].Addr())
	if err != nil {
		t.Fatal(err)
	}
	embedded := driver.OpenDB(g.nodes["n3"])
	var ids []uint64
	for _, db := range []*driver.DB{networked, embedded} {
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		s, err := db.Session(t.Context(), driver.SessionTTL(driver.MaxSessionTTL))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []interface {
			SessionID(context.Context) (uint64, error)
		}{db, s} {
			id, err := s.SessionID(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		if got := steals(t, g.dial("n3"), id); !slices.Equal(got, allRefused) {
			t.Errorf("session %d: %v", id, got)
		}
	}
	before, err := networked.SessionID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g.close("n1")
	for range 20 {
		if _, err := networked.Set(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
	}
	if after, err := networked.SessionID(t.Context()); err != nil || after != before {
		t.Errorf("session %d became %d, %v", before, after, err)
	}
	if _, err := embedded.Set(t.Context(), "k", nil); err != nil {
		t.Error(err)
	}
}

// As long as a member does not know of locks, sessions have none. Once all do, new ones have, and
// the others stay as they are.
func TestLocksOfMixedReleases(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	old := func(c *Config) { c.level = wire.LevelLocks - 1 }
	g.start("n2", old)
	g.start("n1", nil)
	secret := wire.Secret{1}
	open := func() uint64 {
		reply := ask(t, g.dialWith("n1", secret), wire.Command{Op: wire.OpOpenSession})
		if reply.Status != wire.StatusOK {
			t.Fatalf("%+v", reply)
		}
		return reply.Position
	}
	first := open()
	renew := wire.Command{Op: wire.OpRenewSession, Session: first}
	for _, id := range []string{"n1", "n2"} {
		if reply := ask(t, g.dial(id), renew); reply.Status != wire.StatusOK {
			t.Errorf("below the level, at %s: %+v", id, reply)
		}
	}
	g.close("n2")
	g.start("n2", nil)
	eventually(t, "a view of the new level", func() bool { return g.nodes["n1"].current.Load().reader.FeatureLevel() >= wire.LevelLocks })
	if got := steals(t, g.dial("n2"), open()); !slices.Equal(got, allRefused) {
		t.Errorf("at the level: %v", got)
	}
	if reply := ask(t, g.dial("n2"), renew); reply.Status != wire.StatusOK {
		t.Errorf("a session of before: %+v", reply)
	}
	g.sameDigests()
}

// A client cannot choose a lock: a node takes that of the secret that it was shown.
func TestLockIsTheNodes(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(1)
	lock := wire.Secret{1}.Lock()
	if reply := ask(t, g.dial("n1"), wire.Command{Op: wire.OpOpenLocked, Value: lock[:]}); reply.Status != wire.StatusBadRequest {
		t.Errorf("%+v", reply)
	}
	for ttl, want := range map[int64]wire.Status{0: wire.StatusBadRequest, 99: wire.StatusBadRequest, 100: wire.StatusOK} {
		if reply := ask(t, g.dialWith("n1", wire.Secret{1}), wire.Command{Op: wire.OpOpenTimed, Delta: ttl}); reply.Status != want {
			t.Errorf("a TTL of %d ms: %+v", ttl, reply)
		}
	}
}

// No subscriber of deliveries sees a secret.
func TestSecretIsNotOrdered(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(1)
	sub, err := driverside.Subscribe(t.Context(), g.nodes["n1"].Addr(), driverside.Options{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Close() }() // nobody waits for its error
	secret := wire.Secret([]byte("this is a secret"))
	lock := secret.Lock()
	if reply := ask(t, g.dialWith("n1", secret), wire.Command{Op: wire.OpOpenSession}); reply.Status != wire.StatusOK {
		t.Fatalf("%+v", reply)
	}
	for {
		d, err := sub.Next()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(d.Payload, secret[:]) {
			t.Error("the secret is in the order")
		}
		if bytes.Contains(d.Payload, lock[:]) {
			break
		}
	}
}

// A client that was refused a command in a session of another has few writes under way from then
// on, so that trying again and again costs others nothing.
func TestThievesAreSlowedDown(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	id := ask(t, g.dialWith("n1", wire.Secret{1}), wire.Command{Op: wire.OpOpenSession}).Position
	conn, frames := g.raw("n1")
	clients := &g.nodes["n1"].current.Load().front.clients
	var c *clientConn
	eventually(t, "it is a client", func() bool {
		for _, one := range clients.all(false) {
			if one.account.Lock == (wire.Lock{}) {
				c = one
			}
		}
		return c != nil
	})
	write := func(requests uint64) {
		var b []byte
		for n := range requests {
			b = wire.AppendRequest(b, &wire.Request{ID: n, Kind: wire.RequestWrite, Command: wire.Command{Op: wire.OpRenewSession, Session: id}})
		}
		go func() { _, _ = conn.Write(b) }() // what is answered has come
	}
	refused := func() {
		t.Helper()
		_, body, err := frames.Next()
		if err != nil {
			t.Fatal(err)
		}
		if reply, err := wire.DecodeReply(body); err != nil || reply.Status != wire.StatusNotOwner {
			t.Fatalf("%+v, %v", reply, err)
		}
	}
	write(1)
	refused()
	release := g.hold("n1")
	write(2 * maxCalls)
	eventually(t, "no other has room", func() bool { return c.calls.Load() >= maxCalls })
	if n := c.inFlight.Load(); n != maxCalls/dearCall {
		t.Errorf("%d writes are taken, want %d", n, maxCalls/dearCall)
	}
	release()
	for range 3 * maxCalls / dearCall {
		refused()
	}
	if c.underWay.Load() < 0 || c.calls.Load() < 0 {
		t.Errorf("writes of %d bytes and %d calls are under way", c.underWay.Load(), c.calls.Load())
	}
}
