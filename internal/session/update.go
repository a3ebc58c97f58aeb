package session

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Update is what a client knows of a transaction that it tries again until nothing has
// come between. The zero value has not been tried.
type Update struct {
	conflicts int
	gone      int
	of        map[string]int // conflicts by what has changed
	hottest   string
}

// Outcome is what has become of an attempt's commit.
type Outcome uint8

// The outcomes.
const (
	Committed  Outcome = iota
	Conflicted         // something had changed: the function runs again
	Failed             // the commit's error is that of the update
)

// turnAfter is how many conflicts an update has before it waits for its turn.
const turnAfter = 3

// Ended takes the end of a commit: its reply, and whether it was answered with StatusOK. If
// not, an unknown outcome makes no difference: the commit may have been executed, and its
// function must not run again. Conflicted comes with the condition that does not hold, nil if
// the reply does not name it.
func (u *Update) Ended(txn *wire.Txn, reply *wire.Reply, done, unknown bool) (Outcome, *wire.Cond) {
	switch {
	case planted.On(planted.UpdateRenumbered) && unknown:
		return Conflicted, nil
	case !done:
		return Failed, nil
	case reply.Number == wire.TxnThen:
		return Committed, nil
	}
	var changed *wire.Cond
	if n := reply.Version; n > 0 && n <= uint64(len(txn.If)) {
		changed = &txn.If[n-1]
		u.met(changed.Key)
	}
	u.conflicts++
	return Conflicted, changed
}

func (u *Update) met(key string) {
	if u.of == nil {
		u.of = make(map[string]int)
	}
	u.of[key]++
	if u.of[key] >= u.of[u.hottest] {
		u.hottest = key
	}
}

// Gone notes that an attempt has come to its end because the state at its position is not kept
// any more.
func (u *Update) Gone() { u.gone++ }

// Attempts returns how many attempts have to be followed by another.
func (u *Update) Attempts() int { return u.conflicts + u.gone }

// Conflicts returns how many conflicts there were.
func (u *Update) Conflicts() int { return u.conflicts }

// Turn returns the key for which the update must wait for its turn among those of its process
// before it is tried again: the one that most conflicts were about, of those the latest. ok is
// false after fewer than three conflicts.
func (u *Update) Turn() (key string, ok bool) { return u.hottest, u.conflicts >= turnAfter }

const (
	firstPause = time.Millisecond
	lastPause  = 64 * time.Millisecond
)

// Pause returns how long to wait before the next attempt: from nothing to 1 ms after the first,
// 2 ms after the second, and so on up to 64 ms. random is from [0, 1).
func (u *Update) Pause(random float64) time.Duration {
	return time.Duration(random * float64(min(firstPause<<min(max(u.Attempts()-1, 0), 20), lastPause)))
}
