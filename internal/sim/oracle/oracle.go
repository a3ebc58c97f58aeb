package oracle

import (
	"maps"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Config says what the oracle's group is like, and who hears of what.
type Config struct {
	SessionTTL, Tick time.Duration

	// Bounds of sessions at a time: of all clients, 0: any number, and of one that has a name.
	MaxSessions, MaxClientSessions int

	// Bounds of the results of all sessions, in a group that has a quota.
	MaxResults, MaxResultBytes int

	Fail   func(format string, args ...any) // does not return
	Counts *Counts

	// Expired, if set, is called with each variable that expires, at the tick's position.
	Expired func(position uint64, e Expiry)

	// Ended, if set, is called with each session with a TTL of its own that expires, at the
	// tick's position.
	Ended func(position uint64, e End)
}

// Counts tell what the order has had of what is rare.
type Counts struct {
	OutOfOrder uint64 `name:"writes refused before their predecessor"`
	Repeats    uint64 `name:"writes answered from the first time"`
	Expired    uint64 `name:"sessions expired"`
	Crowded    uint64 `name:"sessions refused in the order"`
	Txns       uint64 `name:"transactions done"`
	TxnElse    uint64 `name:"  that ran Else"`
	TxnFailed  uint64 `name:"transactions that failed"`
	TxnRepeats uint64 `name:"transactions answered again with their results"`

	RangesHeld    uint64 `name:"conditions on ranges that held"`
	RangesChanged uint64 `name:"conditions on ranges that did not"`

	Clocks   uint64 `name:"ticks that TTLs follow"`
	WithTTL  uint64 `name:"writes with a TTL"`
	KeepTTL  uint64 `name:"  that keep it"`
	Expires  uint64 `name:"TTLs set alone"`
	Persists uint64 `name:"  taken away"`
	Asked    uint64 `name:"  asked for"`
	Gone     uint64 `name:"variables expired"`

	Locked       uint64 `name:"sessions with a lock"`
	TimedOpened  uint64 `name:"sessions with a TTL of their own"`
	TimedExpired uint64 `name:"  expired"`
	TimedClosed  uint64 `name:"  closed"`
	Ephemerals   uint64 `name:"variables given an owner"`
	GoneOwned    uint64 `name:"  gone with it"`

	Quotas   uint64 `name:"quotas set"`
	Exceeded uint64 `name:"writes refused by a quota"`

	CrowdedResults uint64 `name:"writes refused to a session with many results"`
}

// Oracle is the dumbest state machine that an order can be held against: it keeps every
// write that ever was.
type Oracle struct {
	Config
	Partial  bool // the beginning of the order is not known
	memory   memory
	executed map[write]execution
	updates  map[string]uint64 // that are done, and where
	quota    wire.Command
	sessions map[uint64]*session
	locks    map[uint64]wire.Lock // of all sessions that ever were
	censuses []census             // of each number of sessions that there was
	clock    int64
}

// value is what a variable holds, since a position.
type value struct {
	version uint64
	text    string
}

type write struct{ session, seq uint64 }

// execution is where a write was executed, and with what result.
type execution struct {
	position uint64
	result   wire.Result
	data     string
}

type session struct {
	client  string
	renewed int64
	floor   uint64
	kept    map[uint64]int // bytes of the data of results, by their sequence
	ttl     int64          // its own, in milliseconds; 0: it has that of the group
	last    uint64         // position of its last command
	pending bool           // its time has not begun again since
}

// New returns the oracle of an order that begins.
func New(cfg Config) *Oracle {
	return &Oracle{
		Config: cfg, executed: make(map[write]execution), sessions: make(map[uint64]*session), updates: make(map[string]uint64),
		locks: make(map[uint64]wire.Lock), memory: memory{make(map[string]value), make(map[string]timer), make(map[string]uint64)},
	}
}

// Command follows the next command of the order, and holds its result, and the data that
// goes with it, against what they have to be.
func (o *Oracle) Command(position uint64, c *wire.Command, result *wire.Result, data []byte) {
	if len(data) > 0 && c.Op != wire.OpTxn {
		o.Fail("results: a %s has data at %d: %q", c.Op, position, data)
	}
	switch c.Op {
	case wire.OpOpenSession, wire.OpOpenTimed, wire.OpOpenLocked:
		o.open(position, c, result)
	case wire.OpRenewSession, wire.OpCloseSession:
		s := o.sessions[c.Session]
		if (s == nil) != (result.Status == wire.StatusSessionExpired) && !o.Partial {
			o.Fail("sessions: session %d at %d: status %d", c.Session, position, result.Status)
		}
		if s != nil {
			o.renew(s, position)
		}
		if s != nil && c.Op == wire.OpCloseSession {
			o.close(position, c.Session)
		}
	case wire.OpTick:
		o.tick(position, c.Delta)
	case wire.OpClock:
		o.passTime(position, c, result)
	case wire.OpQuota:
		o.quota = *c
		o.Counts.Quotas++
	case wire.OpBarrier, wire.OpAudit, wire.OpAuditVote:
		// They leave sessions and variables as they are.
	default:
		o.writes(position, c, result, data)
	}
	o.count(position)
}

// tick lets time pass for the sessions.
func (o *Oracle) tick(position uint64, delta int64) {
	if most := o.Tick.Milliseconds(); delta > most {
		o.Fail("ticks: one counts %d ms at %d, and %d are the most", delta, position, most)
	}
	o.clock += delta
	for id, s := range o.sessions {
		if s.ttl == 0 && o.clock-s.renewed >= o.SessionTTL.Milliseconds() {
			delete(o.sessions, id)
			o.Counts.Expired++
		}
	}
}

// open holds that there are as many sessions as there may be, and no fewer.
func (o *Oracle) open(position uint64, c *wire.Command, result *wire.Result) {
	want := wire.Result{Position: position}
	timed := c.Op == wire.OpOpenTimed || c.Op == wire.OpOpenLocked && c.Delta != 0
	if timed && (c.Delta < shortestTTL || c.Delta > longestTTL) {
		want.Status = wire.StatusBadRequest
	} else if of, most := o.Crowded(c.Key, position-1); most > 0 {
		want.Status, want.Number, want.Version = wire.StatusTooManySessions, of, uint64(most)
		o.Counts.Crowded++
	}
	if *result != want && !o.Partial {
		o.Fail("sessions: %q opens one of %d with %+v at %d, want %+v", c.Key, len(o.sessions), *result, position, want)
	}
	if result.Status == wire.StatusOK {
		s := &session{client: c.Key, renewed: o.clock, floor: 1, kept: make(map[uint64]int)}
		if c.Op == wire.OpOpenLocked {
			o.locks[position], _, _ = wire.CutLocked(c.Value)
			o.Counts.Locked++
		}
		if o.sessions[position] = s; timed {
			s.ttl, s.last, s.pending = c.Delta, position, true
			o.Counts.TimedOpened++
		}
	}
}

// Lock returns the lock of a session that was opened; zero: it has none, or none was opened yet.
func (o *Oracle) Lock(session uint64) wire.Lock { return o.locks[session] }

// writes holds that a write takes effect once, in a session that lives.
func (o *Oracle) writes(position uint64, c *wire.Command, result *wire.Result, data []byte) {
	id := write{c.Session, c.Seq}
	s := o.sessions[c.Session]
	before := o.executed[id].position
	want := result.Status
	if s == nil {
		want = wire.StatusSessionExpired
	} else {
		o.renew(s, position)
		s.floor = max(s.floor, c.Floor)
		maps.DeleteFunc(s.kept, func(seq uint64, _ int) bool { return seq < s.floor })
		switch {
		case c.Seq < s.floor:
			want = wire.StatusStaleSequence
		case before != 0:
			if first := o.executed[id]; *result != first.result || string(data) != first.data {
				o.Fail("exactly once: write %d of session %d, executed at %d with %+v and %q, has %+v and %q at %d",
					c.Seq, c.Session, before, first.result, first.data, *result, data, position)
			}
			o.Counts.Repeats++
			if len(data) > 0 {
				o.Counts.TxnRepeats++
			}
			return
		case c.Seq-s.floor >= 64:
			want = wire.StatusTooManyResults
		case c.Seq > s.floor && o.crowds(s):
			want = wire.StatusTooManyResults
			o.Counts.CrowdedResults++
		case c.Prev >= s.floor && o.executed[write{c.Session, c.Prev}].position == 0:
			want = wire.StatusOutOfOrder
			o.Counts.OutOfOrder++
		}
	}
	if o.Partial {
		if result.Position == position && done(c, result) {
			o.execute(id, position, c, result, data)
		}
		return
	}
	if want != result.Status {
		o.Fail("sessions: write %d of session %d at %d has status %d, want %d", c.Seq, c.Session, position, result.Status, want)
	}
	if done(c, result) {
		o.execute(id, position, c, result, data)
	}
}

// Final tells whether a write with this status was executed.
func Final(s wire.Status) bool {
	switch s {
	case wire.StatusOK, wire.StatusNotFound, wire.StatusConflict, wire.StatusNotInteger, wire.StatusOverflow, wire.StatusQuota:
		return true
	}
	return false
}

// done tells whether a write was executed in a session that lives. A transaction is, too, that asks
// for an owner in a session without a TTL of its own.
func done(c *wire.Command, result *wire.Result) bool {
	return Final(result.Status) || c.Op == wire.OpTxn && result.Status == wire.StatusBadRequest
}

func (o *Oracle) execute(id write, position uint64, c *wire.Command, result *wire.Result, data []byte) {
	if before := o.executed[id].position; before != 0 {
		o.Fail("exactly once: write %d of session %d is executed at %d and at %d", c.Seq, c.Session, before, position)
	}
	o.executed[id] = execution{position, *result, string(data)}
	if s := o.sessions[id.session]; s != nil {
		s.kept[id.seq] = len(data)
	}
	if o.Partial {
		return
	}
	if c.Op == wire.OpTxn {
		o.transacted(position, c, result, data)
		return
	}
	old, exists := o.memory.values[c.Key]
	want := wire.Result{Position: position}
	next := value{position, string(c.Value)}
	switch c.Op {
	case wire.OpDelete:
		if !exists {
			want.Status = wire.StatusNotFound
		}
	case wire.OpAdd:
		number := int64(0)
		if exists {
			var err error
			if number, err = strconv.ParseInt(old.text, 10, 64); err != nil {
				want.Status = wire.StatusNotInteger
			}
		}
		if want.Status == wire.StatusOK {
			want.Number = number + c.Delta
			next.text = strconv.FormatInt(want.Number, 10)
		}
	case wire.OpCompareAndSet:
		if old.version != c.Expect {
			want.Status, want.Version = wire.StatusConflict, old.version
		}
	case wire.OpSet:
	default:
		o.Fail("results: the oracle does not know %v, at %d", c.Op, position)
	}
	if want.Status == wire.StatusOK && c.Op != wire.OpDelete {
		o.bound(position, o.memory.values, map[string]value{c.Key: next}, &want)
	}
	switch {
	case *result != want:
		o.Fail("results: %+v of %q at %d has %+v, want %+v", c.Op, c.Key, position, *result, want)
	case want.Status != wire.StatusOK:
	case c.Op == wire.OpDelete:
		o.memory.remove(c.Key)
	default:
		o.memory.values[c.Key] = next
		if c.Op == wire.OpSet {
			delete(o.memory.timers, c.Key)
			delete(o.memory.owners, c.Key)
		}
	}
}
