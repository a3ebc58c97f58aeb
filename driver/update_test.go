package driver_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8247e700/dsm/driver"
)

// prefixOf is a prefix of variables that no other test has, nor another run of this one.
func prefixOf(t *testing.T) string { return fmt.Sprintf("%s/%d/", t.Name(), prefixes.Add(1)) }

// must fails the test for an error.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// shown is what a scan shows: key=value, and an asterisk for what the transaction has written.
func shown(t *testing.T, scan iter.Seq2[driver.Item, error]) (list []string) {
	t.Helper()
	for item, err := range scan {
		if err != nil {
			t.Error(err)
			return list
		}
		one := item.Key[strings.LastIndex(item.Key, "/")+1:] + "=" + string(item.Data)
		if item.Version == 0 {
			one += "*"
		}
		list = append(list, one)
	}
	return list
}

// A transaction sees what it has written, and all of it is there afterwards, at one position.
func TestUpdate(t *testing.T) {
	txnHandles(t, func(t *testing.T, h txnHandle, p string) {
		for _, key := range []string{"a", "b", "c", "n"} {
			_, err := h.Set(ctx, p+key, []byte("1"))
			must(t, err)
		}
		all := driver.Prefix(p)
		must(t, h.Update(ctx, func(tx *driver.Tx) error {
			if tx.Position() != 0 {
				t.Errorf("at %d before the first read", tx.Position())
			}
			must(t, tx.Set(p+"b", []byte("2")), tx.Delete(p+"c"), tx.Set(p+"d", nil), tx.Add(p+"n", 41), tx.Append(p+"n", []byte("0")), tx.Append(p+"l", []byte("x")))
			if tx.Position() != 0 {
				t.Errorf("at %d before the first read", tx.Position())
			}
			got := shown(t, tx.Scan(all))
			if diff := cmp.Diff([]string{"a=1", "b=2*", "d=*", "l=x*", "n=420*"}, got); diff != "" {
				t.Error(diff)
			}
			got = shown(t, tx.Scan(all, driver.Reverse, driver.Limit(3)))
			if diff := cmp.Diff([]string{"n=420*", "l=x*", "d=*"}, got); diff != "" {
				t.Error(diff)
			}
			got = shown(t, tx.Scan(all, driver.KeysOnly, driver.Limit(2)))
			if diff := cmp.Diff([]string{"a=", "b=*"}, got); diff != "" {
				t.Error(diff)
			}
			if n, err := tx.Count(driver.Range(p+"b", p+"n")); n != 3 || err != nil {
				t.Errorf("%d variables, %v", n, err)
			}
			_, err := tx.Get(p + "c")
			_, other := tx.Get(p + "none")
			if !errors.Is(err, driver.ErrNotFound) || !errors.Is(other, driver.ErrNotFound) {
				t.Errorf("%v, %v", err, other)
			}
			value, err := tx.Get(p + "n")
			if string(value.Data) != "420" || value.Version != 0 || err != nil {
				t.Errorf("%q of version %d, %v", value.Data, value.Version, err)
			}
			value.Data[0] = 'x' // it is the function's
			value, err = tx.Get(p + "a")
			if string(value.Data) != "1" || value.Version == 0 || value.Version > tx.Position() || err != nil {
				t.Errorf("%q of version %d, at %d, %v", value.Data, value.Version, tx.Position(), err)
			}
			return nil
		}))
		must(t, h.View(ctx, func(tx *driver.Tx) error {
			got := shown(t, tx.Scan(all))
			if diff := cmp.Diff([]string{"a=1", "b=2", "d=", "l=x", "n=420"}, got); diff != "" {
				t.Error(diff)
			}
			n, err := tx.Count(all)
			if n != 5 || err != nil {
				t.Errorf("%d variables, %v", n, err)
			}
			b, err := tx.Get(p + "b")
			d, other := tx.Get(p + "d")
			if b.Version != d.Version || b.Version > tx.Position() {
				t.Errorf("versions %d and %d, at %d", b.Version, d.Version, tx.Position())
			}
			return errors.Join(err, other)
		}))
	})
}

