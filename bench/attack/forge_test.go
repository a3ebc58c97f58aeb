package attack

import (
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/internal/wire/codec"
	"github.com/seed-8247e700/dsm/isis"
)

// impostors is a victim that takes the first peer for a member, and refuses all others.
type impostors struct {
	t  *testing.T
	mu sync.Mutex // guards what follows
	by map[isis.MemberID]int
}

var victimInfo = wire.Info{Group: 7, Generation: 2, NodeID: "n2", Incarnation: 3}

func (g *impostors) serve(conn net.Conn) {
	defer conn.Close()
	hello, err := wire.ReadHello(conn)
	if err != nil {
		return
	}
	reply := wire.HelloReply{Version: wire.MaxVersion, Info: victimInfo}
	if hello.Role == wire.RolePeer {
		if !g.first(&hello) {
			reply.Status = wire.StatusUnavailable
		}
		_ = wire.WriteHelloReply(conn, reply) // or the attack has ended
		return
	}
	if wire.WriteHelloReply(conn, reply) != nil {
		return
	}
	if _, _, err := wire.NewFrameReader(conn, 1<<20).Next(); err == nil {
		status := `{"members":[{"id":"n1","incarnation":"1"},{"id":"n2","incarnation":"3"},{"id":"n3","incarnation":"4"}]}`
		_, _ = conn.Write(wire.AppendReply(nil, &wire.Reply{ID: 1, Data: []byte(status)})) // likewise
	}
}

// first notes who greets, and reports whether it is the first to do so.
func (g *impostors) first(hello *wire.Hello) bool {
	r := codec.NewReader(hello.Extra)
	from, to := link.ReadMember(&r), link.ReadMember(&r)
	if want := (isis.MemberID{ID: "n2", Incarnation: 3}); r.Bad() || to != want || hello.Group != 7 || hello.Generation != 2 {
		g.t.Errorf("%+v greets %s", hello, to)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.by[from]++
	return len(g.by) == 1 && g.by[from] == 1
}

// TestForged greets in the name of each other member, with an incarnation that is and with one
// that is yet to come.
func TestForged(t *testing.T) {
	g := &impostors{t: t, by: map[isis.MemberID]int{}}
	v := newVictim(t, g.serve)
	cfg := v.config(Forged)
	cfg.Conns = 2
	a, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for range v.conns { // nobody wants them
		}
	}()
	reaches(t, a, "greeted", func(f Figures) bool { return f.Replies >= 12 })
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if f := a.Figures(); f.Granted != 1 || f.Requests < f.Replies || f.Opened < f.Requests {
		t.Errorf("%+v", f)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, id := range []string{"n1/1", "n3/4", fmt.Sprintf("n1/%d", highIncarnation), fmt.Sprintf("n3/%d", highIncarnation)} {
		found := false
		for m := range g.by {
			found = found || fmt.Sprintf("%s/%d", m.ID, m.Incarnation) == id
		}
		if !found || len(g.by) != 4 {
			t.Errorf("nobody greets as %s: %v", id, g.by)
		}
	}
}
