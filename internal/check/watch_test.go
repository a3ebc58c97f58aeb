package check

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// watched is a checker of an order: at 1 a session, at 2 a=1, at 3 b=2, at 4 a is deleted,
// at 5 a transaction that writes a=3 and c=4, at 6 b=5.
func watched() (c *Checker, next func()) {
	commands := []wire.Command{
		{Op: wire.OpOpenSession},
		{Op: wire.OpSet, Key: "a", Value: []byte("1")},
		{Op: wire.OpSet, Key: "b", Value: []byte("2")},
		{Op: wire.OpDelete, Key: "a"},
		{Op: wire.OpTxn},
		{Op: wire.OpSet, Key: "b", Value: []byte("5")},
	}
	t := wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnPut, Key: "a", Value: []byte("3")}, {Kind: wire.TxnPut, Key: "c", Value: []byte("4")}}}
	commands[4].Value = t.Append(nil)
	c = New(Options{Watches: true, WholeBytes: 100})
	position := uint64(0)
	return c, func() {
		cmd := commands[position]
		position++
		cmd.Session, cmd.Seq = 1, position
		if position == 1 {
			cmd.Session, cmd.Seq = 0, 0
		}
		c.Deliver("n1", &wire.Delivery{View: 1, Sender: "n1", Incarnation: 1, Seq: position, First: position, Count: 1, Payload: cmd.Append(nil), Effects: []byte{1}})
	}
}

func put(position uint64, key, value string, last bool) wire.Event {
	return wire.Event{Kind: wire.EventPut, Position: position, Key: key, Value: []byte(value), Last: last}
}

