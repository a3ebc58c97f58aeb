package sim

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// leaks reports whether the run has a client that opens sessions and forgets them.
// In all other runs the clients have no names, as in a group with members that do not
// know of clients.
func (w *world) leaks() bool { return w.seed%4 == 3 && w.options.Steps == 0 }

// openSession is the command by which a client opens a session, as the node that
// serves it has it ordered.
func (c *client) openSession(name string) wire.Command {
	cmd := wire.Command{Op: wire.OpOpenSession}
	if c.w.leaks() {
		cmd.Key, cmd.Value = name, []byte("users")
	}
	return cmd
}

// leak opens a session beside the client's own, as another client at the same address
// that forgets to close it, again and again.
func (c *client) leak() {
	w := c.w
	if w.draining {
		return
	}
	w.After(w.traits.detection/8+time.Duration(len(c.active))*w.traits.detection/16, c.leak)
	op := &operation{c: c, begun: w.Now, state: c.state, command: c.openSession("leaks")}
	op.Kind = session.Open
	op.then = func(ok bool) {
		if ok && op.reply.Status == wire.StatusOK {
			w.counts.Leaked++
		}
	}
	c.active = append(c.active, op)
	op.attempt()
}
