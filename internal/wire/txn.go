package wire

import (
	"encoding/binary"
	"errors"

	"github.com/seed-8247e700/dsm/internal/wire/codec"
)

// Bounds of a transaction. Every replica applies them, so they are part of the protocol.
// A node sends them in the handshake.
const (
	MaxTxnOps   = 4096    // conditions of If, and operations of both branches, together
	MaxTxnBytes = 4 << 20 // of the encoding
)

// ErrTxnTooLarge means that a transaction exceeds MaxTxnOps, MaxTxnBytes or MaxRangeEntries.
var ErrTxnTooLarge = errors.New("wire: the transaction has too many operations, too many bytes or too many variables in its ranges")

// Txn is what an OpTxn does: if all conditions of If hold at its position, the operations
// of Then, and else those of Else, in sequence, each seeing the ones before it. If one
// cannot be done, none is. Its encoding is the command's Value.
type Txn struct {
	If         []Cond
	Then, Else []TxnOp
}

// CondKind says what a condition compares. Its numbers are part of the protocol.
type CondKind uint8

// The conditions.
const (
	CondNone    CondKind = 0 // of an operation without a condition
	CondVersion CondKind = 1 // the variable has the Version; 0: it is absent
	CondValue   CondKind = 2 // the variable exists, and has the Value
	CondPresent CondKind = 3 // the variable exists
	CondRange   CondKind = 4 // the variables from Key on and below Range.To are those of the Range; never of an operation
)

// Cond is a condition on a variable, or on a range of them.
type Cond struct {
	Kind    CondKind
	Key     string      // of an operation's condition: "", since it is on the operation's variable
	Version uint64      // CondVersion
	Value   []byte      // CondValue
	Range   *RangeState // CondRange
}

// TxnKind says what an operation of a transaction does. Its numbers are part of the
// protocol.
type TxnKind uint8

// The operations of a transaction.
const (
	TxnPut    TxnKind = 1 // sets the variable to Value
	TxnDelete TxnKind = 2 // deletes the variable, if it exists
	TxnAdd    TxnKind = 3 // adds Delta to the number in the variable, none being 0
	TxnAppend TxnKind = 4 // appends Value to the variable, none being empty
	TxnRead   TxnKind = 5

	TxnExpire  TxnKind = 6 // sets the variable's TTL, if it exists
	TxnPersist TxnKind = 7 // takes the variable's TTL away, if it has one
	TxnTTL     TxnKind = 8 // returns what is left of it
)

// MaxTTL is the longest TTL, in milliseconds: a hundred years.
const MaxTTL = 100 * 365 * 24 * 60 * 60 * 1000

// TxnOp is an operation of a transaction. If its condition does not hold, the whole
// transaction fails with StatusConflict.
type TxnOp struct {
	Kind  TxnKind
	Old   bool // the result has the version and the value from before; a TxnRead's always has them; not of TxnTTL
	Key   string
	If    Cond
	Value []byte
	Delta int64

	// A TxnPut takes the variable's TTL away, unless it has one of its own, or KeepTTL.
	// TxnAdd and TxnAppend keep it, unless they have one.
	TTL     uint64 // in milliseconds, at most MaxTTL; 0: none
	KeepTTL bool

	// Ephemeral has the session of the transaction, which must have a TTL of its own, own the
	// variable, which expires when the session ends. Other TxnPuts free a variable from its
	// owner, unless they have KeepTTL; TxnAdd and TxnAppend do not.
	Ephemeral bool
}

// The byte of an operation's flags: the kind of its condition in the lowest bits, whether
// its result has the old value, whether there is a TTL or the one of before is kept, and
// whether the session owns the variable from now on. The highest is for later releases.
const (
	txnCondBits  = 0x07
	txnOld       = 0x08
	txnTTL       = 0x10
	txnKeepTTL   = 0x20
	txnEphemeral = 0x40
	txnFlags     = txnCondBits | txnOld | txnTTL | txnKeepTTL | txnEphemeral
)