func TestWatches(t *testing.T) {
	gone := wire.Event{Kind: wire.EventDelete, Position: 4, Key: "a", OldVersion: 2, Old: []byte("1"), Last: true}
	goneBare := wire.Event{Kind: wire.EventDelete, Position: 4, Key: "a", Last: true}
	progress := func(p uint64) wire.Event { return wire.Event{Kind: wire.EventProgress, Position: p, Last: true} }
	lagged := func(p uint64) wire.Event {
		return wire.Event{Kind: wire.EventEnded, Status: wire.StatusLagged, Position: p, Last: true}
	}
	replaced := put(6, "b", "5", true)
	replaced.OldVersion, replaced.Old = 3, []byte("2")
	otherOld, otherVersion := replaced, replaced
	otherOld.Old, otherVersion.OldVersion = []byte("3"), 2
	for _, tc := range []struct {
		name     string
		from, to string
		old      bool
		after    uint64
		events   []wire.Event
		want     string // violation
		behind   bool
	}{
		{name: "all", after: 1, events: []wire.Event{put(2, "a", "1", true), put(3, "b", "2", true), goneBare, put(5, "a", "3", false), put(5, "c", "4", true), put(6, "b", "5", true), progress(6)}},
		{name: "with old values", after: 3, old: true, events: []wire.Event{gone, put(5, "a", "3", false), put(5, "c", "4", true), replaced}},
		{name: "one key", from: "b", to: "b\x00", events: []wire.Event{put(3, "b", "2", true), progress(5), put(6, "b", "5", true)}},
		{name: "of a transaction the part in the range", from: "c", events: []wire.Event{put(5, "c", "4", true), progress(6)}},
		{name: "behind", from: "b", to: "c", events: []wire.Event{put(3, "b", "2", true)}, behind: true},
		{name: "within a position", after: 4, events: []wire.Event{put(5, "a", "3", false)}, behind: true},
		{name: "lagged", after: 2, events: []wire.Event{put(3, "b", "2", true), lagged(3)}},
		{name: "one left out", after: 1, events: []wire.Event{put(2, "a", "1", true), goneBare}, want: `next is that of "b" at position 3`},
		{name: "one twice", from: "b", events: []wire.Event{put(3, "b", "2", true), put(3, "b", "2", true)}, want: `returns a change of "b" at position 3`},
		{name: "the last twice", after: 5, events: []wire.Event{put(6, "b", "5", true), put(6, "b", "5", true)}, want: "a second time"},
		{name: "before its beginning", after: 3, events: []wire.Event{put(3, "b", "2", true)}, want: `returns a change of "b" at position 3`},
		{name: "outside its range", from: "b", events: []wire.Event{put(2, "a", "1", true)}, want: `returns a change of "a" at position 2`},
		{name: "another value", after: 1, events: []wire.Event{put(2, "a", "2", true)}, want: `returns "2" for "a"`},
		{name: "a deletion for a put", after: 1, events: []wire.Event{{Kind: wire.EventDelete, Position: 2, Key: "a", Last: true}}, want: `for "a" at position 2`},
		{name: "a put for a deletion", after: 3, events: []wire.Event{put(4, "a", "", true)}, want: "a delete"},
		{name: "another old value", after: 5, old: true, events: []wire.Event{otherOld}, want: `for what "b" was`},
		{name: "another old version", after: 5, old: true, events: []wire.Event{otherVersion}, want: `for what "b" was`},
		{name: "no old value", after: 5, old: true, events: []wire.Event{put(6, "b", "5", true)}, want: `for what "b" was`},
		{name: "an old value that was not asked for", after: 5, events: []wire.Event{replaced}, want: `for what "b" was`},
		{name: "last too soon", after: 4, events: []wire.Event{put(5, "a", "3", true)}, want: "as the last there: true"},
		{name: "last forgotten", after: 1, events: []wire.Event{put(2, "a", "1", false)}, want: "as the last there: false"},
		{name: "progress too far", after: 1, events: []wire.Event{put(2, "a", "1", true), progress(3)}, want: `lacks that of "b" at position 3`},
		{name: "progress within a position", after: 4, events: []wire.Event{put(5, "a", "3", false), progress(5)}, want: "claims that all up to position 5"},
		{name: "lagged too far", after: 1, events: []wire.Event{put(2, "a", "1", true), lagged(3)}, want: `lacks that of "b"`},
	} {
		for _, early := range []bool{false, true} {
			c, next := watched()
			begin := func() *Watch { return c.Watch("the watch", tc.from, tc.to, tc.old, tc.after) }
			var w *Watch
			if early {
				next()
				w = begin()
			}
			take := func() {
				for i := range tc.events {
					w.Event(&tc.events[i])
				}
			}
			if early {
				take()
			}
			for range 6 {
				if c.Position() < 6 {
					next()
				}
			}
			if !early {
				w = begin()
				take()
			}
			if w.Behind() != tc.behind {
				t.Errorf("%s, early %v: behind %v", tc.name, early, w.Behind())
			}
			r := c.watches.Finish()
			text := strings.Join(r.Texts, "\n")
			if (r.Violations > 0) != (tc.want != "") || !strings.Contains(text, tc.want) || r.Events != uint64(len(tc.events)) || r.Unchecked > 0 {
				t.Errorf("%s, early %v: %d violations of %d events, %s, want %q", tc.name, early, r.Violations, r.Events, text, tc.want)
			}
		}
	}
}

func TestWatchOfWhatTheOrderLacks(t *testing.T) {
	c, next := watched()
	next()
	w := c.Watch("the watch", "", "", false, 1)
	e := put(2, "a", "1", true)
	w.Event(&e)
	if r := c.watches.Finish(); r.Unchecked != 1 || r.Pass() {
		t.Errorf("%+v", r)
	}
	w.Stop()
	if r := c.watches.Finish(); r.Unchecked != 1 { // as before
		t.Errorf("stopped: %+v", r)
	}
}

