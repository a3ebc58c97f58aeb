package store

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// smallLimits are reached by few commands.
var smallLimits = Limits{MaxKeyBytes: 8, MaxValueBytes: 600, MaxSessions: 6, MaxClientSessions: 2, MaxAddressSessions: 4, MaxSessionResults: 40, MaxResults: 9, MaxResultBytes: 40, SessionTTL: 50 * time.Millisecond}

// message is a batch of commands as it is delivered.
type message struct {
	first    uint64
	commands []wire.Command // as they count: zero from the malformed one on
	payload  []byte
}

// script draws messages of commands that have something to do with one another.
type script struct {
	next     uint64
	sessions []uint64          // ids, of expired ones too
	seqs     map[uint64]uint64 // highest sequence used, by session
	floors   map[uint64]uint64
	audits   []uint64
	recent   []wire.Command // writes
	oracle   *oracle        // tells which sessions live
}

func newScript() *script {
	return &script{next: 1, seqs: make(map[uint64]uint64), floors: make(map[uint64]uint64), oracle: newOracle(smallLimits)}
}

func (s *script) message(t *rapid.T) message {
	m := message{first: s.next}
	count := rapid.IntRange(1, 12).Draw(t, "count")
	broken := -1
	if rapid.IntRange(0, 20).Draw(t, "malformed") == 0 {
		broken = rapid.IntRange(0, count-1).Draw(t, "malformed at")
	}
	for i := range count {
		if broken >= 0 && i >= broken {
			m.payload = append(m.payload, 0xff)
			m.commands = append(m.commands, wire.Command{})
			s.oracle.apply(wire.Command{})
		} else {
			c := s.command(t)
			m.payload = c.Append(m.payload)
			m.commands = append(m.commands, c)
			s.oracle.apply(c)
		}
		s.next++
	}
	return m
}

// command draws the command at position s.next.
func (s *script) command(t *rapid.T) wire.Command {
	switch kind := rapid.IntRange(0, 99).Draw(t, "kind"); {
	case kind < 8 || len(s.sessions) == 0:
		s.sessions = append(s.sessions, s.next)
		c := drawOpen(t)
		if rapid.Bool().Draw(t, "timed") {
			c.Op, c.Delta = wire.OpOpenTimed, rapid.SampledFrom([]int64{100, 100, 101, 120, 200, 99, wire.MaxSessionTTL, wire.MaxSessionTTL + 1}).Draw(t, "TTL")
		}
		if rapid.Bool().Draw(t, "locked") {
			lock := wire.Lock{15: rapid.SampledFrom([]byte{1, 1, 2, 3, 0}).Draw(t, "lock")}
			c.Op, c.Value = wire.OpOpenLocked, wire.AppendLocked(nil, lock, string(c.Value))
			if rapid.IntRange(0, 15).Draw(t, "short") == 0 {
				c.Value = c.Value[:15]
			}
		}
		return c
	case kind < 11:
		return wire.Command{Op: wire.OpRenewSession, Session: s.session(t)}
	case kind < 13:
		return wire.Command{Op: wire.OpCloseSession, Session: s.session(t)}
	case kind < 14:
		return wire.Command{Op: wire.OpBarrier}
	case kind < 15:
		return wire.Command{
			Op: wire.OpQuota, Delta: rapid.SampledFrom([]int64{0, 0, 10, 30, 100, -1}).Draw(t, "bytes"),
			Expect: rapid.SampledFrom([]uint64{0, 0, 1, 3, 10}).Draw(t, "variables"),
		}
	case kind < 21:
		delta := rapid.SampledFrom([]int64{0, 1, 1, 2, 5, 10, 10, 20, 49, 50, -1, 3_600_000, 3_600_001}).Draw(t, "tick")
		if rapid.IntRange(0, 2).Draw(t, "an old tick") == 0 {
			return wire.Command{Op: wire.OpTick, Delta: delta}
		}
		seen := rapid.SampledFrom([]uint64{s.next - 1, s.next - 1, s.next - min(s.next, 5), s.next / 2, s.next}).Draw(t, "seen")
		return wire.Command{Op: wire.OpClock, Delta: delta, Expect: seen}
	case kind < 24:
		s.audits = append(s.audits, s.next)
		voters := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}), 0, 5).Draw(t, "voters")
		return wire.Command{Op: wire.OpAudit, Value: wire.AppendStrings(nil, voters)}
	case kind < 36 && len(s.audits) > 0:
		recent := s.audits[max(0, len(s.audits)-2):]
		return wire.Command{
			Op:     wire.OpAuditVote,
			Key:    rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "x"}).Draw(t, "voter"),
			Expect: rapid.SampledFrom(recent).Draw(t, "audit"),
			Value:  binary.LittleEndian.AppendUint64(nil, rapid.Uint64Range(1, 3).Draw(t, "digest"))[:rapid.SampledFrom([]int{8, 8, 8, 8, 8, 7}).Draw(t, "vote's length")],
		}
	default:
		return s.write(t)
	}
}

