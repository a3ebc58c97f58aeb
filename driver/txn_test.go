package driver_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8247e700/dsm/driver"
)

// prefixes makes those of runs of a test different.
var prefixes atomic.Int64

// txnHandles are a handle on a node over the network, one on the node in this process, and a
// session of its own, each with a prefix of its own.
func txnHandles(t *testing.T, what func(t *testing.T, h txnHandle, prefix string)) {
	embedded := driver.OpenDB(node)
	t.Cleanup(func() {
		if err := embedded.Close(); err != nil {
			t.Error(err)
		}
	})
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	for name, h := range map[string]txnHandle{"network": db, "embedded": embedded, "conn": conn} {
		t.Run(name, func(t *testing.T) { what(t, h, prefixOf(t)) })
	}
}

type txnHandle interface {
	Set(ctx context.Context, key string, value []byte, options ...driver.WriteOption) (uint64, error)
	Get(ctx context.Context, key string, options ...driver.ReadOption) (driver.Value, error)
	Txn(ctx context.Context) *driver.Txn
	Batch(ctx context.Context, ops ...driver.Op) (driver.TxnResult, error)
	Submit(ctx context.Context, ops ...driver.Op) *driver.Future
	Append(ctx context.Context, key string, value []byte, options ...driver.WriteOption) (int, error)
	GetAndSet(ctx context.Context, key string, value []byte, options ...driver.WriteOption) (driver.Value, error)
	GetAndDelete(ctx context.Context, key string, options ...driver.WriteOption) (driver.Value, error)
	SetIfAbsent(ctx context.Context, key string, value []byte) (uint64, error)
	SetAsync(ctx context.Context, key string, value []byte) *driver.Future
	Add(ctx context.Context, key string, delta int64) (int64, error)
	CompareAndSet(ctx context.Context, key string, value []byte, version uint64) (uint64, error)
	Expire(ctx context.Context, key string, ttl time.Duration, options ...driver.WriteOption) error
	Persist(ctx context.Context, key string, options ...driver.WriteOption) error
	TTL(ctx context.Context, key string) (left time.Duration, ok bool, err error)
	Delete(ctx context.Context, key string) (uint64, error)
	Update(ctx context.Context, fn func(tx *driver.Tx) error) error
	View(ctx context.Context, fn func(tx *driver.Tx) error) error
}