func TestScans(t *testing.T) {
	item := func(key, value string, version uint64) history.Item {
		return history.NewItem(key, version, []byte(value))
	}
	for _, tc := range []struct {
		name string
		scan Scan
		want string
	}{
		{"nothing yet", Scan{Position: 1}, ""},
		{"two", Scan{Position: 3, Items: []history.Item{item("a", "1", 2), item("b", "2", 3)}}, ""},
		{"reverse", Scan{Position: 3, Reverse: true, Items: []history.Item{item("b", "2", 3), item("a", "1", 2)}}, ""},
		{"one deleted", Scan{Position: 4, Items: []history.Item{item("b", "2", 3)}}, ""},
		{"a range", Scan{From: "b", To: "c", Position: 5, Items: []history.Item{item("b", "2", 3)}}, ""},
		{"without end", Scan{From: "b", Position: 5, Items: []history.Item{item("b", "2", 3), item("c", "4", 5)}}, ""},
		{"lacks one", Scan{Position: 3, Items: []history.Item{item("a", "1", 2)}}, `lacks "b"`},
		{"one too many", Scan{Position: 2, Items: []history.Item{item("a", "1", 2), item("b", "2", 3)}}, `shows "b" of version 3, which does not exist there`},
		{"another value", Scan{Position: 2, Items: []history.Item{item("a", "2", 2)}}, `comes to "a"`},
		{"another version", Scan{Position: 2, Items: []history.Item{item("a", "1", 1)}}, `comes to "a"`},
		{"another key", Scan{Position: 2, Items: []history.Item{item("x", "1", 2)}}, `comes to "a"`},
		{"two positions", Scan{Position: 5, Items: []history.Item{item("a", "3", 5), item("b", "5", 6), item("c", "4", 5)}}, `comes to "b"`},
		{"not reversed", Scan{Position: 3, Reverse: true, Items: []history.Item{item("a", "1", 2), item("b", "2", 3)}}, `comes to "b"`},
		{"limited", Scan{Position: 3, Limit: 1, Items: []history.Item{item("a", "1", 2)}}, ""},
		{"limited from the end", Scan{Position: 3, Limit: 1, Reverse: true, Items: []history.Item{item("b", "2", 3)}}, ""},
		{"a limit that is not reached", Scan{Position: 4, Limit: 2, Items: []history.Item{item("b", "2", 3)}}, ""},
		{"less than the limit", Scan{Position: 3, Limit: 2, Items: []history.Item{item("a", "1", 2)}}, `lacks "b"`},
		{"more than the limit", Scan{Position: 3, Limit: 1, Items: []history.Item{item("a", "1", 2), item("b", "2", 3)}}, `shows "b" of version 3, which does not exist there, or is beyond its limit`},
		{"a count", Scan{Position: 5, Counts: true, Found: 3}, ""},
		{"a count of a range", Scan{From: "b", To: "c", Position: 5, Counts: true, Found: 1}, ""},
		{"a count of nothing", Scan{From: "d", Position: 5, Counts: true}, ""},
		{"a count of one too many", Scan{Position: 4, Counts: true, Found: 2}, "counts 2 variables, and there are 1"},
		{"a count of one too few", Scan{Position: 3, Counts: true, Found: 1}, "counts 1 variables, and there are 2"},
	} {
		for _, early := range []bool{false, true} {
			c, next := watched()
			if early {
				next()
				c.Scan(&tc.scan)
			}
			for c.Position() < 6 {
				next()
			}
			if !early {
				c.Scan(&tc.scan)
			}
			r := c.scans.Finish()
			if text := strings.Join(r.Texts, "\n"); (r.Violations > 0) != (tc.want != "") || !strings.Contains(text, tc.want) || r.Events != 1 || r.Unchecked > 0 {
				t.Errorf("%s, early %v: %+v, want %q", tc.name, early, r, tc.want)
			}
		}
	}
	c, next := watched()
	next()
	c.Scan(&Scan{Position: 2})
	if r := c.scans.Finish(); r.Unchecked != 1 {
		t.Errorf("what the order does not reach: %+v", r)
	}
	if n := len(New(Options{}).Finish(0)); n != 7 {
		t.Errorf("%d checks without watches", n)
	}
	if n := len(New(Options{Scans: true}).Finish(0)); n != 8 {
		t.Errorf("%d checks with scans", n)
	}
	if n := len(c.Finish(1)); n != 9 {
		t.Errorf("%d checks with them", n)
	}
}