// A function runs again if anything that it has read has changed when it is committed, and only
// then.
func TestUpdateRunsAgain(t *testing.T) {
	other := func(t *testing.T, what func(h txnHandle) error) {
		conn, err := db.Conn(ctx)
		must(t, err, what(conn), conn.Close())
	}
	set := func(key string) func(txnHandle) error {
		return func(h txnHandle) error { return second(h.Set(ctx, key, []byte("other"))) }
	}
	txnHandles(t, func(t *testing.T, h txnHandle, p string) {
		for name, tc := range map[string]struct {
			reads   func(tx *driver.Tx, p string) error
			changes func(p string) func(txnHandle) error
			again   bool
		}{
			"a read variable":    {func(tx *driver.Tx, p string) error { return second(tx.Get(p + "a")) }, func(p string) func(txnHandle) error { return set(p + "a") }, true},
			"another variable":   {func(tx *driver.Tx, p string) error { return second(tx.Get(p + "a")) }, func(p string) func(txnHandle) error { return set(p + "b") }, false},
			"what was not there": {func(tx *driver.Tx, p string) error { _, _ = tx.Get(p + "none"); return nil }, func(p string) func(txnHandle) error { return set(p + "none") }, true},
			"blind":              {func(*driver.Tx, string) error { return nil }, func(p string) func(txnHandle) error { return set(p + "mine") }, false},
			"blind add": {func(tx *driver.Tx, p string) error { return tx.Add(p+"n", 1) }, func(p string) func(txnHandle) error {
				return func(h txnHandle) error { return second(h.Batch(ctx, driver.Inc(p+"n", 1))) }
			}, false},
			"its own write":    {func(tx *driver.Tx, p string) error { must(t, tx.Set(p+"b", nil)); return second(tx.Get(p + "b")) }, func(p string) func(txnHandle) error { return set(p + "b") }, false},
			"a phantom":        {func(tx *driver.Tx, p string) error { return second(tx.Count(driver.Prefix(p + "a"))) }, func(p string) func(txnHandle) error { return set(p + "ab") }, true},
			"beside the range": {func(tx *driver.Tx, p string) error { return second(tx.Count(driver.Prefix(p + "a"))) }, func(p string) func(txnHandle) error { return set(p + "b") }, false},
			"one of the range": {func(tx *driver.Tx, p string) error { return second(tx.Count(driver.Prefix(p))) }, func(p string) func(txnHandle) error { return set(p + "b") }, true},
			"one that goes": {func(tx *driver.Tx, p string) error { return second(tx.Count(driver.Prefix(p))) }, func(p string) func(txnHandle) error {
				return func(h txnHandle) error { return second(h.Delete(ctx, p+"b")) }
			}, true},
			"behind the limit":    {func(tx *driver.Tx, p string) error { shown(t, tx.Scan(driver.Prefix(p), driver.Limit(2))); return nil }, func(p string) func(txnHandle) error { return set(p + "bb") }, false},
			"before the limit":    {func(tx *driver.Tx, p string) error { shown(t, tx.Scan(driver.Prefix(p), driver.Limit(2))); return nil }, func(p string) func(txnHandle) error { return set(p + "ab") }, true},
			"behind what is left": {func(tx *driver.Tx, p string) error { return first(tx.Scan(driver.Prefix(p), driver.Reverse)) }, func(p string) func(txnHandle) error { return set(p + "b") }, false},
			"before what is left": {func(tx *driver.Tx, p string) error { return first(tx.Scan(driver.Prefix(p), driver.Reverse)) }, func(p string) func(txnHandle) error { return set(p + "cc") }, true},
		} {
			p := p + name + "/"
			must(t, second(h.Batch(ctx, driver.Put(p+"a", nil), driver.Put(p+"b", nil), driver.Put(p+"c", nil))))
			runs := 0
			must(t, h.Update(ctx, func(tx *driver.Tx) error {
				if err := tc.reads(tx, p); err != nil {
					return err
				}
				if runs++; runs == 1 {
					other(t, tc.changes(p))
				}
				return tx.Set(p+"mine", []byte(strconv.Itoa(runs)))
			}))
			value, err := h.Get(ctx, p+"mine")
			if want := map[bool]int{false: 1, true: 2}[tc.again]; runs != want || string(value.Data) != strconv.Itoa(want) || err != nil {
				t.Errorf("%s: %d runs, %q was written, %v", name, runs, value.Data, err)
			}
		}
	})
}

