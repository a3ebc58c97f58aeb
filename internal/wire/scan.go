package wire

import (
	"encoding/binary"

	"github.com/seed-8247e700/dsm/internal/wire/codec"
)

// Bounds on the pages of a scan.
const (
	MaxScanItems = 10_000
	MaxScanBytes = 256 << 10 // of keys and values, unless one variable is longer
)

// ScanQuery asks for a page of the variables in a range, in the order of the bytes of
// their keys. A RequestScan carries it, encoded, as its Key. The reply's Version is the
// position of the state that the page shows, which may be below its Position; its Data is a
// ScanPage. If that state is not kept any more, the answer is StatusLagged.
type ScanQuery struct {
	From, To string // keys from From on and below To; To "": without an upper bound
	Flags    ScanFlags
	At       uint64 // with ScanAt: the position whose state is shown
	Limit    uint64 // of items; 0 and all above MaxScanItems: as many as a page has
}

// ScanFlags are options of a scan.
type ScanFlags uint8

// The options of a scan. ScanKeys and ScanCount exclude each other.
const (
	ScanAt      ScanFlags = 1 << iota // at a position, not now
	ScanReverse                       // from the end of the range down
	ScanKeys                          // keys and versions, without values
	ScanCount                         // the number of variables alone

	scanFlags = ScanAt | ScanReverse | ScanKeys | ScanCount
)

// Append appends the encoding of q.
func (q *ScanQuery) Append(dst []byte) []byte {
	dst = append(dst, byte(q.Flags))
	dst = binary.AppendUvarint(dst, q.At)
	dst = binary.AppendUvarint(dst, q.Limit)
	dst = appendBytes(dst, q.From)
	return append(dst, q.To...)
}

// DecodeScanQuery reads what Append has written. The strings alias b.
func DecodeScanQuery(b []byte) (ScanQuery, error) {
	cur := codec.NewReader(b)
	q := ScanQuery{Flags: ScanFlags(cur.Uint8()), At: cur.Uvarint(), Limit: cur.Uvarint()}
	q.From = aliasString(cur.Bytes())
	q.To = aliasString(cur.Rest())
	if err := end(&cur); err != nil {
		return ScanQuery{}, err
	}
	const one = ScanKeys | ScanCount
	if q.Flags&^scanFlags != 0 || q.Flags&one == one || q.Flags&ScanAt == 0 && q.At != 0 {
		return ScanQuery{}, ErrMalformed
	}
	return q, nil
}

// ScanPage is a part of a scan.
type ScanPage struct {
	More     bool   // there may be more, in the range from From below To
	From, To string // "" if there is no more
	Count    uint64 // of variables in the page
	Items    []ScanItem
}

// ScanItem is a variable in a scan.
type ScanItem struct {
	Key     string
	Version uint64
	Value   []byte // nil with ScanKeys
}

// AppendHead appends the encoding of p without its items, of which so many follow as there are.
func (p *ScanPage) AppendHead(dst []byte) []byte {
	more := byte(0)
	if p.More {
		more = 1
	}
	dst = append(dst, more)
	if p.More {
		dst = appendBytes(appendBytes(dst, p.From), p.To)
	}
	return binary.AppendUvarint(dst, p.Count)
}

// Append appends the encoding of an item.
func (i *ScanItem) Append(dst []byte) []byte {
	dst = appendBytes(dst, i.Key)
	dst = binary.AppendUvarint(dst, i.Version)
	return appendBytes(dst, i.Value)
}

// Append appends the encoding of p.
func (p *ScanPage) Append(dst []byte) []byte {
	dst = p.AppendHead(dst)
	for i := range p.Items {
		dst = p.Items[i].Append(dst)
	}
	return dst
}

// DecodeScanPage reads what Append has written. Keys and values alias b.
func DecodeScanPage(b []byte) (ScanPage, error) {
	cur := codec.NewReader(b)
	var p ScanPage
	switch cur.Uint8() {
	case 0:
	case 1:
		p.More = true
		p.From, p.To = aliasString(cur.Bytes()), aliasString(cur.Bytes())
	default:
		cur.Fail()
	}
	p.Count = cur.Uvarint()
	for cur.Len() > 0 {
		p.Items = append(p.Items, ScanItem{Key: aliasString(cur.Bytes()), Version: cur.Uvarint(), Value: cur.Bytes()})
	}
	if err := end(&cur); err != nil {
		return ScanPage{}, err
	}
	return p, nil
}
