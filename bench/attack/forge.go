package attack

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/seed-8247e700/dsm/internal/forged"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// strangerPause is how long a stranger waits after a greeting of each member, or a request to
// the registry.
const strangerPause = 10 * time.Millisecond

// StrangerRate is how much a stranger that keeps to that sends in a second at least.
const StrangerRate = 50

// pester has each client do something again and again, which counts its requests. The attack
// is in place when each has had an answer.
func (a *Attack) pester(begin func(*Attack) func() error) {
	a.inPlace.Add(a.cfg.Conns)
	for range a.cfg.Conns {
		a.running.Go(func() {
			placed := a.inPlace.Done
			for act := begin(a); a.pause(strangerPause); {
				if err := act(); err != nil {
					a.refused.Add(1)
				} else if placed != nil {
					placed()
					placed = nil
				}
			}
			if placed != nil {
				placed()
			}
		})
	}
}

// member is what everybody can learn of a member.
type member struct {
	ID          string `json:"id"`
	Incarnation uint64 `json:"incarnation,string"`
}

// highIncarnation is above those of all members.
const highIncarnation = 1 << 40

// forge returns what greets the nodes in turns, in the name of each other member, and of an
// incarnation of it that is yet to come.
func forge(a *Attack) func() error {
	turn := 0
	return func() error {
		addr := a.cfg.Nodes[turn%len(a.cfg.Nodes)]
		turn++
		info, members, err := a.learn(addr)
		if err != nil {
			return err
		}
		for _, m := range members {
			if m.ID == info.NodeID {
				continue
			}
			for _, incarnation := range []uint64{m.Incarnation, highIncarnation} {
				if err := a.greetAs(addr, &info, isis.MemberID{ID: m.ID, Incarnation: incarnation}); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// learn asks a node for what every client can ask for.
func (a *Attack) learn(addr string) (info wire.Info, members []member, err error) {
	conn, err := a.meet(addr)
	if err != nil {
		return info, nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if info, err = greetInfo(conn); err != nil {
		return info, nil, err
	}
	if _, err := conn.Write(wire.AppendRequest(nil, &wire.Request{ID: 1, Kind: wire.RequestStatus})); err != nil {
		return info, nil, err
	}
	_, body, err := wire.NewFrameReader(conn, maxReplyBytes).Next()
	if err != nil {
		return info, nil, err
	}
	reply, err := wire.DecodeReply(body)
	if err != nil {
		return info, nil, err
	}
	var status struct {
		Members []member `json:"members"`
	}
	if err := json.Unmarshal(reply.Data, &status); err != nil {
		return info, nil, fmt.Errorf("attack: a status of %d bytes: %w", len(reply.Data), err)
	}
	return info, status.Members, nil
}

// meet connects, for as long as a handshake and an answer may take.
func (a *Attack) meet(addr string) (net.Conn, error) {
	conn, err := a.dial(addr)
	if err != nil {
		return nil, err
	}
	a.opened.Add(1)
	if err := conn.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// greetAs greets a node as a member would. An answer with StatusOK would be a success.
func (a *Attack) greetAs(addr string, to *wire.Info, from isis.MemberID) (err error) {
	conn, err := a.meet(addr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	a.requests.Add(1)
	if err := wire.WriteHello(conn, forged.Hello(to, from)); err != nil {
		return err
	}
	reply, err := wire.ReadHelloReply(conn)
	if err != nil {
		return err
	}
	a.replies.Add(1)
	if reply.Status == wire.StatusOK {
		a.granted.Add(1)
	}
	return nil
}