// first takes the first item of a scan, by an iterator that is not stopped before it returns.
func first(scan iter.Seq2[driver.Item, error]) error {
	next, stop := iter.Pull2(scan)
	defer stop()
	_, err, _ := next()
	return err
}

// Writes take a TTL, or keep the one that there is.
func TestUpdateTTL(t *testing.T) {
	p := prefixOf(t)
	must(t, db.Update(ctx, func(tx *driver.Tx) error {
		return errors.Join(tx.Set(p+"a", nil, driver.TTL(time.Hour)), tx.Add(p+"n", 1, driver.TTL(time.Hour)), tx.Append(p+"l", nil, driver.TTL(time.Hour)))
	}))
	must(t, db.Update(ctx, func(tx *driver.Tx) error {
		return errors.Join(tx.Set(p+"a", nil, driver.KeepTTL), tx.Add(p+"n", 1), tx.Append(p+"l", nil), tx.Set(p+"b", nil))
	}))
	err := db.Update(ctx, func(tx *driver.Tx) error { return tx.Set(p+"own", nil, driver.Ephemeral) })
	if !errors.Is(err, driver.ErrOption) {
		t.Errorf("ephemeral to a session that has no TTL of its own: %v", err)
	}
	own, err := db.Session(ctx, driver.SessionTTL(10*time.Second))
	must(t, err, own.Update(ctx, func(tx *driver.Tx) error { return tx.Set(p+"own", nil, driver.Ephemeral) }))
	must(t, second(db.Get(ctx, p+"own", driver.Strong)), own.Close())
	if _, err := db.Get(ctx, p+"own", driver.Strong); !errors.Is(err, driver.ErrNotFound) {
		t.Errorf("it outlives its session: %v", err)
	}
	for _, key := range []string{"a", "n", "l"} {
		if left, ok, err := db.TTL(ctx, p+key); left <= 0 || !ok || err != nil {
			t.Errorf("%s: %v, %v, %v", key, left, ok, err)
		}
	}
	if left, ok, err := db.TTL(ctx, p+"b"); ok || err != nil {
		t.Errorf("%v, %v, %v", left, ok, err)
	}
}

