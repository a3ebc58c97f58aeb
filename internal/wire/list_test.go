package wire

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func genListQuery() *rapid.Generator[ListQuery] {
	return rapid.Custom(func(t *rapid.T) ListQuery {
		return ListQuery{
			Listing: genUint64().Draw(t, "listing"), Limit: genUint64().Draw(t, "limit"),
			After: rapid.String().Draw(t, "after"), Prefix: rapid.String().Draw(t, "prefix"),
		}
	})
}

func genListPage() *rapid.Generator[ListPage] {
	return rapid.Custom(func(t *rapid.T) ListPage {
		p := ListPage{More: rapid.Bool().Draw(t, "more")}
		for range rapid.IntRange(0, 5).Draw(t, "count") {
			p.Keys = append(p.Keys, ListedKey{rapid.String().Draw(t, "key"), genUint64().Draw(t, "version"), genUint64().Draw(t, "bytes")})
		}
		return p
	})
}

func TestListCodec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := genListQuery().Draw(t, "query")
		if got, err := DecodeListQuery(q.Append(nil)); err != nil || got != q {
			t.Fatalf("%+v became %+v, %v", q, got, err)
		}
		p := genListPage().Draw(t, "page")
		if got, err := DecodeListPage(p.Append(nil)); err != nil || !reflect.DeepEqual(got, p) {
			t.Fatalf("%+v became %+v, %v", p, got, err)
		}
	})
	for _, bad := range [][]byte{nil, {2}, {0, 5}, {0, 1, 'k'}, {0, 1, 'k', 1, 0x80, 0}} {
		if p, err := DecodeListPage(bad); err == nil {
			t.Errorf("% x became %+v", bad, p)
		}
	}
	for _, bad := range [][]byte{nil, {0}, {0, 0}, {0, 0, 9}, {0x80, 0, 0, 0}} {
		if q, err := DecodeListQuery(bad); err == nil {
			t.Errorf("% x became %+v", bad, q)
		}
	}
}

func FuzzDecodeListQuery(f *testing.F) {
	f.Add((&ListQuery{Listing: 300, Limit: 7, After: "after", Prefix: "prefix"}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := DecodeListQuery(b)
		if err != nil {
			return
		}
		if again := q.Append(nil); !bytes.Equal(b, again) {
			t.Fatalf("% x became % x", b, again)
		}
	})
}

func FuzzDecodeListPage(f *testing.F) {
	f.Add((&ListPage{More: true, Keys: []ListedKey{{"a", 1, 300}, {"b", 1 << 60, 0}}}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodeListPage(b)
		if err != nil {
			return
		}
		if again := p.Append(nil); !bytes.Equal(b, again) {
			t.Fatalf("% x became % x", b, again)
		}
	})
}
