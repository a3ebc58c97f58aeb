package bench

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// TestTransactionsThroughTheDriver has every operation and option of a transaction done
// through the driver, and noted as the store's results have it.
func TestTransactionsThroughTheDriver(t *testing.T) {
	cfg := shortConfig()
	cfg.Nodes = 1
	sys, _, err := startInside(t.Context(), &cfg, program.Env{}.OrNowhere(), &cluster.Feeds{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := sys.Stop(); err != nil {
			t.Error(err)
		}
	}()
	client, err := sys.Open(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}()
	const hour, least = 3_600_000, 3_000_000 // ms; of an hour's TTL so much is left
	var r load.Request
	load.TxnRequest(&r, &wire.Txn{
		If: []wire.Cond{{Kind: wire.CondVersion, Key: "a"}},
		Then: []wire.TxnOp{
			{Kind: wire.TxnPut, Key: "a", Value: []byte("1"), If: wire.Cond{Kind: wire.CondVersion}, TTL: hour},
			{Kind: wire.TxnTTL, Key: "a"},
			{Kind: wire.TxnPut, Key: "a", Value: []byte("2"), If: wire.Cond{Kind: wire.CondValue, Value: []byte("1")}, KeepTTL: true, Old: true},
			{Kind: wire.TxnTTL, Key: "a"},
			{Kind: wire.TxnAdd, Key: "a", Delta: 3, If: wire.Cond{Kind: wire.CondPresent}},
			{Kind: wire.TxnTTL, Key: "a"},
			{Kind: wire.TxnPersist, Key: "a"},
			{Kind: wire.TxnTTL, Key: "a"},
			{Kind: wire.TxnAppend, Key: "a", Value: []byte("x"), TTL: hour},
			{Kind: wire.TxnTTL, Key: "a"},
			{Kind: wire.TxnPut, Key: "a", Value: []byte("y")},
			{Kind: wire.TxnTTL, Key: "a"},
			{Kind: wire.TxnExpire, Key: "a", TTL: hour},
			{Kind: wire.TxnTTL, Key: "a"},
			{Kind: wire.TxnRead, Key: "a"},
			{Kind: wire.TxnDelete, Key: "a"},
			{Kind: wire.TxnTTL, Key: "a"},
		},
	})
	var a load.Answer
	client.Do(t.Context(), &r, &a)
	if a.Status != history.OK || !a.Done() {
		t.Fatalf("%+v", a)
	}
	got, err := wire.DecodeTxnResults(a.Results)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if got[i].Number > least { // ms
			got[i].Number = hour
		}
	}
	const found, number, value = wire.TxnFound, wire.TxnNumber, wire.TxnValue
	timed := wire.TxnResult{Has: found | number, Number: hour}
	stays := wire.TxnResult{Has: found | number, Number: wire.NoTTL}
	want := []wire.TxnResult{
		{},
		timed,
		{Has: found | value, Version: a.Position, Value: []byte("1")},
		timed,
		{Has: found | number, Number: 5},
		timed,
		{Has: found},
		stays,
		{Has: found | number, Number: 2},
		timed,
		{Has: found},
		stays,
		{Has: found},
		timed,
		{Has: found | value, Version: a.Position, Value: []byte("y")},
		{Has: found},
		{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
