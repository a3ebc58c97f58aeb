package check

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Entry is one command of the order, as the checks see it. It is valid during
// a call only: Command aliases the message.
type Entry struct {
	Position uint64
	Command  wire.Command
	OK       bool // it took effect

	// Sum is what a counter holds after an add that took effect. Reads works
	// it out for the checks behind it.
	Sum int64

	// Of a transaction, Reads works out more. If it took effect, Sum is the branch that ran,
	// and Data stands for its results, 0 if they cannot be known. If not, Failure is why not, if
	// it was carried out here; the zero value: it would have taken effect.
	Data    uint64
	Failure failure
}

// wireOps has the operation that carries out each kind of write, which has its name.
var wireOps = func() map[history.Kind]wire.Op {
	ops := make(map[history.Kind]wire.Op)
	for op := wire.Op(1); op.Valid(); op++ {
		if op.IsWrite() {
			ops[history.Kind(op.String())] = op
		}
	}
	return ops
}()

// contentOfCommand is a hash of all that a write asks for.
func contentOfCommand(c *wire.Command) uint64 {
	return contentHash(c.Op, c.Key, c.Value, c.Expect, c.Delta)
}

// contentOfOp is the hash that the command of o must have.
func contentOfOp(o *history.Op) uint64 {
	return contentHash(wireOps[o.Kind], o.Key, o.Value, o.Expect, o.Delta)
}

func contentHash(op wire.Op, key string, value []byte, expect uint64, delta int64) uint64 {
	var b [33]byte
	b[0] = byte(op)
	binary.LittleEndian.PutUint64(b[1:], xxh3.HashString(key))
	binary.LittleEndian.PutUint64(b[9:], xxh3.Hash(value))
	binary.LittleEndian.PutUint64(b[17:], expect)
	binary.LittleEndian.PutUint64(b[25:], uint64(delta))
	return xxh3.Hash(b[:])
}
