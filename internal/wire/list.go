package wire

import "github.com/seed-8247e700/dsm/internal/wire/codec"

import "encoding/binary"

// Bounds on the pages of a listing.
const (
	MaxListedKeys  = 10_000
	MaxListedBytes = 256 << 10 // of an encoded page, unless one key is longer
)

// ListQuery asks for a page of the keys of a group, in the order of their bytes:
// of those that begin with Prefix, the first that come after After. A RequestList
// carries it, encoded, as its Key.
type ListQuery struct {
	Listing uint64 // 0 begins a listing; otherwise the one to go on with, as a page named it
	Limit   uint64 // of keys; 0 and all above MaxListedKeys: as many as a page has
	After   string // "": from the first
	Prefix  string // in all pages of a listing the same
}

// Append appends the encoding of q.
func (q *ListQuery) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, q.Listing)
	dst = binary.AppendUvarint(dst, q.Limit)
	dst = appendBytes(dst, q.After)
	return append(dst, q.Prefix...)
}

// DecodeListQuery reads what Append has written. The strings alias b.
func DecodeListQuery(b []byte) (ListQuery, error) {
	cur := codec.NewReader(b)
	q := ListQuery{Listing: cur.Uvarint(), Limit: cur.Uvarint()}
	q.After = aliasString(cur.Bytes())
	q.Prefix = aliasString(cur.Rest())
	if err := end(&cur); err != nil {
		return ListQuery{}, err
	}
	return q, nil
}

// ListedKey is a variable in a listing.
type ListedKey struct {
	Key     string
	Version uint64
	Bytes   uint64 // of its value
}

// ListPage is a part of a listing: the Data of the reply, whose Position is that of
// the state that all pages of the listing show, and whose Version is the number of
// the listing.
type ListPage struct {
	More bool // there are keys after the last of these
	Keys []ListedKey
}

// Append appends the encoding of p.
func (p *ListPage) Append(dst []byte) []byte {
	more := byte(0)
	if p.More {
		more = 1
	}
	dst = append(dst, more)
	for i := range p.Keys {
		dst = p.Keys[i].Append(dst)
	}
	return dst
}

// Append appends the encoding of k.
func (k *ListedKey) Append(dst []byte) []byte {
	dst = appendBytes(dst, k.Key)
	dst = binary.AppendUvarint(dst, k.Version)
	return binary.AppendUvarint(dst, k.Bytes)
}

// DecodeListPage reads what Append has written. The keys alias b.
func DecodeListPage(b []byte) (ListPage, error) {
	cur := codec.NewReader(b)
	var p ListPage
	switch cur.Uint8() {
	case 0:
	case 1:
		p.More = true
	default:
		cur.Fail()
	}
	for cur.Len() > 0 {
		p.Keys = append(p.Keys, ListedKey{Key: aliasString(cur.Bytes()), Version: cur.Uvarint(), Bytes: cur.Uvarint()})
	}
	if err := end(&cur); err != nil {
		return ListPage{}, err
	}
	return p, nil
}