// Expire and Persist change when a variable expires, and nothing else of it, in the order of the
// transaction's writes.
func TestUpdateExpires(t *testing.T) {
	txnHandles(t, func(t *testing.T, h txnHandle, p string) {
		hour := driver.TTL(time.Hour)
		read, err := h.Set(ctx, p+"read", []byte("1"))
		must(t, err, second(h.Set(ctx, p+"timed", []byte("t"), hour)), second(h.Set(ctx, p+"count", []byte("1"))))
		for _, key := range []string{"deleted", "cleared"} {
			must(t, second(h.Set(ctx, p+key, nil, hour)))
		}
		none := func(errs ...error) {
			t.Helper()
			for _, err := range errs {
				if !errors.Is(err, driver.ErrNotFound) {
					t.Errorf("no such variable, and %v", err)
				}
			}
		}
		must(t, h.Update(ctx, func(tx *driver.Tx) error {
			must(t, tx.Expire(p+"read", time.Minute))
			if tx.Position() == 0 {
				t.Error("Expire has read nothing")
			}
			value, err := tx.Get(p + "read")
			if string(value.Data) != "1" || value.Version != read || err != nil {
				t.Errorf("%q of version %d, want %d, %v", value.Data, value.Version, read, err)
			}
			must(t, tx.Add(p+"count", 1), tx.Expire(p+"count", time.Minute)) // which adds has made
			must(t, tx.Persist(p+"timed"))
			must(t, tx.Set(p+"new", []byte("n")), tx.Expire(p+"new", time.Minute))
			value, err = tx.Get(p + "new")
			if string(value.Data) != "n" || value.Version != 0 || err != nil {
				t.Errorf("%q of version %d, %v", value.Data, value.Version, err)
			}
			must(t, tx.Set(p+"both", nil, driver.TTL(time.Minute)), tx.Persist(p+"both"))
			must(t, tx.Expire(p+"cleared", time.Minute), tx.Set(p+"cleared", []byte("c")))
			must(t, tx.Delete(p+"deleted"))
			none(tx.Expire(p+"deleted", time.Minute), tx.Persist(p+"deleted"), tx.Expire(p+"none", time.Minute), tx.Persist(p+"none"))
			got := shown(t, tx.Scan(driver.Prefix(p)))
			if diff := cmp.Diff([]string{"both=*", "cleared=c*", "count=2*", "new=n*", "read=1", "timed=t"}, got); diff != "" {
				t.Error(diff)
			}
			return nil
		}))
		for key, timed := range map[string]bool{"read": true, "count": true, "new": true, "timed": false, "both": false, "cleared": false} {
			left, ok, err := h.TTL(ctx, p+key)
			if ok != timed || left > time.Minute || err != nil {
				t.Errorf("%s: %v left, %v, %v, want %v", key, left, ok, err, timed)
			}
		}
		value, err := h.Get(ctx, p+"read")
		if value.Version != read || err != nil {
			t.Errorf("version %d, want %d, %v", value.Version, read, err)
		}
		// What was read may not change until the commit, whether it was there or not.
		for _, key := range []string{"read", "none"} {
			runs := 0
			must(t, h.Update(ctx, func(tx *driver.Tx) error {
				if runs++; runs == 1 {
					if err := tx.Expire(p+key, time.Hour); err != nil {
						none(err)
					}
					conn, err := db.Conn(ctx)
					must(t, err, second(conn.Set(ctx, p+key, nil)), conn.Close())
				}
				return tx.Set(p+"done", nil)
			}))
			if runs != 2 {
				t.Errorf("%s: %d runs", key, runs)
			}
		}
	})
}

// A function that has only read commits nothing, whatever has changed.
func TestUpdateThatOnlyReads(t *testing.T) {
	p := prefixOf(t)
	must(t, second(db.Set(ctx, p+"a", nil)))
	runs := 0
	must(t, db.Update(ctx, func(tx *driver.Tx) error {
		runs++
		_, err := tx.Get(p + "a")
		before := tx.Position()
		must(t, second(db.Set(ctx, p+"a", []byte("new"))), second(db.Set(ctx, p+"b", nil)))
		value, again := tx.Get(p + "a")
		if n, counted := tx.Count(driver.Prefix(p)); n != 1 || counted != nil || len(value.Data) > 0 || tx.Position() != before {
			t.Errorf("%d variables, %q at %d, %v: not as they were at %d", n, value.Data, tx.Position(), counted, before)
		}
		return errors.Join(err, again)
	}))
	if runs != 1 {
		t.Errorf("%d runs", runs)
	}
}

var errMine = errors.New("mine")

