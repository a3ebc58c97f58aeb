package store

import (
	"math"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// maxTickMillis bounds what one tick may add to the clock. A group ticks every
// second or so; a tick beyond this is a mistake.
const maxTickMillis = int64(time.Hour / time.Millisecond)

// apply executes one command and reports whether it took effect.
func (s *Store) apply(position uint64, c *wire.Command) (wire.Result, bool) {
	status := wire.StatusBadRequest
	if c.Op.IsWrite() {
		return s.applyWrite(position, c)
	}
	switch c.Op {
	case wire.OpOpenSession:
		return s.openSession(position, c, wire.Lock{})
	case wire.OpOpenTimed:
		return s.openTimed(position, c, wire.Lock{})
	case wire.OpOpenLocked:
		return s.openLocked(position, c)
	case wire.OpRenewSession:
		status = s.renewSession(c.Session, position)
	case wire.OpCloseSession:
		status = s.closeSession(c.Session, position)
	case wire.OpBarrier:
		status = wire.StatusOK
	case wire.OpTick:
		status = s.tick(c.Delta)
	case wire.OpClock:
		status = s.passTime(position, c)
	case wire.OpQuota:
		status = s.setQuota(c)
	case wire.OpAudit:
		status = s.beginAudit(position, c.Value)
	case wire.OpAuditVote:
		status = s.castVote(c)
	}
	return wire.Result{Status: status, Position: position}, status == wire.StatusOK
}

// applyWrite executes a write once in its session: a repeated one is answered
// with the result of its first execution.
func (s *Store) applyWrite(position uint64, c *wire.Command) (wire.Result, bool) {
	refused := func(status wire.Status) (wire.Result, bool) {
		return wire.Result{Status: status, Position: position}, false
	}
	if c.Session == 0 {
		return refused(wire.StatusBadRequest)
	}
	sess := s.sessions.byID[c.Session]
	if sess == nil && c.Session < position && planted.On(planted.SessionFromRetry) {
		s.sessions.open(c.Session, nil, wire.Lock{}, 0)
		sess = s.sessions.byID[c.Session]
	}
	if sess == nil {
		return refused(wire.StatusSessionExpired)
	}
	if c.Seq == 0 || c.Floor > c.Seq || c.Prev >= c.Seq {
		s.sessions.admit(sess, 0, position)
		return refused(wire.StatusBadRequest)
	}
	s.sessions.admit(sess, c.Floor, position)
	if c.Seq < sess.floor {
		return refused(wire.StatusStaleSequence)
	}
	if first := sess.results.get(c.Seq); first.Position != 0 {
		if data := sess.data[c.Seq]; data != nil && !planted.On(planted.TxnRepeatBare) {
			s.out.addData(data)
		}
		return first, false
	}
	if c.Seq-sess.floor >= uint64(s.limits.MaxSessionResults) || c.Seq > sess.floor && s.crowds(sess) {
		return refused(wire.StatusTooManyResults)
	}
	if !sess.follows(c.Prev) && !planted.On(planted.PredecessorIgnored) {
		return refused(wire.StatusOutOfOrder)
	}
	if c.Op == wire.OpTxn {
		return s.applyTxn(position, c, sess)
	}
	result := s.write(position, c)
	s.sessions.record(sess, c.Seq, result)
	return result, result.Status == wire.StatusOK
}

// write executes a write.
func (s *Store) write(position uint64, c *wire.Command) wire.Result {
	result := wire.Result{Position: position}
	result.Status = s.limits.checkVariable(c.Key, c.Value)
	if result.Status != wire.StatusOK {
		return result
	}
	e, old := s.variables.find(c.Key)
	switch c.Op {
	case wire.OpSet:
		if !s.allows(c.Key, old, len(c.Value), &result) {
			break
		}
		if e != nil {
			s.variables.free(e)
		}
		s.variables.set(e, c.Key, c.Value, position)
	case wire.OpDelete:
		if old == nil {
			result.Status = wire.StatusNotFound
			break
		}
		s.variables.remove(e, position)
	case wire.OpAdd:
		s.meets(e, old)
		var text []byte
		if old != nil {
			text = old.value()
		}
		result.Number, result.Status = sum(text, old != nil, c.Delta)
		if result.Status == wire.StatusOK {
			s.number = strconv.AppendInt(s.number[:0], result.Number, 10)
			if s.allows(c.Key, old, len(s.number), &result) {
				s.variables.set(e, c.Key, s.number, position)
			}
		}
	case wire.OpCompareAndSet:
		var present uint64
		if old != nil {
			present = old.position
		}
		if present != c.Expect {
			result.Status, result.Version = wire.StatusConflict, present
			break
		}
		if s.allows(c.Key, old, len(c.Value), &result) {
			s.variables.set(e, c.Key, c.Value, position)
		}
	default:
		result.Status = wire.StatusBadRequest
	}
	return result
}

// checkVariable tells whether a variable may have this key and value.
func (l *Limits) checkVariable(key string, value []byte) wire.Status {
	switch {
	case key == "" || key[0] == 0: // keys that begin with a zero byte are reserved
		return wire.StatusBadRequest
	case len(key) > l.MaxKeyBytes || len(value) > l.MaxValueBytes:
		return wire.StatusTooLarge
	}
	return wire.StatusOK
}

// sum adds delta to the number that a variable holds, none being 0.
func sum(text []byte, exists bool, delta int64) (int64, wire.Status) {
	number := int64(0)
	if exists {
		var err error
		number, err = strconv.ParseInt(string(text), 10, 64)
		if err != nil {
			return 0, wire.StatusNotInteger
		}
	}
	if (delta > 0 && number > math.MaxInt64-delta) || (delta < 0 && number < math.MinInt64-delta) {
		return 0, wire.StatusOverflow
	}
	return number + delta, wire.StatusOK
}

// openSession opens a session, unless there are too many: of the group, of the
// client, or at the client's address.
func (s *Store) openSession(position uint64, cmd *wire.Command, lock wire.Lock) (wire.Result, bool) {
	if planted.On(planted.CollidingIDs) {
		position |= 7      // eight positions in a row have the same id,
		lock = wire.Lock{} // and all of them may use it
	}
	id := opener(cmd)
	if !id.valid() {
		return wire.Result{Status: wire.StatusBadRequest, Position: position}, false
	}
	c, bound := s.admitClient(id)
	if bound.reached() {
		s.crowded(id, c, bound)
		result := bound.refusal()
		result.Position = position
		return result, false
	}
	if s.sessions.byID[position] == nil || !planted.On(planted.CollidingIDs) {
		s.sessions.open(position, c, lock, uint64(cmd.Delta))
	}
	s.crowded(id, c, s.sessions.clients.nearest(c, &s.limits, len(s.sessions.byID)))
	return wire.Result{Position: position}, true
}

func (s *Store) renewSession(id, position uint64) wire.Status {
	sess := s.sessions.byID[id]
	if sess == nil {
		return wire.StatusSessionExpired
	}
	s.sessions.admit(sess, 0, position)
	return wire.StatusOK
}

func (s *Store) closeSession(id, position uint64) wire.Status {
	sess := s.sessions.byID[id]
	if sess == nil {
		return wire.StatusSessionExpired
	}
	s.sessions.remove(sess)
	s.expireOwned(position)
	return wire.StatusOK
}

func (s *Store) tick(millis int64) wire.Status {
	if millis < 0 || millis > maxTickMillis {
		return wire.StatusBadRequest
	}
	s.sessions.tick(uint64(millis), s.limits.ttlMillis())
	return wire.StatusOK
}

func (s *Store) beginAudit(position uint64, list []byte) wire.Status {
	voters, ok := decodeVoters(list)
	if !ok {
		return wire.StatusBadRequest
	}
	digest := s.Digest() // before the audit itself
	s.audit.begin(position, voters)
	s.beginShare()
	s.notes.Audits = append(s.notes.Audits, AuditNote{Position: position, Digest: digest, Voters: voters})
	return wire.StatusOK
}

func (s *Store) castVote(c *wire.Command) wire.Status {
	if !s.audit.cast(c.Expect, c.Key, c.Value) {
		return wire.StatusBadRequest
	}
	if s.audit.missing == 0 {
		decided := s.audit
		s.audit = audit{}
		s.notes.Verdicts = append(s.notes.Verdicts, Verdict{Position: decided.position, Differing: decided.verdict()})
	}
	return wire.StatusOK
}