// What an operation of a transaction may have beside its key.
type txnFields uint8

const (
	txnHasValue txnFields = 1 << iota
	txnHasDelta
	txnMayOld
	txnMayTTL
	txnMustTTL
	txnMayKeep
	txnMayOwn
)

// txnOperations is the table of operations, by kind.
var txnOperations = [...]struct {
	fields txnFields
}{
	TxnPut:     {txnHasValue | txnMayOld | txnMayTTL | txnMayKeep | txnMayOwn},
	TxnDelete:  {txnMayOld},
	TxnAdd:     {txnHasDelta | txnMayOld | txnMayTTL | txnMayOwn},
	TxnAppend:  {txnHasValue | txnMayOld | txnMayTTL | txnMayOwn},
	TxnRead:    {},
	TxnExpire:  {txnMayOld | txnMayTTL | txnMustTTL},
	TxnPersist: {txnMayOld},
	TxnTTL:     {},
}

// The lengths of the shortest encodings.
const (
	leastCondBytes = 2 // kind, length of the key
	leastOpBytes   = 3 // kind, flags, length of the key
)

// keptOps bounds the lists that Reset keeps for use again.
const keptOps = 256

// Reset lets go of what t refers to, and keeps some space for the next Decode.
func (t *Txn) Reset() {
	t.If, t.Then, t.Else = reset(t.If), reset(t.Then), reset(t.Else)
}

func reset[T any](list []T) []T {
	if cap(list) > keptOps {
		return nil
	}
	clear(list)
	return list[:0]
}

// Ops returns the number of conditions and operations, which MaxTxnOps bounds.
func (t *Txn) Ops() int { return len(t.If) + len(t.Then) + len(t.Else) }

// Branch returns the operations of Then or of Else.
func (t *Txn) Branch(then bool) []TxnOp {
	if then {
		return t.Then
	}
	return t.Else
}

// Append appends the encoding of t to dst. It does not look at the bounds.
func (t *Txn) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(t.If)))
	for i := range t.If {
		c := &t.If[i]
		dst = appendBytes(append(dst, byte(c.Kind)), c.Key)
		dst = c.appendOperand(dst)
	}
	for _, ops := range [...][]TxnOp{t.Then, t.Else} {
		dst = binary.AppendUvarint(dst, uint64(len(ops)))
		for i := range ops {
			dst = ops[i].append(dst)
		}
	}
	return dst
}

func (o *TxnOp) append(dst []byte) []byte {
	has := o.Kind.fields()
	flags := byte(o.If.Kind)
	if o.Old {
		flags |= txnOld
	}
	if o.TTL > 0 {
		flags |= txnTTL
	}
	if o.KeepTTL {
		flags |= txnKeepTTL
	}
	if o.Ephemeral {
		flags |= txnEphemeral
	}
	dst = appendBytes(append(dst, byte(o.Kind), flags), o.Key)
	dst = o.If.appendOperand(dst)
	if has&txnHasValue != 0 {
		dst = appendBytes(dst, o.Value)
	}
	if has&txnHasDelta != 0 {
		dst = binary.AppendVarint(dst, o.Delta)
	}
	if o.TTL > 0 {
		dst = binary.AppendUvarint(dst, o.TTL)
	}
	return dst
}

// fields tells what an operation of the kind may have. There is none of kind 0.
func (k TxnKind) fields() txnFields {
	if int(k) >= len(txnOperations) {
		return 0
	}
	return txnOperations[k].fields
}

// MayTTL reports whether an operation of the kind may have a TTL.
func (k TxnKind) MayTTL() bool { return k.fields()&txnMayTTL != 0 }

// MayOwn reports whether an operation of the kind may be Ephemeral.
func (k TxnKind) MayOwn() bool { return k.fields()&txnMayOwn != 0 }

// MayKeepTTL reports whether an operation of the kind may have KeepTTL.
func (k TxnKind) MayKeepTTL() bool { return k.fields()&txnMayKeep != 0 }