// An error of the function, a panic and the end of its goroutine leave nothing behind.
func TestUpdateLeavesNothing(t *testing.T) {
	txnHandles(t, func(t *testing.T, h txnHandle, p string) {
		var kept *driver.Tx
		fn := func(how func() error) func(*driver.Tx) error {
			return func(tx *driver.Tx) error {
				kept = tx
				must(t, tx.Set(p+"a", nil))
				return how()
			}
		}
		for _, call := range []func(context.Context, func(*driver.Tx) error) error{h.Update, h.View} {
			err := call(ctx, func(*driver.Tx) error { return errMine })
			if err != errMine { //nolint:errorlint // as it is
				t.Errorf("%v, want the function's own error", err)
			}
		}
		if err := h.Update(ctx, fn(func() error { return errMine })); err != errMine { //nolint:errorlint // as it is
			t.Errorf("%v, want the function's own error", err)
		}
		func() {
			defer func() {
				if r := recover(); r != "mine" {
					t.Errorf("recovered %v", r)
				}
			}()
			t.Error(h.Update(ctx, fn(func() error { panic("mine") })))
		}()
		if err := kept.Set(p+"a", nil); !errors.Is(err, driver.ErrTxDone) {
			t.Errorf("after a panic: %v", err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = h.Update(ctx, fn(func() error { runtime.Goexit(); return nil }))
			t.Error("the goroutine goes on")
		}()
		<-ended
		for name, err := range map[string]error{
			"get": second(kept.Get(p + "a")), "set": kept.Set(p+"a", nil), "delete": kept.Delete(p + "a"), "add": kept.Add(p+"a", 1),
			"append": kept.Append(p+"a", nil), "count": second(kept.Count()), "scan": first(kept.Scan()),
		} {
			if !errors.Is(err, driver.ErrTxDone) {
				t.Errorf("%s after the function has returned: %v", name, err)
			}
		}
		if _, err := h.Get(ctx, p+"a"); !errors.Is(err, driver.ErrNotFound) {
			t.Errorf("something was done: %v", err)
		}
	})
}

// An iterator that is used on after the function has returned returns ErrTxDone, once.
func TestIteratorOutlivesItsTransaction(t *testing.T) {
	p := prefixOf(t)
	must(t, second(db.Batch(ctx, driver.Put(p+"a", nil), driver.Put(p+"b", nil))))
	var next func() (driver.Item, error, bool)
	var stop func()
	must(t, db.View(ctx, func(tx *driver.Tx) error {
		next, stop = iter.Pull2(tx.Scan(driver.Prefix(p)))
		item, err, _ := next()
		if item.Key != p+"a" {
			t.Error(item.Key)
		}
		return err
	}))
	defer stop()
	if _, err, ok := next(); !ok || !errors.Is(err, driver.ErrTxDone) {
		t.Errorf("%v, %v", err, ok)
	}
	if _, err, ok := next(); ok {
		t.Errorf("it goes on: %v", err)
	}
}

// Scans may be nested, used again, and have writes within.
func TestNestedScans(t *testing.T) {
	p := prefixOf(t)
	must(t, second(db.Batch(ctx, driver.Put(p+"a", nil), driver.Put(p+"b", nil), driver.Put(p+"c", nil))))
	must(t, db.Update(ctx, func(tx *driver.Tx) error {
		scan := tx.Scan(driver.Prefix(p), driver.KeysOnly)
		var pairs []string
		for outer, err := range scan {
			if err != nil {
				return err
			}
			for inner, err := range scan {
				if err != nil {
					return err
				}
				pairs = append(pairs, strings.TrimPrefix(outer.Key, p)+strings.TrimPrefix(inner.Key, p))
			}
			if outer.Key == p+"b" {
				must(t, tx.Delete(p+"c"), tx.Set(p+"d", nil), tx.Set(p+"aa", nil))
			}
		}
		if got := strings.Join(pairs, " "); got != "aa ab ac ba bb bc da daa db dd" {
			t.Error(got)
		}
		return nil
	}))
}

// What is impossible ends the transaction, whatever its function returns.
func TestUpdateRefuses(t *testing.T) {
	txnHandles(t, func(t *testing.T, h txnHandle, p string) {
		must(t, second(h.Set(ctx, p+"text", []byte("x"))), second(h.Set(ctx, p+"most", []byte("9223372036854775807"))))
		large := make([]byte, 1<<20)
		for name, tc := range map[string]struct {
			fn   func(tx *driver.Tx) error
			want error
		}{
			"key of get":       {func(tx *driver.Tx) error { return second(tx.Get("")) }, driver.ErrInvalidKey},
			"key of set":       {func(tx *driver.Tx) error { return tx.Set("\x00", nil) }, driver.ErrInvalidKey},
			"condition":        {func(tx *driver.Tx) error { return tx.Set(p+"a", nil, driver.IfAbsent) }, driver.ErrOption},
			"old value":        {func(tx *driver.Tx) error { return tx.Add(p+"a", 1, driver.ReturnOld) }, driver.ErrOption},
			"no TTL":           {func(tx *driver.Tx) error { return tx.Expire(p+"text", 0) }, driver.ErrOption},
			"key of expire":    {func(tx *driver.Tx) error { return tx.Expire("", time.Hour) }, driver.ErrInvalidKey},
			"key of persist":   {func(tx *driver.Tx) error { return tx.Persist("\x00") }, driver.ErrInvalidKey},
			"endless TTL":      {func(tx *driver.Tx) error { return tx.Append(p+"a", nil, driver.TTL(0)) }, driver.ErrOption},
			"two ranges":       {func(tx *driver.Tx) error { return first(tx.Scan(driver.Key("a"), driver.Key("b"))) }, driver.ErrOption},
			"at":               {func(tx *driver.Tx) error { return first(tx.Scan(driver.At(1))) }, driver.ErrOption},
			"count with limit": {func(tx *driver.Tx) error { return second(tx.Count(driver.Limit(1))) }, driver.ErrOption},
			"count in reverse": {func(tx *driver.Tx) error { return second(tx.Count(driver.Reverse)) }, driver.ErrOption},
			"no integer":       {func(tx *driver.Tx) error { must(t, tx.Set(p+"a", []byte("x"))); return tx.Add(p+"a", 1) }, driver.ErrNotInteger},
			"overflow": {func(tx *driver.Tx) error {
				must(t, tx.Set(p+"a", []byte("-9223372036854775808")))
				return tx.Add(p+"a", -1)
			}, driver.ErrOverflow},
			"no integer, later": {func(tx *driver.Tx) error { must(t, tx.Add(p+"text", 1)); return second(tx.Get(p + "text")) }, driver.ErrNotInteger},
			"overflow in scan": {func(tx *driver.Tx) error {
				must(t, tx.Add(p+"most", 1))
				return first(tx.Scan(driver.Prefix(p + "most")))
			}, driver.ErrOverflow},
			"too many writes": {func(tx *driver.Tx) error {
				for range 4095 { // after the first one
					must(t, tx.Delete(p+"text"))
				}
				return tx.Delete(p + "text")
			}, driver.ErrTxTooLarge},
			"too many bytes": {func(tx *driver.Tx) error {
				must(t, tx.Set(p+"1", large), tx.Set(p+"2", large), tx.Set(p+"3", large))
				return tx.Set(p+"4", large)
			}, driver.ErrTxTooLarge},
		} {
			for _, hides := range []bool{false, true} {
				runs := 0
				err := h.Update(ctx, func(tx *driver.Tx) error {
					runs++
					must(t, tx.Set(p+"done", nil))
					err := tc.fn(tx)
					if !errors.Is(err, tc.want) {
						t.Errorf("%s: %v, want %v", name, err, tc.want)
					}
					if again := tx.Set(p+"done", nil); !errors.Is(again, tc.want) {
						t.Errorf("%s: and then %v, want %v", name, again, tc.want)
					}
					if hides {
						return nil
					}
					return fmt.Errorf("wrapped: %w", err)
				})
				if !errors.Is(err, tc.want) || runs != 1 || hides == strings.Contains(err.Error(), "wrapped") {
					t.Errorf("%s: %v after %d runs, want %v", name, err, runs, tc.want)
				}
			}
		}
		if _, err := h.Get(ctx, p+"done"); !errors.Is(err, driver.ErrNotFound) {
			t.Errorf("something was done: %v", err)
		}
		// What only the group can know.
		err := h.Update(ctx, func(tx *driver.Tx) error { return errors.Join(tx.Set(p+"done", nil), tx.Add(p+"text", 1)) })
		var of *driver.TxnError
		if !errors.Is(err, driver.ErrNotInteger) || !errors.As(err, &of) || of.Op != 1 || of.Key != p+"text" {
			t.Errorf("%v", err)
		}
		for name, write := range map[string]func(tx *driver.Tx) error{
			"Add":     func(tx *driver.Tx) error { return tx.Add(p+"text", 1) },
			"Expire":  func(tx *driver.Tx) error { return tx.Expire(p+"none", time.Hour) },
			"Persist": func(tx *driver.Tx) error { return tx.Persist(p + "text") },
		} {
			err = h.View(ctx, func(tx *driver.Tx) error { _ = write(tx); return nil })
			if !errors.Is(err, driver.ErrReadOnly) {
				t.Errorf("a View with %s: %v", name, err)
			}
		}
	})
}

// The bound of what scans may have seen is that of all together, each variable once.
func TestUpdateScansAreBounded(t *testing.T) {
	p := prefixOf(t)
	const most = 10_000
	for i := 0; i < most; {
		var ops []driver.Op
		for ; i < most && len(ops) < 4000; i++ {
			ops = append(ops, driver.Put(fmt.Sprintf("%s%05d", p, i), nil))
		}
		must(t, second(db.Batch(ctx, ops...)))
	}
	count := func(tx *driver.Tx) error {
		n, err := tx.Count(driver.Prefix(p))
		if half, err := tx.Count(driver.Range(p, p+"05000")); half != most/2 && err == nil {
			t.Errorf("%d variables", half)
		}
		if n != most && err == nil {
			t.Errorf("%d variables", n)
		}
		return errors.Join(err, tx.Set(p[:len(p)-1], nil))
	}
	must(t, db.Update(ctx, count), second(db.Set(ctx, p+"more", nil)))
	if err := db.Update(ctx, count); !errors.Is(err, driver.ErrTxTooLarge) {
		t.Errorf("with one more: %v", err)
	}
	must(t, db.View(ctx, func(tx *driver.Tx) error {
		n, err := tx.Count(driver.Prefix(p))
		if n != most+1 {
			t.Errorf("a View counts %d", n)
		}
		return err
	}))
}

// A state that is not kept any more ends a View, and an Update runs again on a newer one.
func TestSnapshotGone(t *testing.T) {
	p := prefixOf(t)
	overwrite := func() { // more than servers keep
		for range 12 {
			must(t, second(db.Set(ctx, p+"large", make([]byte, 1<<20))))
		}
	}
	must(t, second(db.Set(ctx, p+"a", nil)))
	for _, hides := range []bool{false, true} {
		err := db.View(ctx, func(tx *driver.Tx) error {
			must(t, second(tx.Get(p+"a")))
			overwrite()
			_, err := tx.Get(p + "a")
			if hides {
				return nil
			}
			return err
		})
		if !errors.Is(err, driver.ErrSnapshotGone) {
			t.Errorf("a View: %v", err)
		}
		runs := 0
		must(t, db.Update(ctx, func(tx *driver.Tx) error {
			must(t, second(tx.Get(p+"a")))
			if runs++; runs == 1 {
				overwrite()
			}
			if _, err := tx.Get(p + "large"); err != nil && !hides {
				return err
			}
			return tx.Set(p+"a", nil)
		}))
		if runs != 2 {
			t.Errorf("%d runs", runs)
		}
		err = db.Update(ctx, func(tx *driver.Tx) error {
			must(t, second(tx.Get(p+"a")))
			overwrite()
			must(t, second(db.Get(ctx, p+"a")))
			_, _ = tx.Get(p + "large")
			return errMine
		})
		if err != errMine { //nolint:errorlint // as it is
			t.Errorf("%v, want the function's own error", err)
		}
	}
}

// An Update that conflicts each time ends with its context, and says over what.
func TestEndlessConflict(t *testing.T) {
	p := prefixOf(t)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	runs := 0
	err := db.Update(ctx, func(tx *driver.Tx) error {
		_, err := tx.Get(p + "a")
		if err != nil && !errors.Is(err, driver.ErrNotFound) {
			return err
		}
		must(t, second(db.Set(t.Context(), p+"a", nil)))
		if runs++; runs == 6 {
			defer cancel()
		}
		return tx.Set(p+"b", nil)
	})
	var conflict *driver.ConflictError
	if !errors.Is(err, context.Canceled) || !errors.As(err, &conflict) || conflict.Key != p+"a" || conflict.Range || conflict.Read == 0 {
		t.Errorf("%v", err)
	}
	if !errors.Is(err, driver.ErrConflict) || !strings.Contains(err.Error(), "conflicts: 5, the last:") || !strings.Contains(err.Error(), "has changed since position") {
		t.Error(err)
	}
	// It does not begin with a context that has ended.
	if err := db.Update(ctx, func(*driver.Tx) error { t.Error("it runs"); return nil }); !errors.Is(err, context.Canceled) || !errors.Is(err, driver.ErrUnavailable) {
		t.Error(err)
	}
	closed, err := db.Conn(t.Context())
	must(t, err, closed.Close())
	for _, call := range []func(context.Context, func(*driver.Tx) error) error{closed.Update, closed.View} {
		if err := call(t.Context(), func(*driver.Tx) error { t.Error("it runs"); return nil }); !errors.Is(err, driver.ErrClosed) {
			t.Error(err)
		}
	}
}

// An Update within an Update is one of its own. The outer one conflicts with what it writes.
func TestUpdateInUpdate(t *testing.T) {
	p := prefixOf(t)
	must(t, second(db.Set(ctx, p+"a", []byte("0"))))
	runs := 0
	must(t, db.Update(ctx, func(tx *driver.Tx) error {
		runs++
		_, err := tx.Get(p + "a")
		if runs < 5 { // beyond the conflicts after which it has its turn
			inner := db.Update(ctx, func(inner *driver.Tx) error {
				_, err := inner.Get(p + "a")
				return errors.Join(err, inner.Add(p+"a", 1))
			})
			err = errors.Join(err, inner)
		}
		return errors.Join(err, tx.Set(p+"outer", nil))
	}))
	if value, err := db.Get(ctx, p+"a"); string(value.Data) != "4" || err != nil || runs != 5 {
		t.Errorf("%q after %d runs, %v", value.Data, runs, err)
	}
}

// Goroutines may share a transaction.
func TestTxIsShared(t *testing.T) {
	p := prefixOf(t)
	must(t, second(db.Batch(ctx, driver.Put(p+"a", nil), driver.Put(p+"b", nil))))
	must(t, db.Update(ctx, func(tx *driver.Tx) error {
		var all sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			all.Go(func() {
				for j := range 20 {
					_, err := tx.Get(p + "a")
					n, counted := tx.Count(driver.Prefix(p))
					if counted == nil && n < 2 {
						counted = fmt.Errorf("%d variables", n)
					}
					errs[i] = errors.Join(errs[i], err, counted, tx.Set(fmt.Sprint(p, "c", i, ".", j), nil), tx.Add(p+"n", 1))
				}
			})
		}
		all.Wait()
		return errors.Join(errs...)
	}))
	n, err := db.Count(ctx, driver.Prefix(p+"c"))
	value, other := db.Get(ctx, p+"n")
	if n != 160 || string(value.Data) != "160" || errors.Join(err, other) != nil {
		t.Errorf("%d variables, %q, %v, %v", n, value.Data, err, other)
	}
}

