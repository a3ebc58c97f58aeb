package wire

import (
	"encoding/binary"

	"github.com/seed-8247e700/dsm/internal/wire/codec"
)

// TxnHas says what a TxnResult has.
type TxnHas uint8

// What a result has. The other bits are for later releases.
const (
	TxnFound  TxnHas = 1 << iota // the variable existed before the operation
	TxnValue                     // Version and Value
	TxnNumber                    // Number

	txnHasAll = TxnFound | TxnValue | TxnNumber
)

// NoTTL is the number of a TxnTTL on a variable that exists and has no TTL.
const NoTTL = -1

// TxnResult is the result of one operation of a transaction that was done. The data of the
// transaction's result has those of the branch that ran, one after the other.
type TxnResult struct {
	Has     TxnHas
	Version uint64 // of the variable before the operation
	Value   []byte // from before the operation
	Number  int64  // TxnAdd: the sum; TxnAppend: the length of the value from now on; TxnTTL: milliseconds, NoTTL without one
}

// Append appends the encoding of r to dst.
func (r *TxnResult) Append(dst []byte) []byte {
	dst = append(dst, byte(r.Has))
	if r.Has&TxnValue != 0 {
		dst = appendBytes(binary.AppendUvarint(dst, r.Version), r.Value)
	}
	if r.Has&TxnNumber != 0 {
		dst = binary.AppendVarint(dst, r.Number)
	}
	return dst
}

// DecodeTxnResults decodes the data of a transaction's result. The values alias b. If b is
// no such data, or that of more than MaxTxnOps operations, ErrMalformed is returned.
func DecodeTxnResults(b []byte) ([]TxnResult, error) {
	r := codec.NewReader(b)
	var list []TxnResult
	for r.Len() > 0 {
		one := TxnResult{Has: TxnHas(r.Uint8())}
		if one.Has&^txnHasAll != 0 || one.Has&(TxnFound|TxnValue) == TxnValue || len(list) == MaxTxnOps {
			return nil, ErrMalformed
		}
		if one.Has&TxnValue != 0 {
			one.Version, one.Value = r.Uvarint(), r.Bytes()
		}
		if one.Has&TxnNumber != 0 {
			one.Number = r.Varint()
		}
		list = append(list, one)
	}
	if err := end(&r); err != nil {
		return nil, err
	}
	return list, nil
}
