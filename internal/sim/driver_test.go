package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// fate is how an attempt at an operation ends.
type fate struct {
	name  string
	reply wire.Reply
	err   error // in place of a reply
	gone  bool  // the caller's time is up meanwhile
}

// The session has seen position 7 when the operation begins.
var (
	answers = fate{name: "answer", reply: wire.Reply{Position: 9}}
	gone    = fate{name: "gone", gone: true}
	fates   = []fate{
		answers,
		{name: "early answer", reply: wire.Reply{Position: 3}},
		{name: "not found", reply: wire.Reply{Status: wire.StatusNotFound, Position: 8}},
		{name: "too large", reply: wire.Reply{Status: wire.StatusTooLarge}},
		{name: "malformed", reply: wire.Reply{Status: wire.StatusBadRequest}},
		{name: "refused", reply: wire.Reply{Status: wire.StatusUnavailable}},
		{name: "timed out", reply: wire.Reply{Status: wire.StatusTimeout}},
		{name: "interrupted", reply: wire.Reply{Status: wire.StatusInterrupted}},
		{name: "crowded", reply: wire.Reply{Status: wire.StatusTooManyResults}},
		{name: "out of order", reply: wire.Reply{Status: wire.StatusOutOfOrder}},
		{name: "unheard of", reply: wire.Reply{Status: 250}},
		{name: "expired", reply: wire.Reply{Status: wire.StatusSessionExpired, Position: 20}},
		{name: "superseded", reply: wire.Reply{Status: wire.StatusStaleSequence, Position: 20}},
		{name: "broken", err: errors.New("the connection broke")},
		{name: "not sent", err: wire.ErrNotSent},
	}
)

// course is what becomes of an operation.
type course struct {
	Asked   []uint64 // the position of each attempt
	Ended   string
	Unknown bool   // what became of the write
	Seen    uint64 // by the session afterwards
}

// A client of the simulation takes an operation through the same course as the driver,
// whatever its attempts end in.
func TestOperationsFollowTheDriver(t *testing.T) {
	for _, kind := range []session.Kind{session.Get, session.Write} {
		for _, one := range fates {
			for _, two := range fates {
				if kind == session.Get && (one.name == "expired" || two.name == "expired") {
					continue // no node says so to a read
				}
				for _, last := range []fate{answers, gone} {
					script := []fate{one, two, last}
					model, shipped := modelled(kind, script), shipped(t, kind, script)
					if !reflect.DeepEqual(model, shipped) {
						t.Errorf("kind %d: %s, %s, %s:\nin the simulation %+v,\nin the driver     %+v", kind, one.name, two.name, last.name, model, shipped)
					}
				}
			}
		}
	}
}

// modelled is the course of a client of the simulation.
func modelled(kind session.Kind, script []fate) (c course) {
	w := newWorld(1, Options{Nodes: 1, Clients: 1})
	w.traits.agreed = true // nothing is held against an order that there is not
	w.begin()
	client := newClient(w, 0, w.registrySite())
	client.state.session.Opened(7)
	client.state.seen, client.state.bound, client.info = 7, 1, 1
	op := &operation{c: client, state: client.state, key: "k", command: wire.Command{Op: wire.OpSet, Key: "k"}}
	op.Kind = kind
	client.active = append(client.active, op)
	for _, f := range script {
		client.conn = w.network.Connect(client.site, nil, 0, nil)
		if op.Attempts() == 0 {
			op.start()
		} else {
			op.attempt()
		}
		c.Asked = append(c.Asked, op.Asked())
		switch {
		case f.gone:
			op.giveUp()
		case f.err != nil:
			op.noReply(errors.Is(f.err, wire.ErrNotSent))
		default:
			op.replied(f.reply)
		}
		if op.over {
			break
		}
	}
	c.Unknown, c.Seen = op.lost, client.state.seen
	switch {
	case op.answered():
		c.Ended = "answered"
	case op.reply.Status == wire.StatusStaleSequence:
		c.Ended = "superseded"
	case op.reply.Status != wire.StatusOK:
		c.Ended = "declined"
	case client.state.session.Blank():
		c.Ended = "expired"
	default:
		c.Ended = "given up"
	}
	return c
}

// shipped is the course of the driver.
func shipped(t *testing.T, kind session.Kind, script []fate) (c course) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		node := &scriptedNode{script: script, cancel: cancel}
		db := driver.OpenDB(node)
		if id, err := db.SessionID(ctx); err != nil || id != 7 {
			t.Fatal(id, err)
		}
		node.begun = true
		var err error
		if kind == session.Get {
			_, err = db.Get(ctx, "k")
		} else {
			_, err = db.Set(ctx, "k", nil)
		}
		c.Asked = node.asked
		c.Unknown = errors.Is(err, driver.ErrOutcomeUnknown)
		switch {
		case err == nil, errors.Is(err, driver.ErrNotFound):
			c.Ended = "answered"
		case errors.Is(err, driver.ErrTooLarge), errors.Is(err, driver.ErrProtocol):
			c.Ended = "declined"
		case errors.Is(err, driver.ErrSessionExpired):
			c.Ended = "expired"
		case ctx.Err() != nil:
			c.Ended = "given up"
		case c.Unknown:
			c.Ended = "superseded"
		default:
			c.Ended = fmt.Sprint(err)
		}
		node.script = nil
		if _, err := db.Get(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		c.Seen = node.asked[len(node.asked)-1]
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// scriptedNode is a node that answers as a script has it, and well from its end on. Its
// connections fail with it.
type scriptedNode struct {
	script []fate
	cancel context.CancelFunc
	begun  bool
	asked  []uint64
}

func (n *scriptedNode) Connect(context.Context) (io.Closer, error) { return n, nil }

func (n *scriptedNode) Close() error { return nil }

func (n *scriptedNode) Info() wire.Info { return wire.Info{Group: 1, Generation: 1, MaxInFlight: 8} }

func (n *scriptedNode) Ping(context.Context) error { return nil }

func (n *scriptedNode) Submit(context.Context, []wire.Submission, wire.Sink) (int, error) {
	return 0, errors.New("nothing is submitted")
}

func (n *scriptedNode) Get(ctx context.Context, _ string, position uint64, _ bool) (wire.Reply, error) {
	return n.next(ctx, position)
}

func (n *scriptedNode) Write(ctx context.Context, position uint64, cmd wire.Command) (wire.Reply, error) {
	if !n.begun || cmd.Op == wire.OpCloseSession {
		return wire.Reply{Position: 7}, nil
	}
	return n.next(ctx, position)
}

func (n *scriptedNode) next(ctx context.Context, position uint64) (wire.Reply, error) {
	n.asked = append(n.asked, position)
	if len(n.script) == 0 {
		return wire.Reply{Position: max(position, 9)}, nil
	}
	f := n.script[0]
	n.script = n.script[1:]
	if f.gone {
		n.cancel()
		return wire.Reply{}, ctx.Err()
	}
	return f.reply, f.err
}