// Every operation and option, by its result.
func TestTransactions(t *testing.T) {
	txnHandles(t, func(t *testing.T, h txnHandle, p string) {
		first, err := h.Set(ctx, p+"a", []byte("1"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := h.Txn(ctx).
			If(driver.When(p+"a", driver.IfVersion(first), driver.IfPresent, driver.IfValue([]byte("1"))), driver.When(p+"b", driver.IfAbsent)).
			Then(driver.Inc(p+"a", 41, driver.ReturnOld), driver.Put(p+"b", []byte("x"), driver.IfAbsent), driver.App(p+"b", []byte("y")), driver.Read(p+"b")).
			Else(driver.Del(p + "a")).
			Commit()
		want := driver.TxnResult{Position: r.Position, Then: true, Ops: []driver.OpResult{
			{Found: true, Value: driver.Value{Data: []byte("1"), Version: first}, Number: 42},
			{},
			{Found: true, Number: 2},
			{Found: true, Value: driver.Value{Data: []byte("xy"), Version: r.Position}},
		}}
		if diff := cmp.Diff(want, r); err != nil || diff != "" || r.Position <= first {
			t.Errorf("%v\n%s", err, diff)
		}
		r, err = h.Txn(ctx).If(driver.When(p+"a", driver.IfAbsent)).Then(driver.Put(p+"c", nil)).Else(driver.Del(p + "a")).Commit()
		if err != nil || r.Then || len(r.Ops) != 1 || !r.Ops[0].Found {
			t.Errorf("%+v, %v", r, err)
		}
		if _, err := h.Get(ctx, p+"a"); !errors.Is(err, driver.ErrNotFound) {
			t.Error(err)
		}
		f := h.Submit(ctx, driver.Put(p+"s", []byte("1")), driver.Inc(p+"s", 1))
		value, err := h.Get(ctx, p+"s") // which waits for it
		position, waitErr := f.Wait(ctx)
		if r, resultErr := f.Result(); string(value.Data) != "2" || errors.Join(err, waitErr, resultErr) != nil || r.Position != position || r.Ops[1].Number != 2 {
			t.Errorf("%q, %+v, %v, %v, %v", value.Data, r, err, waitErr, resultErr)
		}
		// Behind an asynchronous write, a batch takes its place in the stream.
		h.SetAsync(ctx, p+"s", []byte("5"))
		if r, err := h.Batch(ctx, driver.Read(p+"s")); err != nil || string(r.Ops[0].Value.Data) != "5" {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// What is refused says which operation it was, and is not done.
func TestTransactionsRefused(t *testing.T) {
	txnHandles(t, func(t *testing.T, h txnHandle, p string) {
		version, err := h.Set(ctx, p+"a", []byte("text"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.Txn(ctx).If(driver.When(p+"a", driver.IfAbsent)).Then(driver.Del(p+"a")).Else(driver.Put(p+"b", nil), driver.Put(p+"a", nil, driver.IfVersion(7))).Commit()
		var of *driver.TxnError
		var conflict *driver.ConflictError
		if !errors.As(err, &of) || of.Op != 1 || !of.Else || of.Key != p+"a" || !errors.As(err, &conflict) || conflict.Version != version || conflict.Key != p+"a" {
			t.Errorf("%v", err)
		}
		if _, err := h.Get(ctx, p+"b"); !errors.Is(err, driver.ErrNotFound) {
			t.Errorf("%v: half of it was done", err)
		}
		large := make([]byte, 1<<20+1)
		for name, tc := range map[string]struct {
			err  error
			want error
		}{
			"no integer":       {second(h.Batch(ctx, driver.Inc(p+"a", 1))), driver.ErrNotInteger},
			"overflow":         {second(h.Batch(ctx, driver.Put(p+"n", []byte("9223372036854775807")), driver.Inc(p+"n", 1))), driver.ErrOverflow},
			"too large":        {second(h.Append(ctx, p+"a", large)), driver.ErrTooLarge},
			"condition":        {second(h.Txn(ctx).If(driver.When(p+"a", driver.IfValue(large))).Commit()), driver.ErrTooLarge},
			"asynchronous":     {second(h.Submit(ctx, driver.Inc(p+"a", 1)).Wait(ctx)), driver.ErrNotInteger},
			"key":              {second(h.Batch(ctx, driver.Put("", nil))), driver.ErrInvalidKey},
			"key of when":      {second(h.Txn(ctx).If(driver.When("\x00", driver.IfAbsent)).Commit()), driver.ErrInvalidKey},
			"key of submit":    {second(h.Submit(ctx, driver.Read("")).Wait(ctx)), driver.ErrInvalidKey},
			"key of set":       {second(h.Set(ctx, "", nil, driver.IfPresent)), driver.ErrInvalidKey},
			"two conditions":   {second(h.Set(ctx, p+"a", nil, driver.IfAbsent, driver.IfPresent)), driver.ErrOption},
			"old of set":       {second(h.Set(ctx, p+"a", nil, driver.ReturnOld)), driver.ErrOption},
			"old of read":      {second(h.Batch(ctx, driver.Read(p+"a", driver.ReturnOld))), driver.ErrOption},
			"when without":     {second(h.Txn(ctx).If(driver.When(p + "a")).Commit()), driver.ErrOption},
			"when with old":    {second(h.Txn(ctx).If(driver.When(p+"a", driver.ReturnOld)).Commit()), driver.ErrOption},
			"an empty op":      {second(h.Batch(ctx, driver.Op{})), driver.ErrOption},
			"set if present":   {second(h.Set(ctx, p+"none", nil, driver.IfPresent)), driver.ErrConflict},
			"set if absent":    {second(h.SetIfAbsent(ctx, p+"a", nil)), driver.ErrConflict},
			"set if value":     {second(h.Set(ctx, p+"a", nil, driver.IfValue(nil))), driver.ErrConflict},
			"append if absent": {second(h.Append(ctx, p+"a", nil, driver.IfAbsent)), driver.ErrConflict},
			"get and delete":   {second(h.GetAndDelete(ctx, p+"none")), driver.ErrNotFound},
			"get and set":      {second(h.GetAndSet(ctx, p+"a", nil, driver.IfVersion(1))), driver.ErrConflict},
		} {
			if !errors.Is(tc.err, tc.want) {
				t.Errorf("%s: %v, want %v", name, tc.err, tc.want)
			}
		}
		if value, err := h.Get(ctx, p+"a"); err != nil || string(value.Data) != "text" {
			t.Errorf("%q, %v", value.Data, err)
		}
	})
}

// The bounds are those of the protocol, and nothing is sent beyond them.
func TestTransactionBounds(t *testing.T) {
	ops := make([]driver.Op, 4096)
	for i := range ops {
		ops[i] = driver.Put(fmt.Sprint("bounds/", i), nil)
	}
	r, err := db.Batch(ctx, ops...)
	if err != nil || len(r.Ops) != 4096 {
		t.Errorf("%d results, %v", len(r.Ops), err)
	}
	_, err = db.Batch(ctx, append(ops, ops[0])...)
	if !errors.Is(err, driver.ErrTxTooLarge) || !strings.Contains(err.Error(), "4097 conditions and operations, and 4096") {
		t.Error(err)
	}
	value := make([]byte, 1<<20)
	_, err = db.Submit(ctx, driver.Put("b/1", value), driver.Put("b/2", value), driver.Put("b/3", value), driver.Put("b/4", value)).Wait(ctx)
	if !errors.Is(err, driver.ErrTxTooLarge) {
		t.Error(err)
	}
	if _, err := db.Set(ctx, "b/1", value); err != nil {
		t.Fatal(err)
	}
	read := driver.Read("b/1")
	if _, err := db.Batch(ctx, read, read, read, read, read, read); !errors.Is(err, driver.ErrTooLarge) {
		t.Errorf("results that are too large: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }
