package store

import (
	"encoding/binary"
	"fmt"

	"github.com/tidwall/btree"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/internal/wire/codec"
)

// timerImage is what a snapshot has of the timers: a copy of their queue, which shares what
// the owner does not change, and how far it is encoded.
type timerImage struct {
	queue *btree.BTreeG[timer]
	last  timer
	began bool
}

// image returns the timers as they are now, nil if there are none.
func (t *timers) image() *timerImage {
	if len(t.of) == 0 || planted.On(planted.TimersNotInSnapshot) {
		return nil
	}
	return &timerImage{queue: t.queue.Copy()}
}

// encodeTimers encodes the timers in the order in which they are due.
func (s *Snapshot) encodeTimers(p *part) bool {
	t := s.timers
	if t == nil {
		return true
	}
	done := true
	t.queue.Ascend(t.last, func(r timer) bool {
		if t.began && r == t.last {
			return true
		}
		if done = p.add(appendTimer(p.bytes, &r)); !done {
			return false
		}
		s.recomputed += r.hash()
		t.last, t.began = r, true
		return true
	})
	return done
}

func appendTimer(dst []byte, r *timer) []byte {
	dst = append(dst, recordTimer)
	dst = appendBytes(dst, r.entry.key)
	dst = binary.AppendUvarint(dst, r.ttl)
	dst = binary.AppendUvarint(dst, r.set)
	if r.deadline == unarmed {
		return binary.AppendUvarint(dst, 0)
	}
	return binary.AppendUvarint(dst, r.deadline)
}

// timer takes the timer of a variable that has been taken before.
func (r *Restorer) timer(d *codec.Reader) error {
	key := string(d.Bytes())
	t := timer{ttl: d.Uvarint(), set: d.Uvarint(), deadline: d.Uvarint()}
	if t.deadline == 0 {
		t.deadline = unarmed
	}
	e, v := r.store.variables.find(key)
	// A deadline that is over is that of one of many.
	if d.Bad() || r.kept == nil || r.kept.began || v == nil || e.timed || t.ttl == 0 || t.ttl > wire.MaxTTL ||
		t.set == 0 || t.set > r.position ||
		t.deadline != unarmed && t.deadline > r.store.sessions.clock+t.ttl+1 {
		return fmt.Errorf("%w: impossible timer of variable %.40q", ErrFormat, key)
	}
	t.entry = e
	r.store.variables.timers.add(t)
	return nil
}
