package server

import (
	"net"
	"time"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// clientName is what is known of a client: what it calls itself, and where it is.
// Sessions are bounded by both, so that one that leaks them does not take those of
// others, and one that changes its name not those of other addresses.
type clientName struct{ name, address string }

// nameOf is the client at the other end of a connection.
func nameOf(called string, remote net.Addr) clientName {
	address := remote.String()
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	return clientName{called, wire.CleanClient(address)}
}

// embeddedName is a client in the process of a node.
func embeddedName(called, node string) clientName {
	return clientName{wire.CleanClient(called), wire.CleanClient("embedded in " + node)}
}

// openSession is the command by which a client opens a session, as it asks for one. As long
// as the view has a member that does not know of clients, it names none, and as long as it has
// one that does not know of locks, the session has none.
func (f *front) openSession(c clientName, lock wire.Lock, asked *wire.Command) *wire.Command {
	cmd := &wire.Command{Op: asked.Op, Delta: asked.Delta}
	level := f.reader.FeatureLevel()
	if level >= wire.LevelClients {
		cmd.Key, cmd.Value = c.name, []byte(c.address)
	}
	if level >= wire.LevelLocks && lock != (wire.Lock{}) {
		cmd.Lock(lock)
	}
	return cmd
}

// mostShown is how many clients the status names.
const mostShown = 5

// sessions tells who has the group's sessions.
func (f *front) sessions() SessionsStatus {
	limits := f.limits.WithDefaults()
	alive, clients, most := f.reader.State().Sessions(mostShown)
	s := SessionsStatus{
		Alive: alive, Limit: limits.MaxSessions, ClientLimit: limits.MaxClientSessions, Clients: clients,
		Most: make([]ClientStatus, len(most)),
	}
	for i, c := range most {
		s.Most[i] = ClientStatus(c)
	}
	return s
}

// tellCrowd logs that a client opens a session where four fifths or more of what is
// allowed are taken.
func (f *front) tellCrowd(crowd *store.Crowd) {
	c, b := &crowd.Client, &crowd.Bound
	left, ok := f.crowded.Open(time.Now())
	if !ok {
		return
	}
	what := "many sessions are open, and no more once all are taken: close those that are not needed"
	if b.Sessions >= b.Most {
		what = "no more sessions can be opened: close those that are not needed"
	}
	of := map[int64]string{wire.BoundOfGroup: "group", wire.BoundOfClient: "client", wire.BoundOfAddress: "address"}[b.Of]
	attrs := []any{"of", of, "sessions", b.Sessions, "limit", b.Most, "client", c.Name, "address", c.Address, "client_sessions", c.Sessions}
	if _, _, most := f.reader.State().Sessions(1); len(most) > 0 {
		attrs = append(attrs, "most_client", most[0].Name, "most_address", most[0].Address, "most_sessions", most[0].Sessions)
	}
	f.log.Warn(what, append(attrs, "left_out", left)...)
}
