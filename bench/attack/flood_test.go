package attack

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// node is a victim that keeps what it is asked, and answers only the first requests.
type node struct {
	position uint64        // which it tells
	answers  []wire.Status // to the first requests

	mu    sync.Mutex // guards asked
	asked []wire.Request
}

// oldest is the session of another that a node lists.
const oldest = 77

// serve is what the victim does on a connection.
func (n *node) serve(conn net.Conn) {
	defer conn.Close()
	if _, err := wire.ReadHello(conn); err != nil || wire.WriteHelloReply(conn, wire.HelloReply{Version: wire.MaxVersion}) != nil {
		return
	}
	frames := wire.NewFrameReader(conn, 2<<20)
	for {
		_, body, err := frames.Next()
		if err != nil {
			return
		}
		r, err := wire.DecodeRequest(body)
		if err != nil {
			return
		}
		reply := wire.Reply{ID: r.ID, Position: n.position}
		switch r.Kind {
		case wire.RequestPing:
		case wire.RequestSessions:
			reply.Data = (&wire.SessionsPage{More: true, Sessions: []wire.ListedSession{{ID: oldest}}}).Append(nil)
		default:
			var answered bool
			if reply.Status, answered = n.take(r); !answered {
				continue
			}
		}
		if _, err := conn.Write(wire.AppendReply(nil, &reply)); err != nil {
			return
		}
	}
}

// take notes a request, and returns its answer if it has one.
func (n *node) take(r wire.Request) (status wire.Status, answered bool) {
	r.Key, r.RawCommand = strings.Clone(r.Key), nil
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, r)
	if i := len(n.asked) - 1; i < len(n.answers) {
		return n.answers[i], true
	}
	return 0, false
}

// TestFloods holds what each flood asks for, that as many requests are under way as there
// should be, and that others follow those that are answered.
func TestFloods(t *testing.T) {
	const position = 1000
	for kind, tc := range map[Kind]struct {
		least int64 // requests
		holds func(r *wire.Request) bool
	}{
		Status:   {8002, func(r *wire.Request) bool { return r.Kind == wire.RequestStatus }},
		Digest:   {8002, func(r *wire.Request) bool { return r.Kind == wire.RequestDigest && r.Position == 0 }},
		Sessions: {8002, func(r *wire.Request) bool { return r.Kind == wire.RequestWrite && r.Command.Op == wire.OpOpenSession }},
		Thieves: {8002, func(r *wire.Request) bool {
			c := &r.Command
			return r.Kind == wire.RequestWrite && c.Session == oldest &&
				(c.Op == wire.OpRenewSession || c.Op == wire.OpCloseSession || c.Op == wire.OpDelete && c.Floor == 1<<50)
		}},
		LongKeys: {20, func(r *wire.Request) bool { return len(r.Key) == 1<<20 && r.Position > position+1<<30 && r.Timeout > 0 }},
		Parked: {16_000, func(r *wire.Request) bool {
			return r.Position > position+1<<30 && r.Position < position+1<<32 && r.Timeout > 0
		}},
		Ahead: {16_000, func(r *wire.Request) bool {
			return r.Position > position && r.Position < position+17_000 && r.Timeout > 0
		}},
	} {
		t.Run(string(kind), func(t *testing.T) {
			n := &node{position: position, answers: []wire.Status{wire.StatusOK, wire.StatusBadRequest}}
			v := newVictim(t, n.serve)
			cfg := v.config(kind)
			cfg.Conns = 1
			a, err := Start(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			reaches(t, a, "asked", func(f Figures) bool { return f.Requests >= tc.least && f.Replies == 2 })
			if f := a.Figures(); f.Requests > int64(floods[kind].window)+2 || int64(Requests(kind)) > tc.least || f.Open != 1 || f.Granted != map[Kind]int64{LongKeys: 1, Thieves: 2}[kind] {
				t.Errorf("%+v", f)
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			if i := slices.IndexFunc(n.asked, func(r wire.Request) bool { return !tc.holds(&r) }); i >= 0 || len(n.asked) < 3 {
				t.Errorf("request %d of %d is not as it should be", i, len(n.asked))
			}
		})
	}
	if Requests(Idle) != 0 || Idle.Heavy() || !Status.Heavy() || !Unfinished.Heavy() || !Subscribers.Heavy() {
		t.Error("what idle clients do is heavy, or what others do is not")
	}
}

// TestUnfinished sends most of a frame, then a byte a second, and never the last one.
func TestUnfinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &Attack{ctx: t.Context()}
		client, server := net.Pipe()
		defer server.Close()
		frame := unfinishedWrite()
		go func() {
			defer client.Close()
			if err := beginWrite(client); err != nil {
				t.Error(err)
			}
			a.drip(client)
		}()
		if _, err := wire.ReadHello(server); err != nil {
			t.Fatal(err)
		}
		if err := wire.WriteHelloReply(server, wire.HelloReply{Version: wire.MaxVersion}); err != nil {
			t.Fatal(err)
		}
		got, reads, b := 0, 0, make([]byte, 1<<21)
		for {
			n, err := server.Read(b)
			if got += n; err != nil {
				break
			}
			reads++
		}
		if got != len(frame)-1 || reads != unfinishedBytes || got < 1<<20 {
			t.Errorf("%d bytes of %d came with %d reads, want all but one, with %d", got, len(frame), reads, unfinishedBytes)
		}
	})
}