// drawOpen draws who opens a session: often the same, now and then one that cannot
// be.
func drawOpen(t *rapid.T) wire.Command {
	c := wire.Command{Op: wire.OpOpenSession}
	c.Key = rapid.SampledFrom([]string{"", "", "a", "a", "b", "c", "\x1b[2J", strings.Repeat("x", 65)}).Draw(t, "client")
	if address := rapid.SampledFrom([]string{"", "1", "1", "1", "2", "\u009b", "\xff"}).Draw(t, "address"); address != "" {
		c.Value = []byte(address)
	}
	return c
}

func (s *script) session(t *rapid.T) uint64 {
	if rapid.IntRange(0, 15).Draw(t, "bogus session") == 0 {
		return rapid.SampledFrom([]uint64{0, s.next, math.MaxUint64}).Draw(t, "session")
	}
	if live := slices.Sorted(maps.Keys(s.oracle.sessions)); len(live) > 0 && rapid.IntRange(0, 3).Draw(t, "a live session") > 0 {
		return rapid.SampledFrom(live).Draw(t, "session")
	}
	recent := s.sessions[max(0, len(s.sessions)-8):]
	return rapid.SampledFrom(recent).Draw(t, "session")
}

func (s *script) write(t *rapid.T) wire.Command {
	if len(s.recent) > 0 && rapid.IntRange(0, 7).Draw(t, "again") == 0 {
		return rapid.SampledFrom(s.recent).Draw(t, "write") // sent once more, as it was
	}
	c := s.newWrite(t)
	if s.recent = append(s.recent, c); len(s.recent) > 6 {
		s.recent = s.recent[1:]
	}
	return c
}

func (s *script) newWrite(t *rapid.T) wire.Command {
	c := wire.Command{
		Op:      rapid.SampledFrom([]wire.Op{wire.OpSet, wire.OpSet, wire.OpDelete, wire.OpAdd, wire.OpCompareAndSet, wire.OpTxn, wire.OpTxn}).Draw(t, "op"),
		Session: s.session(t),
		Key:     drawKey(t),
	}
	last := s.seqs[c.Session]
	switch rapid.IntRange(0, 9).Draw(t, "sequence") {
	case 0: // a repeat, or a late one
		c.Seq = rapid.Uint64Range(last-min(last, rapid.SampledFrom([]uint64{4, last}).Draw(t, "late")), last).Draw(t, "seq")
	case 1: // far ahead
		c.Seq = last + rapid.Uint64Range(1, 60).Draw(t, "seq")
	default:
		c.Seq = last + 1
	}
	switch rapid.IntRange(0, 5).Draw(t, "predecessor") {
	case 0, 1:
		c.Prev = last // which may have been refused
	case 2:
		c.Prev = rapid.Uint64Range(0, c.Seq+1).Draw(t, "prev")
	}
	s.seqs[c.Session] = max(last, c.Seq)
	if rapid.IntRange(0, 2).Draw(t, "raise the floor") == 0 {
		s.floors[c.Session] = max(s.floors[c.Session], rapid.Uint64Range(0, c.Seq).Draw(t, "floor"))
	}
	c.Floor = s.floors[c.Session] // which may be above a late Seq
	switch c.Op {
	case wire.OpSet, wire.OpCompareAndSet:
		c.Value = drawValue(t)
	case wire.OpAdd:
		c.Delta = rapid.SampledFrom([]int64{1, -1, 0, math.MaxInt64, math.MinInt64, 1000}).Draw(t, "delta")
	}
	if c.Op == wire.OpTxn {
		c.Key, c.Value = "", s.txn(t)
	}
	if c.Op == wire.OpCompareAndSet {
		c.Expect = rapid.SampledFrom([]uint64{0, 0, s.next - 1, s.next - 2, s.next / 2}).Draw(t, "expect")
	}
	return c
}

func drawKey(t *rapid.T) string {
	n := rapid.IntRange(0, 60).Draw(t, "key")
	switch n {
	case 0:
		return ""
	case 1:
		return "\x00k"
	case 2:
		return "ninebytes"
	case 3:
		return "eightbyt"
	}
	return fmt.Sprintf("k%d", n%7)
}

func drawValue(t *rapid.T) []byte {
	switch rapid.IntRange(0, 3).Draw(t, "value") {
	case 0:
		return []byte(rapid.SampledFrom([]string{"", "0", "-7", "+3", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1_0", "007"}).Draw(t, "number"))
	case 1:
		n := rapid.SampledFrom([]int{15, 16, 17, 48, 49, 80, 81, 112, 113, 208, 209, 464, 465, 600, 601}).Draw(t, "length")
		return []byte(strings.Repeat("v", n))
	default:
		return []byte(fmt.Sprintf("value %d", rapid.IntRange(0, 1000).Draw(t, "number")))
	}
}
