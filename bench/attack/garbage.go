package attack

import (
	"net"
	"time"
)

// senders send garbage at a time, each on a connection of its own.
const senders = 64

// beatTime is how finely the sending is spread.
const beatTime = 10 * time.Millisecond

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
		for turn, owed := 0, 0; ; {
			select {
			case <-tick.C:
			case <-a.ctx.Done():
				return
			}
			// What was missed since the last beat is not made up for: a burst would
			// be another attack.
			owed = min(owed, 0) + a.cfg.Frames*int(beatTime)/int(time.Second)
			for ; owed > 0; owed -= a.cfg.FramesPerConn {
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

// shotTimeout bounds what a connection takes from its beginning to its end.
const shotTimeout = time.Second

// shoot sends something, says that no more will come, and waits for the other side
// to end the connection: to end it first would take back what was not read yet.
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
