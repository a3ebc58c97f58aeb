package wire

import (
	"encoding/binary"

	"github.com/seed-8247e700/dsm/internal/wire/codec"
)

// hasMore is set in the byte of the operation when Prev follows the floor of a
// write, or the client follows where there may be one (FieldClient).
const hasMore = 0x80

// Append appends the encoding of c to dst: the operation, and the fields that
// count for it. The others are left out, and so is a Prev of 0. It panics when c.Op is not valid,
// since what it would write could not be read by any replica.
func (c *Command) Append(dst []byte) []byte {
	if !c.Op.Valid() {
		panic("wire: Append of a command without a valid operation")
	}
	has := operations[c.Op].Fields
	op, after := byte(c.Op), c.Prev != 0 && has&FieldSequence != 0
	if after {
		op |= hasMore
	}
	if has&FieldClient != 0 && (c.Key != "" || len(c.Value) > 0) {
		dst = appendBytes(appendBytes(append(dst, op|hasMore), c.Key), c.Value)
	} else {
		dst = append(dst, op)
	}
	if has&FieldSession != 0 {
		dst = binary.AppendUvarint(dst, c.Session)
	}
	if has&FieldSequence != 0 {
		dst = binary.AppendUvarint(dst, c.Seq)
		// The floor is close below Seq, so their distance is short, and so is
		// Prev. The arithmetic wraps, so that any pair is told as it is.
		dst = binary.AppendUvarint(dst, c.Seq-c.Floor)
	}
	if after {
		dst = binary.AppendUvarint(dst, c.Seq-c.Prev)
	}
	if has&FieldKey != 0 {
		dst = appendBytes(dst, c.Key)
	}
	if has&FieldValue != 0 {
		dst = appendBytes(dst, c.Value)
	}
	if has&FieldExpect != 0 {
		dst = binary.AppendUvarint(dst, c.Expect)
	}
	if has&FieldDelta != 0 {
		dst = binary.AppendVarint(dst, c.Delta)
	}
	return dst
}

// DecodeCommand takes one command off the front of b and returns what follows
// it. Key and Value alias b: clone what is kept longer than b. A command has
// exactly one encoding, so what it took of b may be passed on as it is.
func DecodeCommand(b []byte) (c Command, rest []byte, err error) {
	cur := codec.NewReader(b)
	readCommand(&cur, &c)
	if cur.Bad() {
		return Command{}, nil, ErrMalformed
	}
	return c, cur.Left(), nil
}

// readCommand takes a command into cmd, which must be zero.
func readCommand(c *codec.Reader, cmd *Command) {
	op := c.Uint8()
	cmd.Op = Op(op &^ hasMore)
	if !cmd.Op.Valid() {
		c.Fail()
		return
	}
	has, after := operations[cmd.Op].Fields, op&hasMore != 0
	if after && has&FieldClient != 0 {
		readClient(c, cmd)
		after = false
	}
	if has&FieldSession != 0 {
		cmd.Session = c.Uvarint()
	}
	if has&FieldSequence != 0 {
		cmd.Seq = c.Uvarint()
		cmd.Floor = cmd.Seq - c.Uvarint()
	}
	if after {
		readPrev(c, cmd, has)
	}
	if has&FieldKey != 0 {
		cmd.Key = aliasString(c.Bytes())
	}
	if has&FieldValue != 0 {
		cmd.Value = c.Bytes()
	}
	if has&FieldExpect != 0 {
		cmd.Expect = c.Uvarint()
	}
	if has&FieldDelta != 0 {
		cmd.Delta = c.Varint()
	}
}

// readClient takes the client that opens a session. That nothing is known of it is told
// by its absence alone.
func readClient(c *codec.Reader, cmd *Command) {
	cmd.Key, cmd.Value = aliasString(c.Bytes()), c.Bytes()
	if len(cmd.Value) == 0 {
		cmd.Value = nil
	}
	if cmd.Key == "" && cmd.Value == nil {
		c.Fail()
	}
}

// readPrev takes the predecessor of a write. That there is none is told by its
// absence alone.
func readPrev(c *codec.Reader, cmd *Command, has Fields) {
	cmd.Prev = cmd.Seq - c.Uvarint()
	if cmd.Prev == 0 || has&FieldSequence == 0 {
		c.Fail()
	}
}

// AppendStrings appends a list of strings: their number, and each with its
// length.
func AppendStrings(dst []byte, list []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, s := range list {
		dst = appendBytes(dst, s)
	}
	return dst
}

// DecodeStrings is the inverse of AppendStrings. b must hold the list and
// nothing else. The strings are copies. An empty list is nil.
func DecodeStrings(b []byte) ([]string, error) {
	cur := codec.NewReader(b)
	// Each string takes at least its length's byte, which bounds the memory.
	n := cur.Max(uint64(len(b)))
	if cur.Bad() || n > uint64(cur.Len()) {
		return nil, ErrMalformed
	}
	var list []string
	if n > 0 {
		list = make([]string, 0, n)
	}
	for range n {
		list = append(list, string(cur.Bytes()))
	}
	if err := end(&cur); err != nil {
		return nil, err
	}
	return list, nil
}