// Scans of clients are checked as they complete.
func TestScansOfClients(t *testing.T) {
	items := []history.Item{history.NewItem("a", 2, []byte("1"))}
	good := history.Op{Kind: history.ReadRange, Key: "a", Position: 3, Status: history.OK, Scan: &history.Scan{To: "b", Limit: 2, Items: items}}
	for name, tc := range map[string]struct {
		change func(o *history.Op)
		want   string
		events uint64
	}{
		"as it was":       {func(*history.Op) {}, "", 1},
		"more":            {func(o *history.Op) { o.Scan.To = "" }, `lacks "b"`, 1},
		"elsewhere":       {func(o *history.Op) { o.Key = "aa" }, `shows "a"`, 1},
		"the other end":   {func(o *history.Op) { o.Scan.To, o.Scan.Reverse = "", true }, `comes to "b"`, 1},
		"limited":         {func(o *history.Op) { o.Scan.To, o.Scan.Limit = "", 1 }, "", 1},
		"earlier":         {func(o *history.Op) { o.Position = 1 }, "which does not exist", 1},
		"a count":         {func(o *history.Op) { o.Kind, o.Scan.Items, o.Scan.Found = history.CountRange, nil, 1 }, "", 1},
		"another count":   {func(o *history.Op) { o.Kind, o.Scan.Items, o.Scan.Found = history.CountRange, nil, 2 }, "counts 2", 1},
		"a scan, no more": {func(o *history.Op) { o.Status, o.Position = history.Fail, 0 }, "", 0},
	} {
		c, next := watched()
		for c.Position() < 3 {
			next()
		}
		o, s := good, *good.Scan
		o.Scan = &s
		tc.change(&o)
		c.Complete(&o)
		r := c.scans.Finish()
		if (r.Violations > 0) != (tc.want != "") || !strings.Contains(strings.Join(r.Texts, ""), tc.want) || r.Events != tc.events {
			t.Errorf("%s: %+v, want %q", name, r, tc.want)
		}
	}
}

// Whoever asks hears of each change, with watches and without.
func TestChanged(t *testing.T) {
	for _, watches := range []bool{false, true} {
		var got []string
		c := New(Options{Watches: watches, Changed: func(position uint64, key string, hash uint64, absent bool) {
			got = append(got, fmt.Sprintf("%d %s %v %v", position, key, hash == xxh3.HashString("3"), absent))
		}})
		txn := wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnAdd, Key: "n", Delta: 2}, {Kind: wire.TxnPut, Key: "b", Value: []byte("3")}, {Kind: wire.TxnDelete, Key: "a"}}}
		for i, cmd := range []wire.Command{
			{Op: wire.OpSet, Key: "a", Value: []byte("3")}, {Op: wire.OpAdd, Key: "n", Delta: 1}, {Op: wire.OpTxn, Value: txn.Append(nil)}, {Op: wire.OpDelete, Key: "b"},
		} {
			position := uint64(i + 1)
			cmd.Session, cmd.Seq = 1, position
			c.Deliver("n1", &wire.Delivery{View: 1, Sender: "n1", Incarnation: 1, Seq: position, First: position, Count: 1, Payload: cmd.Append(nil), Effects: []byte{1}})
		}
		const want = "1 a true false; 2 n false false; 3 n true false; 3 b true false; 3 a false true; 4 b false true"
		if text := strings.Join(got, "; "); text != want {
			t.Errorf("watches %v: %s, want %s", watches, text, want)
		}
		if watches && len(c.watches.log) != len(got) {
			t.Errorf("watches know %d changes of %d", len(c.watches.log), len(got))
		}
	}
}
