package history

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everyScan has every field of a scan, and a key that is no text.
func everyScan() *Scan {
	return &Scan{To: "b\xff", Reverse: true, Limit: 7, Found: 3, Items: []Item{NewItem("a\xfe", 1<<60, []byte("v")), NewItem("a", 2, nil)}}
}

// A scan is read as it was written, but for the heads of values.
func TestScanRoundTrip(t *testing.T) {
	for _, kind := range []Kind{ReadRange, CountRange} {
		for _, s := range []*Scan{everyScan(), {}, nil} {
			op := Op{Kind: kind, Key: "a", Status: OK, Scan: s}
			var got Op
			if err := json.Unmarshal(op.Append(nil), &got); err != nil {
				t.Fatal(err)
			}
			if s != nil {
				for i := range s.Items {
					s.Items[i].Head = nil
				}
			}
			if diff := cmp.Diff(op, got); diff != "" {
				t.Errorf("%s: %s", kind, diff)
			}
		}
	}
}

// What other programs read.
func TestScanFormat(t *testing.T) {
	const want = `{"to":"Yv8=","reverse":true,"limit":7,"items":[{"key":"Yf4=","version":1152921504606846976,"hash":"f7042be43fb80714"},{"key":"YQ==","version":2,"hash":"2d06800538d394c2"}],"found":3}`
	text, err := base64.StdEncoding.DecodeString(strings.Trim(string(appendScan(nil, everyScan())), `"`))
	if err != nil || string(text) != want {
		t.Errorf("%s\nwant\n%s\n%v", text, want, err)
	}
	for _, text := range []string{"", "{", `{"when":[]}`, `{"items":[{"key":"YQ==","version":1,"hash":"x"}]}`} {
		if _, err := readScan([]byte(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

// An item keeps a copy of the beginning of its value.
func TestItemHead(t *testing.T) {
	value := []byte(strings.Repeat("x", HeadBytes+1))
	i := NewItem("k", 1, value)
	value[0] = 'y'
	if string(i.Head) != strings.Repeat("x", HeadBytes) || i.Hash == NewItem("k", 1, value).Hash {
		t.Errorf("%+v", i)
	}
}

// What each kind of operation is.
func TestKinds(t *testing.T) {
	for kind, want := range map[Kind][3]bool{
		Get: {true, true, false}, GetStrong: {true, false, false}, ReadRange: {true, true, true}, CountRange: {true, true, true},
		Set: {}, Delete: {}, Add: {}, CompareAndSet: {}, Txn: {},
	} {
		if got := [3]bool{kind.IsRead(), kind.IsPlainRead(), kind.IsScan()}; got != want {
			t.Errorf("%s: %v, want %v", kind, got, want)
		}
	}
}
