package sim

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/sim/wires"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// joining is a joiner's connection to a donor, and what has come on it and was not read
// yet: the joiner reads no more while a turn is to take what it has read.
type joining struct {
	r        *replica
	transfer *member.Transfer
	c        *wires.Conn
	frames   *wire.FrameReader
	come     []byte
	fin      bool // nothing more comes
	welcome  bool // the donor has agreed
	takes    bool // a turn is to take what there is
	reads    int  // that brought something
	over     bool
}

var errGivenUp = errors.New("sim: the donor is given up")

// Observe is part of member.Host.
func (h around) Observe(t *member.Transfer) {
	r := h.r
	r.p.Brink()
	if j := r.joining; j != nil && !j.over {
		j.end(errGivenUp)
	}
	if t == nil {
		return
	}
	j := &joining{r: r, transfer: t}
	j.frames = wire.NewFrameReader(j, member.MaxFrameBytes)
	r.joining = j
	target := r.w.byAddr[t.Donor().Addr]
	if target == nil {
		r.p.After(r.w.traits.latency, func() { j.end(member.ErrUnreached) })
		return
	}
	r.w.trace("%s asks %s for its state", r, target)
	j.c = r.w.connect(r.p.site, r.p, target)
	j.c.Ends[0].OnData = j.arrived
	j.c.Ends[0].OnClose = func() {
		j.fin = true
		j.read()
	}
	hello := t.Hello()
	j.c.Send(1, wires.GreetingBytes, func() { target.asked(j.c, &hello, j.greeted) })
	r.p.After(r.reader.Detection()+r.w.proofTime(), func() {
		if !j.welcome {
			j.end(member.ErrUnreached)
		}
	})
}

// greeted takes the donor's answer to the greeting.
func (j *joining) greeted(reply wire.HelloReply) {
	if j.over {
		return
	}
	if err := j.transfer.Welcome(&reply); err != nil {
		j.r.w.counts.Refused++
		j.end(err)
		return
	}
	j.welcome = true
	j.patience()
}

// patience gives a donor up that sends nothing for long while it is loaded.
func (j *joining) patience() {
	bound, reads := j.transfer.Patience(), j.reads
	if bound == 0 {
		return
	}
	j.r.p.After(bound, func() {
		switch {
		case j.over:
		case j.reads == reads && j.transfer.Patience() > 0:
			j.end(fmt.Errorf("%w: nothing came for %v", member.ErrUnreached, bound))
		default:
			j.patience()
		}
	})
}

// arrived takes bytes from the connection.
func (j *joining) arrived(data []byte) {
	if j.over || j.transfer.Patience() > 0 && j.r.p.ambush(CrashJoiner) {
		return
	}
	j.come = append(j.come, data...)
	j.read()
}

// Read is part of io.Reader: it reads what has come. The donor may send as much again.
func (j *joining) Read(b []byte) (int, error) {
	n := copy(b, j.come)
	switch {
	case n > 0:
		j.come = j.come[n:]
		j.c.Send(1, 0, func() {
			if room := j.c.Ends[1].Room; room != nil {
				room(n)
			}
		})
		return n, nil
	case j.fin:
		return 0, io.EOF
	}
	return 0, wire.ErrAgain
}

// read has the transfer read what has come.
func (j *joining) read() {
	for !j.over && !j.takes {
		err := j.transfer.Read(j.frames)
		if err == wire.ErrAgain { //nolint:errorlint // as Read returns it
			return
		}
		if err != nil {
			j.end(err)
			return
		}
		j.reads++
		if j.transfer.Work() {
			j.take()
		}
	}
}

// take has the next turn take what was read, and then reads on.
func (j *joining) take() {
	j.takes = true
	j.r.call(func(m *member.Member) {
		if j.over {
			return
		}
		loads := j.r.w.counts.Snapshots
		if err := m.Take(j.transfer); err != nil {
			j.stop()
			m.TransferEnded(j.transfer, err)
			return
		}
		if !j.transfer.Work() {
			j.r.w.After(0, func() { j.r.p.Do(j.readOn) })
			return
		}
		if loads != j.r.w.counts.Snapshots {
			j.r.w.counts.Backlogs++
		}
		j.take()
	})
}

func (j *joining) readOn() {
	j.takes = false
	j.read()
}

// stop ends the connection.
func (j *joining) stop() {
	if j == nil || j.over {
		return
	}
	j.over = true
	if j.c != nil {
		j.c.Close(0)
	}
}

// end ends the transfer.
func (j *joining) end(err error) {
	if j.over {
		return
	}
	j.r.w.trace("%s: the transfer ends: %v", j.r, err)
	j.stop()
	j.r.call(func(m *member.Member) { m.TransferEnded(j.transfer, err) })
}

// giveMoreRoom does what an operator does with a joiner that is outrun once faults have
// stopped: he starts it again with more room for the deliveries.
func (r *replica) giveMoreRoom() {
	if r.w.healed {
		r.w.After(0, func() { r.p.crash(true) })
	}
}

// mostLag is a bound of a joiner's or a donor's until faults stop, and then more than it
// needs.
func (w *world) mostLag(bound int) int {
	if w.healed {
		return plenty
	}
	return bound
}

// proofTime bounds how long a donor looks for a joiner, as in package server.
func (w *world) proofTime() time.Duration {
	return min(max(w.traits.detection, time.Second), 2*time.Second)
}
