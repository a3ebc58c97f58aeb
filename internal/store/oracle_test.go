package store

import (
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// oracle is the store without any cleverness: plain maps, everything computed
// anew whenever it is asked for.
type oracle struct {
	limits    Limits
	position  uint64
	clock     int64
	variables map[string]oracleVariable
	timers    map[string]oracleTimer
	owners    map[string]uint64
	sessions  map[uint64]*oracleSession
	audit     *oracleAudit
	quota     Quota
	verdicts  []oracleVerdict
	data      string   // of the last result
	expired   []string // with the last tick
	session   uint64   // of the transaction
	timed     bool     // it has a TTL of its own
}

type oracleVariable struct {
	value   string
	version uint64
}

type oracleTimer struct {
	ttl, deadline int64 // deadline 0: not known yet
	set           uint64
}

type oracleSession struct {
	client  clientID
	lock    string
	ttl     int64 // 0: that of the group
	pending uint64
	renewed int64
	floor   uint64
	results map[uint64]wire.Result
	data    map[uint64]string
}

type oracleAudit struct {
	position uint64
	voters   []string
	votes    map[string]uint64
}

type oracleVerdict struct {
	Position  uint64
	Differing []string
}

func newOracle(limits Limits) *oracle {
	return &oracle{
		limits:    limits.WithDefaults(),
		variables: make(map[string]oracleVariable),
		timers:    make(map[string]oracleTimer),
		owners:    make(map[string]uint64),
		sessions:  make(map[uint64]*oracleSession),
	}
}

// apply executes the next command.
func (o *oracle) apply(c wire.Command) (wire.Result, bool) {
	o.position++
	o.data = ""
	r := wire.Result{Position: o.position}
	switch c.Op {
	case wire.OpSet, wire.OpDelete, wire.OpAdd, wire.OpCompareAndSet, wire.OpTxn:
		return o.write(c)
	case wire.OpOpenSession, wire.OpOpenTimed, wire.OpOpenLocked:
		lock := ""
		if c.Op == wire.OpOpenLocked {
			if len(c.Value) < 16 || strings.Trim(string(c.Value[:16]), "\x00") == "" {
				r.Status = wire.StatusBadRequest
				break
			}
			lock, c.Value = string(c.Value[:16]), c.Value[16:]
		}
		if timed := c.Op == wire.OpOpenTimed || c.Op == wire.OpOpenLocked && c.Delta != 0; timed && (c.Delta < 100 || c.Delta > 86_400_000) {
			r.Status = wire.StatusBadRequest
			break
		}
		if o.open(c, &r) {
			break
		}
		o.sessions[o.position] = &oracleSession{client: clientID{c.Key, string(c.Value)}, lock: lock, ttl: c.Delta, renewed: o.clock, floor: 1, results: make(map[uint64]wire.Result), data: make(map[uint64]string)}
		o.renew(o.sessions[o.position])
	case wire.OpRenewSession, wire.OpCloseSession:
		s, ok := o.sessions[c.Session]
		switch {
		case !ok:
			r.Status = wire.StatusSessionExpired
		case c.Op == wire.OpCloseSession:
			delete(o.sessions, c.Session)
			o.disown(10_000)
		default:
			o.renew(s)
		}
	case wire.OpBarrier:
	case wire.OpTick, wire.OpClock:
		if c.Delta < 0 || c.Delta > 3_600_000 || c.Op == wire.OpClock && c.Expect >= o.position {
			r.Status = wire.StatusBadRequest
			break
		}
		o.clock += c.Delta
		maps.DeleteFunc(o.sessions, func(_ uint64, s *oracleSession) bool {
			return s.ttl == 0 && o.clock-s.renewed >= o.limits.SessionTTL.Milliseconds()
		})
		if c.Op == wire.OpClock {
			o.passTime(c.Expect)
		}
	case wire.OpQuota:
		if c.Delta < 0 {
			r.Status = wire.StatusBadRequest
			break
		}
		o.quota = Quota{uint64(c.Delta), c.Expect}
	case wire.OpAudit:
		voters, err := wire.DecodeStrings(c.Value)
		if err != nil || len(voters) == 0 || slices.Contains(voters, "") || len(distinct(voters)) != len(voters) {
			r.Status = wire.StatusBadRequest
			break
		}
		o.audit = &oracleAudit{position: o.position, voters: voters, votes: make(map[string]uint64)}
	case wire.OpAuditVote:
		if !o.vote(c) {
			r.Status = wire.StatusBadRequest
		}
	default:
		r.Status = wire.StatusBadRequest
	}
	return r, r.Status == wire.StatusOK
}

// passTime has variables expire, and timers start that were set up to a position.
func (o *oracle) passTime(seen uint64) {
	o.expired = nil
	maps.DeleteFunc(o.sessions, func(_ uint64, s *oracleSession) bool {
		return s.ttl != 0 && s.pending == 0 && o.clock-s.renewed > s.ttl
	})
	for _, s := range o.sessions {
		if s.pending != 0 && s.pending <= seen {
			s.pending, s.renewed = 0, o.clock
		}
	}
	o.disown(10_000)
	for key, t := range o.timers {
		switch {
		case t.deadline > 0 && t.deadline <= o.clock:
			delete(o.timers, key)
			delete(o.owners, key)
			delete(o.variables, key)
			o.expired = append(o.expired, key)
		case t.deadline == 0 && t.set <= seen:
			t.deadline = o.clock + t.ttl + 1
			o.timers[key] = t
		}
	}
}

// renew takes note of a command of a session.
func (o *oracle) renew(s *oracleSession) {
	if s.ttl != 0 {
		s.pending = o.position
		return
	}
	s.renewed = o.clock
}

// disown has variables expire whose owners have ended. None of a test has so many that it
// takes more than one command.
func (o *oracle) disown(most int) {
	for key, id := range o.owners {
		if o.sessions[id] == nil {
			if most--; most < 0 {
				panic("more variables than a tick may remove")
			}
			delete(o.owners, key)
			delete(o.timers, key)
			delete(o.variables, key)
			o.expired = append(o.expired, key)
		}
	}
}

// open reports whether a session is refused, and with what.
func (o *oracle) open(c wire.Command, r *wire.Result) bool {
	for _, s := range []string{c.Key, string(c.Value)} {
		if len(s) > 64 || strings.ContainsAny(s, "\x00\x1b\u009b") || !utf8.ValidString(s) {
			r.Status = wire.StatusBadRequest
			return true
		}
	}
	own, near := 0, 0
	for _, s := range o.sessions {
		if s.client.name == c.Key && s.client.address == string(c.Value) {
			own++
		}
		if s.client.address == string(c.Value) {
			near++
		}
	}
	known := c.Key != "" || len(c.Value) > 0
	switch {
	case len(o.sessions) == o.limits.MaxSessions:
		r.Number, r.Version = wire.BoundOfGroup, uint64(o.limits.MaxSessions)
	case known && own >= o.limits.MaxClientSessions:
		r.Number, r.Version = wire.BoundOfClient, uint64(o.limits.MaxClientSessions)
	case len(c.Value) > 0 && near >= o.limits.MaxAddressSessions:
		r.Number, r.Version = wire.BoundOfAddress, uint64(o.limits.MaxAddressSessions)
	default:
		return false
	}
	r.Status = wire.StatusTooManySessions
	return true
}

func (o *oracle) write(c wire.Command) (wire.Result, bool) {
	r := wire.Result{Position: o.position}
	s, ok := o.sessions[c.Session]
	if ok {
		o.renew(s)
	}
	switch {
	case c.Session == 0:
		r.Status = wire.StatusBadRequest
	case !ok:
		r.Status = wire.StatusSessionExpired
	case c.Seq == 0 || c.Floor > c.Seq || c.Prev >= c.Seq:
		r.Status = wire.StatusBadRequest
	}
	if r.Status != wire.StatusOK {
		return r, false
	}
	s.floor = max(s.floor, c.Floor)
	maps.DeleteFunc(s.results, func(seq uint64, _ wire.Result) bool { return seq < s.floor })
	maps.DeleteFunc(s.data, func(seq uint64, _ string) bool { return seq < s.floor })
	if c.Seq < s.floor {
		r.Status = wire.StatusStaleSequence
		return r, false
	}
	if first, ok := s.results[c.Seq]; ok {
		o.data = s.data[c.Seq]
		return first, false
	}
	if c.Seq >= s.floor+uint64(o.limits.MaxSessionResults) || c.Seq > s.floor && o.crowds(s) {
		r.Status = wire.StatusTooManyResults
		return r, false
	}
	if _, executed := s.results[c.Prev]; c.Prev >= s.floor && !executed {
		r.Status = wire.StatusOutOfOrder
		return r, false
	}
	before := *o
	before.variables, before.timers, before.owners = maps.Clone(o.variables), maps.Clone(o.timers), maps.Clone(o.owners)
	if c.Op == wire.OpTxn {
		if !o.executeTxn(c, s, &r) {
			return r, false
		}
	} else {
		o.execute(c, &r)
	}
	if r.Status == wire.StatusOK && o.exceeds(before.usage(), &r) {
		o.variables, o.timers, o.owners = before.variables, before.timers, before.owners
		delete(s.data, c.Seq)
		o.data = ""
	}
	s.results[c.Seq] = r
	return r, r.Status == wire.StatusOK
}

func (o *oracle) execute(c wire.Command, r *wire.Result) {
	if c.Key == "" || c.Key[0] == 0 {
		r.Status = wire.StatusBadRequest
		return
	}
	if len(c.Key) > o.limits.MaxKeyBytes || len(c.Value) > o.limits.MaxValueBytes {
		r.Status = wire.StatusTooLarge
		return
	}
	old, exists := o.variables[c.Key]
	switch c.Op {
	case wire.OpSet:
		delete(o.timers, c.Key)
		delete(o.owners, c.Key)
		o.variables[c.Key] = oracleVariable{string(c.Value), o.position}
	case wire.OpDelete:
		if !exists {
			r.Status = wire.StatusNotFound
		}
		delete(o.variables, c.Key)
		delete(o.timers, c.Key)
		delete(o.owners, c.Key)
	case wire.OpAdd:
		if !exists {
			old.value = "0"
		}
		number, err := strconv.ParseInt(old.value, 10, 64)
		if err != nil {
			r.Status = wire.StatusNotInteger
			return
		}
		total := new(big.Int).Add(big.NewInt(number), big.NewInt(c.Delta))
		if !total.IsInt64() {
			r.Status = wire.StatusOverflow
			return
		}
		r.Number = total.Int64()
		o.variables[c.Key] = oracleVariable{total.String(), o.position}
	case wire.OpCompareAndSet:
		if c.Expect != old.version {
			r.Status, r.Version = wire.StatusConflict, old.version
			return
		}
		o.variables[c.Key] = oracleVariable{string(c.Value), o.position}
	}
}

// crowds reports whether all sessions keep as much as they may, and this one its share.
func (o *oracle) crowds(of *oracleSession) bool {
	kept := func(s *oracleSession) (results, bytes int) {
		for _, d := range s.data {
			bytes += len(d)
		}
		return len(s.results), bytes
	}
	results, bytes := 0, 0
	for _, s := range o.sessions {
		r, b := kept(s)
		results, bytes = results+r, bytes+b
	}
	r, b := kept(of)
	n := len(o.sessions)
	return o.quota != (Quota{}) && (results >= o.limits.MaxResults && r > o.limits.MaxResults/n ||
		bytes >= o.limits.MaxResultBytes && b > o.limits.MaxResultBytes/n)
}

// usage counts bytes and variables.
func (o *oracle) usage() (u Usage) {
	for key, v := range o.variables {
		u.Bytes += uint64(len(key) + len(v.value))
		u.Variables++
	}
	return u
}

// exceeds reports whether the quota forbids what has just been done, and the result of that.
func (o *oracle) exceeds(before Usage, r *wire.Result) bool {
	for of, u := range [][3]uint64{
		{before.Bytes, o.usage().Bytes, o.quota.Bytes}, {before.Variables, o.usage().Variables, o.quota.Variables},
	} {
		if u[1] > u[0] && u[1] > u[2] && u[2] > 0 {
			*r = wire.Result{Status: wire.StatusQuota, Position: r.Position, Number: int64(of), Version: u[2]}
		}
	}
	return r.Status == wire.StatusQuota
}

func (o *oracle) vote(c wire.Command) bool {
	a := o.audit
	if a == nil || c.Expect != a.position || len(c.Value) != 8 || !slices.Contains(a.voters, c.Key) {
		return false
	}
	if _, voted := a.votes[c.Key]; voted {
		return false
	}
	digest := uint64(0)
	for i, b := range c.Value {
		digest |= uint64(b) << (8 * i)
	}
	a.votes[c.Key] = digest
	if len(a.votes) < len(a.voters) {
		return true
	}
	tally := make(map[uint64]int)
	for _, d := range a.votes {
		tally[d]++
	}
	most := slices.Max(slices.Collect(maps.Values(tally)))
	first := slices.IndexFunc(a.voters, func(v string) bool { return tally[a.votes[v]] == most })
	verdict := oracleVerdict{Position: a.position}
	for _, v := range a.voters {
		if a.votes[v] != a.votes[a.voters[first]] {
			verdict.Differing = append(verdict.Differing, v)
		}
	}
	o.verdicts = append(o.verdicts, verdict)
	o.audit = nil
	return true
}

// digest computes the digest from all there is.
func (o *oracle) digest() uint64 {
	sum := hashClock(uint64(o.clock))
	if o.quota != (Quota{}) {
		sum += hashQuota(o.quota)
	}
	for key, v := range o.variables {
		sum += hashVariable(xxh3.HashString(key), []byte(v.value), v.version)
	}
	for key, t := range o.timers {
		deadline := uint64(math.MaxUint64)
		if t.deadline > 0 {
			deadline = uint64(t.deadline)
		}
		sum += hashTimer(xxh3.HashString(key), uint64(t.ttl), t.set, deadline)
	}
	for key, id := range o.owners {
		sum += hashOwner(xxh3.HashString(key), id)
	}
	for id, s := range o.sessions {
		var c *client
		if s.client != (clientID{}) {
			c = &client{hash: hashClient(s.client)}
		}
		h := hashSession(id, uint64(s.renewed), s.floor, c)
		if s.ttl != 0 {
			h = hashTimed(h, uint64(s.ttl), s.pending)
		}
		if s.lock != "" {
			h = hashLock(h, wire.Lock([]byte(s.lock)))
		}
		sum += h
		for seq, r := range s.results {
			sum += hashResult(id, seq, &r)
		}
		for seq, data := range s.data {
			sum += hashData(id, seq, []byte(data))
		}
	}
	if o.audit != nil {
		var a audit
		a.begin(o.audit.position, o.audit.voters)
		for i := range a.votes {
			a.votes[i].digest, a.votes[i].cast = o.audit.votes[a.votes[i].voter], false
			_, a.votes[i].cast = o.audit.votes[a.votes[i].voter]
		}
		a.rehash()
		sum += a.hash
	}
	return sum
}

// clone returns a copy that stays as it is.
func (o *oracle) clone() *oracle {
	c := *o
	c.variables = maps.Clone(o.variables)
	c.timers = maps.Clone(o.timers)
	c.owners = maps.Clone(o.owners)
	c.sessions = make(map[uint64]*oracleSession)
	for id, s := range o.sessions {
		c.sessions[id] = &oracleSession{client: s.client, lock: s.lock, ttl: s.ttl, pending: s.pending, renewed: s.renewed, floor: s.floor, results: maps.Clone(s.results), data: maps.Clone(s.data)}
	}
	if o.audit != nil {
		a := *o.audit
		a.votes = maps.Clone(a.votes)
		c.audit = &a
	}
	c.verdicts = slices.Clone(o.verdicts)
	return &c
}

func distinct(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}