// Many clients that change one variable all make progress: goroutines of one handle, and
// handles with a goroutine each.
func TestUpdateIsFair(t *testing.T) {
	const clients = 64
	increment := func(h *driver.DB, key string) error {
		return h.Update(ctx, func(tx *driver.Tx) error {
			value, err := tx.Get(key)
			if err != nil && !errors.Is(err, driver.ErrNotFound) {
				return err
			}
			n, _ := strconv.Atoi(string(value.Data))
			return tx.Set(key, []byte(strconv.Itoa(n+1)))
		})
	}
	for name, tc := range map[string]struct {
		each   int
		handle func(t *testing.T) *driver.DB
	}{
		"goroutines": {20, func(*testing.T) *driver.DB { return db }},
		"handles": {3, func(t *testing.T) *driver.DB {
			h, err := driver.Open(dsn)
			must(t, err)
			t.Cleanup(func() { must(t, h.Close()) })
			return h
		}},
	} {
		t.Run(name, func(t *testing.T) {
			key := prefixOf(t) + "n"
			var all sync.WaitGroup
			begin := make(chan struct{})
			for range clients {
				h := tc.handle(t)
				all.Go(func() {
					<-begin
					for range tc.each {
						if err := increment(h, key); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			began := time.Now()
			close(begin)
			all.Wait()
			t.Logf("%d increments by %d clients took %v", clients*tc.each, clients, time.Since(began))
			if value, err := db.Get(ctx, key, driver.Strong); string(value.Data) != strconv.Itoa(clients*tc.each) || err != nil {
				t.Errorf("%q, %v", value.Data, err)
			}
		})
	}
}
