package workload

import (
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Of transactions, those count whose conditions held.
func TestTransactionsAreCounted(t *testing.T) {
	for want, i := range map[string]Invariant{"through 2 transfers": newBank(2), "through 2 writes": newGroups("p/", 10)} {
		for _, o := range []history.Op{
			{Kind: history.Txn, Status: history.OK, Sum: wire.TxnThen},
			{Kind: history.Txn, Status: history.OK, Sum: wire.TxnThen},
			{Kind: history.Txn, Status: history.OK, Sum: wire.TxnElse},
			{Kind: history.Txn, Status: history.Fail, Sum: 1},
			{Kind: history.Txn, Status: history.Unknown, Sum: 1},
			{Kind: history.Get, Status: history.OK, Sum: 1},
		} {
			i.Complete(&o)
		}
		if r := i.Finish(); !strings.Contains(r.Covers, want) || !r.Pass() {
			t.Errorf("%+v, want %s", r, want)
		}
	}
}
