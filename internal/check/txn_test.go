package check

import (
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// txnRun is an order with a client of it, whose transactions are checked.
type txnRun struct {
	c     *Checker
	after uint64
	seq   uint64

	session uint64 // that writes
}

func newTxnRun(o Options) *txnRun {
	o.WholeBytes = 100
	r := &txnRun{c: New(o), session: 1}
	r.c.JoinStream("n")
	return r
}

// order puts a write into the order, and returns its position.
func (r *txnRun) order(cmd wire.Command, ok bool) uint64 {
	r.after++
	r.seq++
	cmd.Session, cmd.Seq, cmd.Floor = r.session, r.seq, 1
	d := &wire.Delivery{View: 1, Sender: "n", Incarnation: 1, Seq: r.after, First: r.after, Count: 1, Payload: cmd.Append(nil), Effects: []byte{0}}
	if ok {
		d.Effects[0] = 1
	}
	r.c.Deliver("n", d)
	return r.after
}

// told has the client hear of its last write.
func (r *txnRun) told(t *wire.Txn, o history.Op, results ...wire.TxnResult) {
	o.Session, o.Seq, o.Kind, o.Value = r.session, r.seq, history.Txn, t.Append(nil)
	o.Start, o.End = int64(2*r.after), int64(2*r.after+1)
	for i := range results {
		o.Results = results[i].Append(o.Results)
	}
	r.c.Complete(&o)
}

// verdict is the texts of all that was found.
func (r *txnRun) verdict() string {
	r.c.EndStream("n")
	var texts []string
	for _, result := range r.c.Finish(r.after) {
		texts = append(texts, result.Texts...)
	}
	return strings.Join(texts, "\n")
}

func txnCommand(t *wire.Txn) wire.Command { return wire.Command{Op: wire.OpTxn, Value: t.Append(nil)} }

// The results that a client was told are those of its position.
func TestTxnResults(t *testing.T) {
	txn := &wire.Txn{
		If: []wire.Cond{{Kind: wire.CondVersion, Key: "a", Version: 1}, {Kind: wire.CondValue, Key: "a", Value: []byte("7")}, {Kind: wire.CondPresent, Key: "a"}},
		Then: []wire.TxnOp{
			{Kind: wire.TxnRead, Key: "a"},
			{Kind: wire.TxnAdd, Key: "a", Delta: 1},
			{Kind: wire.TxnAppend, Key: "a", Value: []byte("x")},
			{Kind: wire.TxnPut, Key: "b", Value: []byte("v"), Old: true},
			{Kind: wire.TxnDelete, Key: "a", Old: true},
			{Kind: wire.TxnRead, Key: "a"},
		},
		Else: []wire.TxnOp{{Kind: wire.TxnDelete, Key: "never"}},
	}
	right := []wire.TxnResult{
		{Has: wire.TxnFound | wire.TxnValue, Version: 1, Value: []byte("7")},
		{Has: wire.TxnFound | wire.TxnNumber, Number: 8},
		{Has: wire.TxnFound | wire.TxnNumber, Number: 2},
		{},
		{Has: wire.TxnFound | wire.TxnValue, Version: 2, Value: []byte("8x")},
		{},
	}
	for name, tc := range map[string]struct {
		branch int64
		change func([]wire.TxnResult)
		want   string
	}{
		"as they are":     {wire.TxnThen, func([]wire.TxnResult) {}, ""},
		"another branch":  {wire.TxnElse, func([]wire.TxnResult) {}, "was told branch 0, and branch 1 ran"},
		"another value":   {wire.TxnThen, func(l []wire.TxnResult) { l[0].Value = []byte("6") }, "was told results that are not those of its position"},
		"another version": {wire.TxnThen, func(l []wire.TxnResult) { l[4].Version = 1 }, "was told results"},
		"another sum":     {wire.TxnThen, func(l []wire.TxnResult) { l[1].Number = 9 }, "was told results"},
		"another length":  {wire.TxnThen, func(l []wire.TxnResult) { l[2].Number = 1 }, "was told results"},
		"found":           {wire.TxnThen, func(l []wire.TxnResult) { l[3].Has = wire.TxnFound }, "was told results"},
		"unreadable":      {wire.TxnThen, func(l []wire.TxnResult) { l[3].Has = 0x80 }, "was told results that cannot be read"},
	} {
		r := newTxnRun(Options{})
		r.order(wire.Command{Op: wire.OpSet, Key: "a", Value: []byte("7")}, true)
		r.c.Complete(&history.Op{Session: 1, Seq: 1, Kind: history.Set, Key: "a", Value: []byte("7"), Status: history.OK, Position: 1, Version: 1, Start: 1, End: 2})
		at := r.order(txnCommand(txn), true)
		results := append([]wire.TxnResult(nil), right...)
		tc.change(results)
		r.told(txn, history.Op{Status: history.OK, Position: at, Version: at, Sum: tc.branch}, results...)
		if got := r.verdict(); (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// What a transaction has written is what later reads return.
func TestTxnIsRead(t *testing.T) {
	for value, wrong := range map[string]bool{"1x": false, "2x": true} {
		r := newTxnRun(Options{})
		txn := &wire.Txn{If: []wire.Cond{{Kind: wire.CondPresent, Key: "a"}}, Else: []wire.TxnOp{
			{Kind: wire.TxnAdd, Key: "a", Delta: 1},
			{Kind: wire.TxnAppend, Key: "a", Value: []byte("x")},
			{Kind: wire.TxnPut, Key: "gone"},
			{Kind: wire.TxnDelete, Key: "gone"},
		}}
		at := r.order(txnCommand(txn), true)
		r.told(txn, history.Op{Status: history.OK, Position: at, Version: at}, wire.TxnResult{Has: wire.TxnNumber, Number: 1},
			wire.TxnResult{Has: wire.TxnFound | wire.TxnNumber, Number: 2}, wire.TxnResult{}, wire.TxnResult{Has: wire.TxnFound})
		r.c.Complete(&history.Op{Kind: history.Get, Key: "a", Value: []byte(value), Status: history.OK, Position: at, Version: at, Start: 10, End: 11})
		r.c.Complete(&history.Op{Kind: history.Get, Key: "gone", Status: history.OK, Position: at, Start: 12, End: 13})
		if got := r.verdict(); (got != "") != wrong {
			t.Errorf("%s: %q", value, got)
		}
	}
}

// A transaction takes effect only if all of it can be done, and is refused only if not, for
// the reason that the client is told.
func TestTxnRefused(t *testing.T) {
	present := wire.Cond{Kind: wire.CondPresent}
	put := wire.TxnOp{Kind: wire.TxnPut, Key: "b"}
	conflict := &wire.Txn{Then: []wire.TxnOp{put, {Kind: wire.TxnPut, Key: "none", If: present}}}
	other := &wire.Txn{If: []wire.Cond{{Kind: wire.CondPresent, Key: "none"}}, Then: []wire.TxnOp{put}, Else: []wire.TxnOp{{Kind: wire.TxnDelete, Key: "a", If: wire.Cond{Kind: wire.CondVersion}}}}
	number := &wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnAdd, Key: "a", Delta: 1}}}
	overflow := &wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnPut, Key: "b", Value: []byte("9223372036854775807")}, {Kind: wire.TxnAdd, Key: "b", Delta: 1}}}
	fine := &wire.Txn{Then: []wire.TxnOp{put}}
	for name, tc := range map[string]struct {
		txn    *wire.Txn
		effect bool
		told   history.Op
		want   string
	}{
		"took effect":        {conflict, true, history.Op{Status: history.Unknown}, `took effect although its operation 1 cannot be done: its condition on "none" does not hold`},
		"refused":            {conflict, false, history.Op{Status: history.Fail, Because: history.Conflict, Sum: 1}, ""},
		"other operation":    {conflict, false, history.Op{Status: history.Fail, Because: history.Conflict, Sum: 0}, "was refused for operation 0 and version 0, but its operation 1"},
		"in Else":            {other, false, history.Op{Status: history.Fail, Because: history.Conflict, Sum: 1, Version: 1}, ""},
		"other version":      {other, false, history.Op{Status: history.Fail, Because: history.Conflict, Sum: 1}, "with version 1"},
		"no number":          {number, false, history.Op{Status: history.Fail, Because: history.NotInteger}, ""},
		"no overflow":        {number, false, history.Op{Status: history.Fail, Because: history.Overflow}, "1 cannot be added"},
		"overflow":           {overflow, false, history.Op{Status: history.Fail, Because: history.Overflow, Sum: 1}, ""},
		"overflow, effect":   {overflow, true, history.Op{Status: history.Unknown}, "took effect although its operation 1"},
		"refused for naught": {fine, false, history.Op{Status: history.Fail, Because: history.Conflict}, "was refused, and could have been done"},
		"over the quota":     {fine, false, history.Op{Status: history.Fail, Because: history.Quota}, ""},
		"quota, and effect":  {fine, true, history.Op{Status: history.Fail, Because: history.Quota}, "took effect"},
		"refused by a node":  {fine, false, history.Op{Status: history.Fail}, ""},
	} {
		r := newTxnRun(Options{})
		r.order(wire.Command{Op: wire.OpSet, Key: "a", Value: []byte("text")}, true)
		r.c.Complete(&history.Op{Session: 1, Seq: 1, Kind: history.Set, Key: "a", Value: []byte("text"), Status: history.OK, Position: 1, Version: 1, Start: 1, End: 2})
		at := r.order(txnCommand(tc.txn), tc.effect)
		if tc.told.Status == history.Fail {
			tc.told.Position = at
		}
		r.told(tc.txn, tc.told)
		if got := r.verdict(); (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	r := newTxnRun(Options{})
	r.order(wire.Command{Op: wire.OpTxn, Value: []byte("none")}, true)
	if got := r.verdict(); !strings.Contains(got, "took effect although it is malformed") {
		t.Errorf("a malformed one: %q", got)
	}
}

// In a group with others, transactions of their variables alone pass by.
func TestTxnOfOthers(t *testing.T) {
	for name, tc := range map[string]struct {
		keys []string
		want string
	}{
		"of others": {[]string{"x/a", "y"}, ""},
		"ours":      {[]string{"p/a"}, "was never submitted"},
		"of both":   {[]string{"x/a", "p/a"}, "it has variables of others"},
	} {
		r := newTxnRun(Options{Shared: true, Prefix: "p/"})
		var txn wire.Txn
		for _, key := range tc.keys {
			txn.Then = append(txn.Then, wire.TxnOp{Kind: wire.TxnPut, Key: key})
		}
		r.order(txnCommand(&txn), true)
		if got := r.verdict(); (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// What is appended to a value that was not kept is not known, and is not taken for wrong.
func TestTxnAppendsToWhatIsNotKept(t *testing.T) {
	r := newTxnRun(Options{})
	long := strings.Repeat("v", 101)
	r.order(wire.Command{Op: wire.OpSet, Key: "a", Value: []byte(long)}, true)
	r.c.Complete(&history.Op{Session: 1, Seq: 1, Kind: history.Set, Key: "a", Value: []byte(long), Status: history.OK, Position: 1, Version: 1, Start: 1, End: 2})
	txn := &wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnAppend, Key: "a", Value: []byte("x")}}}
	at := r.order(txnCommand(txn), true)
	r.told(txn, history.Op{Status: history.OK, Position: at, Version: at, Sum: wire.TxnThen}, wire.TxnResult{Has: wire.TxnFound | wire.TxnNumber, Number: 102})
	r.c.Complete(&history.Op{Kind: history.Get, Key: "a", Value: []byte(long + "x"), Status: history.OK, Position: at, Version: at, Start: 10, End: 11})
	if got := r.verdict(); got != "" {
		t.Error(got)
	}
}
