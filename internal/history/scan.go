package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/zeebo/xxh3"
)

// HeadBytes is how many of the first bytes of a value an Item keeps.
const HeadBytes = 40

// Scan is what a scan, or a count, was asked for and has shown. Its range begins with the
// operation's Key.
type Scan struct {
	To      string // keys below it; "": there is no upper bound
	Reverse bool
	Limit   int // of items; 0: none
	Items   []Item
	Found   int // a count: the number of variables in the range
}

// Item is a variable that a scan has shown.
type Item struct {
	Key     string
	Version uint64
	Hash    uint64 // xxh3 of the value, 64 bits
	Head    []byte // the first HeadBytes of the value
}

// NewItem returns the item of a variable, which keeps a copy of the beginning of value.
func NewItem(key string, version uint64, value []byte) Item {
	return Item{Key: key, Version: version, Hash: xxh3.Hash(value), Head: bytes.Clone(value[:min(len(value), HeadBytes)])}
}

// A scan stands in the files as a JSON object, which is the value of its line, like a
// transaction.
type scan struct {
	To      []byte `json:"to"`
	Reverse bool   `json:"reverse"`
	Limit   int    `json:"limit"`
	Items   []item `json:"items"`
	Found   int    `json:"found"`
}

// item has the hash of its value in hexadecimal: numbers that large are not exact in JSON.
type item struct {
	Key     []byte `json:"key"`
	Version uint64 `json:"version"`
	Hash    string `json:"hash"`
}

// appendScan appends the object of a scan, in base64, or null if there is none.
func appendScan(dst []byte, s *Scan) []byte {
	if s == nil {
		return appendBase64(dst, nil)
	}
	out := scan{To: []byte(s.To), Reverse: s.Reverse, Limit: s.Limit, Items: make([]item, 0, len(s.Items)), Found: s.Found}
	for i := range s.Items {
		one := &s.Items[i]
		out.Items = append(out.Items, item{Key: []byte(one.Key), Version: one.Version, Hash: fmt.Sprintf("%016x", one.Hash)})
	}
	text, err := json.Marshal(&out)
	if err != nil {
		panic(err) // structs of bytes and numbers
	}
	return appendBase64(dst, text)
}

// readScan returns the scan whose object text is, nil if there is none. What the object does
// not have, the heads of values, is left out.
func readScan(text []byte) (*Scan, error) {
	if text == nil {
		return nil, nil
	}
	var in scan
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, fmt.Errorf("history: a scan cannot be read: %w", err)
	}
	s := &Scan{To: string(in.To), Reverse: in.Reverse, Limit: in.Limit, Found: in.Found}
	for i := range in.Items {
		hash, err := strconv.ParseUint(in.Items[i].Hash, 16, 64)
		if err != nil {
			return nil, fmt.Errorf("history: the hash of a value in a scan cannot be read: %w", err)
		}
		s.Items = append(s.Items, Item{Key: string(in.Items[i].Key), Version: in.Items[i].Version, Hash: hash})
	}
	return s, nil
}
