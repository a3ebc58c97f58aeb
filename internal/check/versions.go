package check

import (
	"bytes"
	"math"
	"strconv"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// version is what a variable held from a position on.
type version struct {
	position uint64
	hash     uint64 // of the value
	session  uint64 // that wrote it
	seq      uint64
	number   int64 // the value is the decimal text of it, if numeric
	numeric  bool
	absent   bool
	expired  bool // absent because its time was over
	opaque   bool // the hash and the number are not known
}

// overflows reports whether number + delta is no int64.
func (v version) overflows(delta int64) bool {
	return delta > 0 && v.number > math.MaxInt64-delta || delta < 0 && v.number < math.MinInt64-delta
}

// variable is one variable with the versions that can still be read.
type variable struct {
	versions []version
	pruned   bool // older versions were forgotten

	value     []byte // the newest, if it is kept whole
	keptWhole bool
}

// keepWhole notes the value of the newest version, if it is known and short enough.
func (v *variable) keepWhole(value []byte, known bool, most int) {
	v.keptWhole = known && len(value) <= most
	if v.value = v.value[:0]; v.keptWhole {
		v.value = append(v.value, value...)
	}
}

// whole returns the newest value, if it is known. That of a counter is, without being kept.
func (v *variable) whole() text {
	last := v.present()
	if last.absent {
		return text{known: true}
	}
	if v.keptWhole {
		return text{v.value, true}
	}
	if last.numeric {
		if decimal := strconv.AppendInt(nil, last.number, 10); xxh3.Hash(decimal) == last.hash {
			return text{decimal, true}
		}
	}
	return text{}
}

// at returns the version at a position, false if it is not known any more.
// Before its first version a variable is absent.
func (v *variable) at(position uint64) (version, bool) {
	for i := len(v.versions) - 1; i >= 0; i-- {
		if v.versions[i].position <= position {
			return v.versions[i], true
		}
		if len(v.versions)-i > scanVersions {
			return v.search(position)
		}
	}
	return version{absent: true}, !v.pruned
}

// scanVersions is how many versions are looked at one by one before a search.
// Nearly all reads are of one of the newest.
const scanVersions = 8

func (v *variable) search(position uint64) (version, bool) {
	low, high := 0, len(v.versions)
	for low < high {
		if mid := (low + high) / 2; v.versions[mid].position <= position {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == 0 {
		return version{absent: true}, !v.pruned
	}
	return v.versions[low-1], true
}

// present is the newest version.
func (v *variable) present() version {
	if len(v.versions) == 0 {
		return version{absent: true}
	}
	return v.versions[len(v.versions)-1]
}

// prune forgets versions that were overwritten at or before floor.
func (v *variable) prune(floor uint64) {
	n := 0
	for n+1 < len(v.versions) && v.versions[n+1].position <= floor {
		n++
	}
	if n > 0 {
		v.versions, v.pruned = v.versions[n:], true
	}
}

// apply carries out e, which took effect, and returns the new version and, for
// an add, the sum. An empty problem says that it could take effect.
func (v *variable) apply(e *Entry) (next version, sum int64, problem string) {
	c := &e.Command
	old := v.present()
	next = version{position: e.Position, session: c.Session, seq: c.Seq}
	switch c.Op {
	case wire.OpCompareAndSet:
		if c.Expect != old.shown() {
			problem = "took effect although the version was " + strconv.FormatUint(old.shown(), 10)
		}
		fallthrough
	case wire.OpSet:
		next.hash = xxh3.Hash(c.Value)
		next.number, next.numeric = parseNumber(c.Value)
	case wire.OpDelete:
		next.absent = true
		if old.absent {
			problem = "took effect although there was no such variable"
		}
	case wire.OpAdd:
		var why history.Refusal
		switch sum, why = old.add(c.Delta); why {
		case history.NotInteger:
			sum = c.Delta
			problem = "took effect although the value was no number"
		case history.Overflow:
			problem = "took effect although the sum is no int64"
		}
		var text [20]byte
		next.hash = xxh3.Hash(strconv.AppendInt(text[:0], sum, 10))
		next.number, next.numeric = sum, true
	default:
		problem = "took effect, and what it does is not known"
	}
	v.versions = append(v.versions, next)
	return next, sum, problem
}

// add returns the sum after an add, or why there is none.
func (v version) add(delta int64) (sum int64, why history.Refusal) {
	switch {
	case v.absent:
		return delta, history.Refused
	case !v.numeric && !v.opaque:
		return 0, history.NotInteger
	case v.overflows(delta):
		return 0, history.Overflow
	default:
		return v.number + delta, history.Refused
	}
}

// shown is the version number that a client sees: 0 means absent.
func (v version) shown() uint64 {
	if v.absent {
		return 0
	}
	return v.position
}

// parseNumber reads a counter's value.
func parseNumber(value []byte) (int64, bool) {
	if len(value) == 0 || len(value) > 20 || !bytes.ContainsRune([]byte("-0123456789"), rune(value[0])) {
		return 0, false
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	return n, err == nil
}