// appendOperand appends what the condition compares with.
func (c *Cond) appendOperand(dst []byte) []byte {
	switch c.Kind {
	case CondVersion:
		return binary.AppendUvarint(dst, c.Version)
	case CondValue:
		return appendBytes(dst, c.Value)
	case CondRange:
		return c.Range.append(dst)
	case CondNone, CondPresent:
	}
	return dst
}

// Decode sets t to the transaction that b encodes, and uses its slices again. Keys and
// values alias b. If b exceeds a bound, ErrTxnTooLarge is returned, and ErrMalformed if it
// is no transaction. A transaction has exactly one encoding.
func (t *Txn) Decode(b []byte) error {
	t.If, t.Then, t.Else = t.If[:0], t.Then[:0], t.Else[:0]
	if len(b) > MaxTxnBytes {
		return ErrTxnTooLarge
	}
	r := codec.NewReader(b)
	n := r.Count(leastCondBytes)
	room := MaxTxnOps - n
	if room < 0 {
		return ErrTxnTooLarge
	}
	var ranges rangeBounds
	for range n {
		c := Cond{Kind: CondKind(r.Uint8()), Key: aliasString(r.Bytes())}
		if c.Kind == CondNone {
			r.Fail()
		}
		c.readOperand(&r)
		if c.Kind == CondRange && !ranges.take(&c) {
			r.Fail()
		}
		t.If = append(t.If, c)
	}
	if ranges.entries > MaxRangeEntries {
		return ErrTxnTooLarge
	}
	for _, ops := range [...]*[]TxnOp{&t.Then, &t.Else} {
		n := r.Count(leastOpBytes)
		if room -= n; room < 0 {
			return ErrTxnTooLarge
		}
		for range n {
			*ops = append(*ops, readTxnOp(&r))
		}
	}
	return end(&r)
}

func readTxnOp(r *codec.Reader) TxnOp {
	o := TxnOp{Kind: TxnKind(r.Uint8())}
	flags := r.Uint8()
	o.Old = flags&txnOld != 0
	o.If.Kind = CondKind(flags & txnCondBits)
	o.Key = aliasString(r.Bytes())
	o.KeepTTL, o.Ephemeral = flags&txnKeepTTL != 0, flags&txnEphemeral != 0
	has, ttl := o.Kind.fields(), flags&txnTTL != 0
	if o.Kind == 0 || int(o.Kind) >= len(txnOperations) || flags&^txnFlags != 0 || o.If.Kind == CondRange ||
		o.Old && has&txnMayOld == 0 || ttl && has&txnMayTTL == 0 || !ttl && has&txnMustTTL != 0 ||
		o.KeepTTL && (ttl || o.Ephemeral || has&txnMayKeep == 0) || o.Ephemeral && has&txnMayOwn == 0 {
		r.Fail()
	}
	o.If.readOperand(r)
	if has&txnHasValue != 0 {
		o.Value = r.Bytes()
	}
	if has&txnHasDelta != 0 {
		o.Delta = r.Varint()
	}
	if ttl {
		if o.TTL = r.Uvarint(); o.TTL == 0 || o.TTL > MaxTTL {
			r.Fail()
		}
	}
	return o
}

func (c *Cond) readOperand(r *codec.Reader) {
	switch c.Kind {
	case CondVersion:
		c.Version = r.Uvarint()
	case CondValue:
		c.Value = r.Bytes()
	case CondRange:
		c.Range = readRangeState(r)
	case CondNone, CondPresent:
	default:
		r.Fail()
	}
}

// Touches reports whether match holds for any key of the transaction. Ranges have none.
func (t *Txn) Touches(match func(key string) bool) bool {
	for i := range t.If {
		if t.If[i].Kind != CondRange && match(t.If[i].Key) {
			return true
		}
	}
	for _, ops := range [...][]TxnOp{t.Then, t.Else} {
		for i := range ops {
			if match(ops[i].Key) {
				return true
			}
		}
	}
	return false
}
