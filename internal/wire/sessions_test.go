package wire

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func genSessionsQuery() *rapid.Generator[SessionsQuery] {
	return rapid.Custom(func(t *rapid.T) SessionsQuery {
		q := SessionsQuery{Limit: genUint64().Draw(t, "limit")}
		if rapid.Bool().Draw(t, "one") {
			q.ID, q.AfterKey = max(1, genUint64().Draw(t, "id")), rapid.String().Draw(t, "key")
		} else {
			q.After = genUint64().Draw(t, "after")
		}
		return q
	})
}

func genSessionsPage() *rapid.Generator[SessionsPage] {
	return rapid.Custom(func(t *rapid.T) SessionsPage {
		p := SessionsPage{More: rapid.Bool().Draw(t, "more")}
		n := func(name string) uint64 { return genUint64().Draw(t, name) }
		for range rapid.IntRange(0, 4).Draw(t, "sessions") {
			p.Sessions = append(p.Sessions, ListedSession{
				n("id"), rapid.String().Draw(t, "name"), rapid.String().Draw(t, "address"), rapid.Bool().Draw(t, "own"),
				n("ttl"), n("left"), n("writes"), n("owned"),
			})
		}
		for range rapid.IntRange(0, 4).Draw(t, "keys") {
			p.Keys = append(p.Keys, rapid.String().Draw(t, "key"))
		}
		return p
	})
}

func TestSessionsCodec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := genSessionsQuery().Draw(t, "query")
		if got, err := DecodeSessionsQuery(q.Append(nil)); err != nil || got != q {
			t.Fatalf("%+v became %+v, %v", q, got, err)
		}
		p := genSessionsPage().Draw(t, "page")
		if got, err := DecodeSessionsPage(p.Append(nil)); err != nil || !reflect.DeepEqual(got, p) {
			t.Fatalf("%+v became %+v, %v", p, got, err)
		}
	})
	for _, bad := range [][]byte{nil, {0}, {0, 0}, {0x80, 0, 0}, {0, 0, 0, 'k'}, {1, 1, 0}} {
		if q, err := DecodeSessionsQuery(bad); err == nil {
			t.Errorf("% x became %+v", bad, q)
		}
	}
	for _, bad := range [][]byte{nil, {0}, {2, 0}, {0, 1}, {0, 1, 7, 0, 0, 2, 1, 1, 1, 1}, {0, 0, 5}, {0, 0, 1, 'k', 2, 'k'}, {0, 200, 1, 1, 1, 1, 1, 1, 1, 1}} {
		if p, err := DecodeSessionsPage(bad); err == nil {
			t.Errorf("% x became %+v", bad, p)
		}
	}
}

// The shortest session is as long as the decoder takes it to be.
func TestShortestSession(t *testing.T) {
	if n := len(new(ListedSession).append(nil)); n != leastSessionBytes {
		t.Errorf("%d bytes", n)
	}
	p := SessionsPage{Sessions: make([]ListedSession, 3)}
	if got, err := DecodeSessionsPage(p.Append(nil)); err != nil || len(got.Sessions) != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzDecodeSessionsQuery(f *testing.F) {
	f.Add((&SessionsQuery{After: 300, Limit: 7}).Append(nil))
	f.Add((&SessionsQuery{ID: 1 << 50, AfterKey: "key"}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := DecodeSessionsQuery(b)
		if err != nil {
			return
		}
		if again := q.Append(nil); !bytes.Equal(b, again) {
			t.Fatalf("% x became % x", b, again)
		}
	})
}

func FuzzDecodeSessionsPage(f *testing.F) {
	f.Add((&SessionsPage{More: true, Sessions: []ListedSession{
		{1 << 50, "app", "10.0.0.1", true, 10_000, 9_000, 7, 2}, {ID: 1 << 60, TTL: 60_000, Left: 1},
	}}).Append(nil))
	f.Add((&SessionsPage{Sessions: []ListedSession{{ID: 9, Owned: 2}}, Keys: []string{"a", "\x00b"}}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodeSessionsPage(b)
		if err != nil {
			return
		}
		if again := p.Append(nil); !bytes.Equal(b, again) {
			t.Fatalf("% x became % x", b, again)
		}
	})
}
