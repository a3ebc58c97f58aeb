package attack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// play is what a connection that is kept does until it ends.
type play struct {
	// begin is called once for each connection.
	begin func(net.Conn) error
	// on goes on until the connection ends.
	on func(a *Attack, conn net.Conn)
}

// keep opens the connections of an attack that keeps some.
func (a *Attack) keep() {
	plays, conns := map[Kind][]play{
		Stopped: {{begin: stopMidway, on: (*Attack).listen}},
		Unread:  {{begin: greet, on: (*Attack).ask}, {begin: subscribe, on: (*Attack).murmur}},
		Idle:    {{begin: greet, on: (*Attack).listen}},
		Silent:  {{begin: func(net.Conn) error { return nil }, on: (*Attack).listen}},

		Unfinished:  {{begin: beginWrite, on: (*Attack).drip}},
		Subscribers: {{begin: subscribe, on: (*Attack).murmur}},
	}[a.cfg.Kind], a.cfg.Conns
	if f := floods[a.cfg.Kind]; f != nil {
		plays = []play{{begin: greet, on: f.run}}
	}
	if a.cfg.Kind == Stopped || a.cfg.Kind == Unread {
		conns = min(conns, busyConns)
	}
	a.inPlace.Add(conns)
	for i := range conns {
		a.running.Go(func() { a.keepOne(plays[i%len(plays)]) })
	}
}

// reopenPause is how long a client waits whose connection was ended, or refused.
const reopenPause = 100 * time.Millisecond

// keepOne keeps a connection open: one that ends is opened again.
func (a *Attack) keepOne(p play) {
	placed := a.inPlace.Done
	for first := true; first || a.pause(reopenPause); first = false {
		conn, err := a.openOne(p)
		if err != nil {
			a.refused.Add(1)
			continue
		}
		a.opened.Add(1)
		a.open.Add(1)
		if placed != nil {
			placed()
			placed = nil
		}
		stop := context.AfterFunc(a.ctx, func() { _ = conn.Close() })
		p.on(a, conn)
		a.open.Add(-1)
		if stop() {
			if a.ctx.Err() == nil {
				a.ended.Add(1)
			}
			_ = conn.Close() // it has ended
		}
	}
	if placed != nil {
		placed()
	}
}

// openOne connects to the first node and begins, when it is this one's turn.
func (a *Attack) openOne(p play) (net.Conn, error) {
	select {
	case a.opening <- struct{}{}:
	case <-a.ctx.Done():
		return nil, a.ctx.Err()
	}
	defer func() { <-a.opening }()
	conn, err := a.dial(a.cfg.Nodes[0])
	if err != nil {
		return nil, err
	}
	err = conn.SetDeadline(time.Now().Add(dialTimeout))
	if err == nil {
		err = p.begin(conn)
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

var clientHello = wire.Hello{Role: wire.RoleClient, MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion}

// greet makes a client of a connection.
func greet(conn net.Conn) error {
	_, err := greetInfo(conn)
	return err
}

// greetInfo is greet, and returns what the node tells about itself.
func greetInfo(conn net.Conn) (wire.Info, error) {
	if err := wire.WriteHello(conn, clientHello); err != nil {
		return wire.Info{}, err
	}
	reply, err := wire.ReadHelloReply(conn)
	if err == nil && reply.Status != wire.StatusOK {
		err = fmt.Errorf("attack: refused: %s", reply.Message)
	}
	return reply.Info, err
}

// largeBytes is what half of a stopped client's write has.
const largeBytes = 512 << 10

// stopMidway sends half of a write.
func stopMidway(conn net.Conn) error {
	if err := greet(conn); err != nil {
		return err
	}
	frame := wire.AppendRequest(nil, &wire.Request{
		ID: 1, Kind: wire.RequestWrite, Command: wire.Command{Op: wire.OpSet, Key: Large, Value: make([]byte, largeBytes)},
	})
	_, err := conn.Write(frame[:len(frame)/2])
	return err
}

// unfinishedBytes is what an unfinished write lacks at first.
const unfinishedBytes = 4 << 10

// unfinishedWrite is a write that is as large as a node allows by default.
var unfinishedWrite = sync.OnceValue(func() []byte {
	return wire.AppendRequest(nil, &wire.Request{
		ID: 1, Kind: wire.RequestWrite, Command: wire.Command{Op: wire.OpSet, Key: Large, Value: make([]byte, 1<<20)},
	})
})

// beginWrite sends most of a write.
func beginWrite(conn net.Conn) error {
	if err := greet(conn); err != nil {
		return err
	}
	frame := unfinishedWrite()
	_, err := conn.Write(frame[:len(frame)-unfinishedBytes])
	return err
}

// drip sends a byte of the rest now and then. It begins again before the write is complete.
func (a *Attack) drip(conn net.Conn) {
	frame := unfinishedWrite()
	rest := frame[len(frame)-unfinishedBytes : len(frame)-1]
	for i := 0; i < len(rest) && a.pause(dripPause); i++ {
		if _, err := conn.Write(rest[i : i+1]); err != nil {
			return
		}
	}
}

// dripPause is the time between two bytes.
const dripPause = time.Second

// subscribe asks for the deliveries.
func subscribe(conn net.Conn) error {
	if err := greet(conn); err != nil {
		return err
	}
	_, err := conn.Write(wire.AppendRequest(nil, &wire.Request{ID: 1, Kind: wire.RequestSubscribe}))
	return err
}

// listen waits for the connection's end.
func (a *Attack) listen(conn net.Conn) {
	var b [64]byte
	for {
		if _, err := conn.Read(b[:]); err != nil {
			return
		}
	}
}

// askedAtOnce is how many large values are asked for with one write.
const askedAtOnce = 64

// ask asks for large values as fast as they let it, and reads none.
func (a *Attack) ask(conn net.Conn) {
	var b []byte
	for i := range askedAtOnce {
		b = wire.AppendRequest(b, &wire.Request{ID: uint64(i), Kind: wire.RequestGet, Key: Large})
	}
	for {
		if _, err := conn.Write(b); err != nil {
			return
		}
	}
}

// murmur asks for little now and then, which tells when the connection ends.
func (a *Attack) murmur(conn net.Conn) {
	ping := wire.AppendRequest(nil, &wire.Request{ID: 2, Kind: wire.RequestPing})
	for a.pause(time.Second) {
		if _, err := conn.Write(ping); err != nil {
			return
		}
	}
}
