package sim

import (
	"sort"
	"strconv"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// oracle is the dumbest state machine that the order can be held against: it
// keeps all that ever was.
type oracle struct {
	w        *world
	partial  bool // the beginning of the order is not known
	values   map[string][]value
	executed map[writeID]uint64 // position
	results  map[writeID]wire.Result
	sessions map[uint64]*oracleSession
	clock    int64
}

type value struct {
	position uint64
	exists   bool
	value    string
}

type writeID struct{ session, seq uint64 }

type oracleSession struct {
	client  string
	renewed int64
	floor   uint64
}

func newOracle(w *world) oracle {
	return oracle{
		w: w, values: make(map[string][]value), executed: make(map[writeID]uint64), results: make(map[writeID]wire.Result),
		sessions: make(map[uint64]*oracleSession),
	}
}

// apply follows a message that is delivered for the first time, and holds its
// results against what they have to be.
func (o *oracle) apply(r *replica, d *isis.Delivery, results []wire.Result) {
	if len(results) != int(d.Count) {
		o.w.fail("results: %s has %d of %d commands", r, len(results), d.Count)
	}
	rest := d.Payload
	for i := range results {
		var c wire.Command
		var err error
		if c, rest, err = wire.DecodeCommand(rest); err != nil {
			o.w.fail("results: a command of %s#%d cannot be read: %v", d.Sender.ID, d.Sender.Incarnation, err)
		}
		o.command(d.First+uint64(i), &c, &results[i])
	}
}

func (o *oracle) command(position uint64, c *wire.Command, result *wire.Result) {
	switch c.Op {
	case wire.OpOpenSession:
		o.open(position, c, result)
	case wire.OpRenewSession, wire.OpCloseSession:
		s := o.sessions[c.Session]
		if (s == nil) != (result.Status == wire.StatusSessionExpired) && !o.partial {
			o.w.fail("sessions: session %d at %d: status %d", c.Session, position, result.Status)
		}
		if s != nil {
			s.renewed = o.clock
		}
		if c.Op == wire.OpCloseSession {
			delete(o.sessions, c.Session)
		}
	case wire.OpTick:
		if most := o.w.traits.tick.Milliseconds(); c.Delta > most {
			o.w.fail("ticks: one counts %d ms at %d, and %d are the most", c.Delta, position, most)
		}
		o.clock += c.Delta
		for id, s := range o.sessions {
			if o.clock-s.renewed >= o.w.traits.sessionTTL.Milliseconds() {
				delete(o.sessions, id)
				o.w.counts.Expired++
			}
		}
	case wire.OpSet, wire.OpDelete, wire.OpAdd, wire.OpCompareAndSet:
		o.write(position, c, result)
	}
}

// open holds that a client has as many sessions as it may, and no fewer.
func (o *oracle) open(position uint64, c *wire.Command, result *wire.Result) {
	has := 0
	for _, s := range o.sessions {
		if s.client == c.Key {
			has++
		}
	}
	want := wire.Result{Position: position}
	if c.Key != "" && has >= maxClientSessions {
		want.Status, want.Number, want.Version = wire.StatusTooManySessions, wire.BoundOfClient, maxClientSessions
		o.w.counts.Crowded++
	}
	if *result != want && !o.partial {
		o.w.fail("sessions: %q with %d sessions has %+v at %d, want %+v", c.Key, has, *result, position, want)
	}
	if result.Status == wire.StatusOK {
		o.sessions[position] = &oracleSession{client: c.Key, renewed: o.clock, floor: 1}
	}
}

// write holds that a write takes effect once, in a session that lives.
func (o *oracle) write(position uint64, c *wire.Command, result *wire.Result) {
	id := writeID{c.Session, c.Seq}
	s := o.sessions[c.Session]
	before := o.executed[id]
	want := result.Status
	if s == nil {
		want = wire.StatusSessionExpired
	} else {
		s.renewed, s.floor = o.clock, max(s.floor, c.Floor)
		switch {
		case c.Seq < s.floor:
			want = wire.StatusStaleSequence
		case before != 0:
			if first := o.results[id]; *result != first {
				o.w.fail("exactly once: write %d of session %d, executed at %d with %+v, has %+v at %d", c.Seq, c.Session, before, first, *result, position)
			}
			o.w.counts.Repeats++
			return
		case c.Seq-s.floor >= 64:
			want = wire.StatusTooManyResults
		case c.Prev >= s.floor && o.executed[writeID{c.Session, c.Prev}] == 0:
			want = wire.StatusOutOfOrder
			o.w.counts.OutOfOrder++
		}
	}
	if o.partial {
		if result.Position == position && final(result.Status) {
			o.execute(id, position, c, result)
		}
		return
	}
	if want != result.Status {
		o.w.fail("sessions: write %d of session %d at %d has status %d, want %d", c.Seq, c.Session, position, result.Status, want)
	}
	if final(result.Status) {
		o.execute(id, position, c, result)
	}
}

// final tells whether a write with this status was executed.
func final(s wire.Status) bool {
	switch s {
	case wire.StatusOK, wire.StatusNotFound, wire.StatusConflict, wire.StatusNotInteger, wire.StatusOverflow:
		return true
	}
	return false
}

func (o *oracle) execute(id writeID, position uint64, c *wire.Command, result *wire.Result) {
	if before := o.executed[id]; before != 0 {
		o.w.fail("exactly once: write %d of session %d is executed at %d and at %d", c.Seq, c.Session, before, position)
	}
	o.executed[id] = position
	o.results[id] = *result
	if o.partial {
		return
	}
	old := o.read(c.Key, position)
	want := wire.Result{Position: position}
	next := value{position: position, exists: true, value: string(c.Value)}
	switch c.Op {
	case wire.OpDelete:
		next.exists, next.value = false, ""
		if !old.exists {
			want.Status = wire.StatusNotFound
		}
	case wire.OpAdd:
		number := int64(0)
		if old.exists {
			var err error
			if number, err = strconv.ParseInt(old.value, 10, 64); err != nil {
				want.Status = wire.StatusNotInteger
			}
		}
		if want.Status == wire.StatusOK {
			want.Number = number + c.Delta
			next.value = strconv.FormatInt(want.Number, 10)
		}
	case wire.OpCompareAndSet:
		if present := old.version(); present != c.Expect {
			want.Status, want.Version = wire.StatusConflict, present
		}
	}
	if *result != want {
		o.w.fail("results: %+v of %q at %d has %+v, want %+v", c.Op, c.Key, position, *result, want)
	}
	if want.Status == wire.StatusOK {
		o.values[c.Key] = append(o.values[c.Key], next)
	}
}

// read is the value of a variable at a position.
func (o *oracle) read(key string, position uint64) value {
	all := o.values[key]
	i := sort.Search(len(all), func(i int) bool { return all[i].position > position })
	if i == 0 {
		return value{}
	}
	return all[i-1]
}

func (v value) version() uint64 {
	if !v.exists {
		return 0
	}
	return v.position
}
