package driver_test

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/driver"
)

// long is a TTL that does not end during a test.
const long = time.Hour

// wantTTL holds that a variable has about as much left as it was given, or no TTL for 0.
func wantTTL(t *testing.T, what string, h txnHandle, key string, ttl time.Duration) {
	t.Helper()
	left, ok, err := h.TTL(ctx, key)
	if err != nil || ok != (ttl > 0) || left > ttl || left < ttl-long/2 {
		t.Errorf("%s: %v is left (%v, %v), of %v", what, left, ok, err, ttl)
	}
}

// What each write does to the TTL of a variable.
func TestWritesAndTTL(t *testing.T) {
	txnHandles(t, func(t *testing.T, h txnHandle, p string) {
		k := p + "k"
		batch := func(op driver.Op) func() error { return func() error { return second(h.Batch(ctx, op)) } }
		set := func(options ...driver.WriteOption) func() error {
			return func() error { return second(h.Set(ctx, k, []byte("2"), options...)) }
		}
		version := uint64(0)
		for _, tc := range []struct {
			what  string
			write func() error
			left  time.Duration // of a variable that had long
		}{
			{"Set", set(), 0},
			{"Set, KeepTTL", set(driver.KeepTTL), long},
			{"Set, TTL", set(driver.TTL(3 * long)), 3 * long},
			{"Set, IfPresent", set(driver.IfPresent), 0},
			{"Set, IfPresent, KeepTTL", set(driver.KeepTTL, driver.IfPresent), long},
			{"Set, IfVersion", func() error { return set(driver.IfVersion(version))() }, 0},
			{"Set, IfVersion, KeepTTL", func() error { return set(driver.IfVersion(version), driver.KeepTTL)() }, long},
			{"Set, IfVersion, TTL", func() error { return set(driver.IfVersion(version), driver.TTL(3*long))() }, 3 * long},
			{"CompareAndSet", func() error { return second(h.CompareAndSet(ctx, k, []byte("2"), version)) }, long},
			{"GetAndSet", func() error { return second(h.GetAndSet(ctx, k, nil)) }, 0},
			{"GetAndSet, KeepTTL", func() error { return second(h.GetAndSet(ctx, k, nil, driver.KeepTTL)) }, long},
			{"GetAndSet, TTL", func() error { return second(h.GetAndSet(ctx, k, nil, driver.TTL(3*long))) }, 3 * long},
			{"Add", func() error { return second(h.Add(ctx, k, 1)) }, long},
			{"Append", func() error { return second(h.Append(ctx, k, []byte("x"))) }, long},
			{"Append, TTL", func() error { return second(h.Append(ctx, k, nil, driver.TTL(3*long))) }, 3 * long},
			{"SetAsync", func() error { return second(h.SetAsync(ctx, k, nil).Wait(ctx)) }, 0},
			{"Submit, TTL", func() error { return second(h.Submit(ctx, driver.Put(k, nil, driver.TTL(3*long))).Wait(ctx)) }, 3 * long},
			{"Put", batch(driver.Put(k, nil)), 0},
			{"Inc", batch(driver.Inc(k, 1)), long},
			{"Inc, TTL", batch(driver.Inc(k, 1, driver.TTL(3*long))), 3 * long},
			{"App, TTL", batch(driver.App(k, nil, driver.TTL(3*long))), 3 * long},
			{"Expire", batch(driver.Expire(k, 3*long)), 3 * long},
			{"Persist", batch(driver.Persist(k)), 0},
			{"Left", batch(driver.Left(k)), long},
			{"db.Expire", func() error { return h.Expire(ctx, k, 3*long, driver.IfVersion(version)) }, 3 * long},
			{"db.Persist", func() error { return h.Persist(ctx, k, driver.IfVersion(version)) }, 0},
			{"db.Persist again", func() error { return errors.Join(h.Persist(ctx, k), h.Persist(ctx, k)) }, 0},
		} {
			var err error
			if version, err = h.Set(ctx, k, []byte("1"), driver.TTL(long)); err != nil {
				t.Fatal(err)
			}
			if err := tc.write(); err != nil {
				t.Errorf("%s: %v", tc.what, err)
			}
			wantTTL(t, tc.what, h, k, tc.left)
		}
		if err := second(h.Set(ctx, p+"absent", nil, driver.IfAbsent, driver.TTL(long))); err != nil {
			t.Error(err)
		}
		wantTTL(t, "Set, IfAbsent, TTL", h, p+"absent", long)
		if err := second(h.Batch(ctx, driver.Inc(p+"n", 1, driver.TTL(driver.MaxTTL)))); err != nil {
			t.Error(err)
		}
		wantTTL(t, "the longest", h, p+"n", driver.MaxTTL)
	})
}

// Operations of time see what those before them have done, and say what there was.
func TestTTLInTransactions(t *testing.T) {
	txnHandles(t, func(t *testing.T, h txnHandle, p string) {
		r, err := h.Batch(ctx,
			driver.Expire(p+"a", long), driver.Persist(p+"a"), driver.Left(p+"a"), // of nothing
			driver.Put(p+"a", []byte("1")), driver.Left(p+"a"),
			driver.Expire(p+"a", 2500*time.Microsecond, driver.ReturnOld), driver.Left(p+"a"),
			driver.Persist(p+"a", driver.ReturnOld), driver.Left(p+"a"),
		)
		if err != nil || len(r.Ops) != 9 {
			t.Fatalf("%+v, %v", r, err)
		}
		for i, want := range []string{"false 0s false", "false 0s false", "false 0s false", "false", "true 0s false", "true", "true 3ms true", "true", "true 0s false"} {
			left, ok := r.Ops[i].Left()
			if got := fmt.Sprint(r.Ops[i].Found, " ", left, " ", ok); len(want) > 5 && got != want || r.Ops[i].Found != (want[0] == 't') {
				t.Errorf("operation %d: %s, want %s", i, got, want)
			}
		}
		if string(r.Ops[5].Value.Data) != "1" || string(r.Ops[7].Value.Data) != "1" {
			t.Errorf("the old values are %q, %q", r.Ops[5].Value.Data, r.Ops[7].Value.Data)
		}
	})
}

// What is impossible is refused at the call, and nothing is sent.
func TestImpossibleTTL(t *testing.T) {
	txnHandles(t, func(t *testing.T, h txnHandle, p string) {
		version, err := h.Set(ctx, p+"k", []byte("1"), driver.TTL(long))
		if err != nil {
			t.Fatal(err)
		}
		one := func(op driver.Op) error { return second(h.Batch(ctx, op)) }
		set := func(options ...driver.WriteOption) error { return second(h.Set(ctx, p+"k", nil, options...)) }
		for name, err := range map[string]error{
			"none":                  set(driver.TTL(0)),
			"negative":              set(driver.TTL(-time.Second)),
			"endless":               set(driver.TTL(math.MaxInt64)),
			"just too long":         set(driver.TTL(driver.MaxTTL + 1)),
			"both":                  set(driver.TTL(long), driver.KeepTTL),
			"both, in turn":         set(driver.KeepTTL, driver.TTL(long)),
			"two":                   set(driver.TTL(long), driver.TTL(long)),
			"keep of nothing":       set(driver.KeepTTL, driver.IfAbsent),
			"keep of version 0":     set(driver.IfVersion(0), driver.KeepTTL),
			"Append, endless":       second(h.Append(ctx, p+"k", nil, driver.TTL(math.MaxInt64))),
			"Append, KeepTTL":       second(h.Append(ctx, p+"k", nil, driver.KeepTTL)),
			"GetAndSet, both":       second(h.GetAndSet(ctx, p+"k", nil, driver.TTL(long), driver.KeepTTL)),
			"GetAndDelete, TTL":     second(h.GetAndDelete(ctx, p+"k", driver.TTL(long))),
			"Submit, TTL 0":         second(h.Submit(ctx, driver.Put(p+"k", nil, driver.TTL(0))).Wait(ctx)),
			"Inc, KeepTTL":          one(driver.Inc(p+"k", 1, driver.KeepTTL)),
			"Del, TTL":              one(driver.Del(p+"k", driver.TTL(long))),
			"Read, TTL":             one(driver.Read(p+"k", driver.TTL(long))),
			"Read, KeepTTL":         one(driver.Read(p+"k", driver.KeepTTL)),
			"Persist, TTL":          one(driver.Persist(p+"k", driver.TTL(long))),
			"Left, TTL":             one(driver.Left(p+"k", driver.TTL(long))),
			"Left, ReturnOld":       one(driver.Left(p+"k", driver.ReturnOld)),
			"Expire, 0":             one(driver.Expire(p+"k", 0)),
			"Expire, too long":      one(driver.Expire(p+"k", driver.MaxTTL+1)),
			"Expire, TTL":           one(driver.Expire(p+"k", long, driver.TTL(long))),
			"Expire, KeepTTL":       one(driver.Expire(p+"k", long, driver.KeepTTL)),
			"db.Expire, negative":   h.Expire(ctx, p+"k", -1),
			"db.Expire, ReturnOld":  h.Expire(ctx, p+"k", long, driver.ReturnOld),
			"db.Persist, ReturnOld": h.Persist(ctx, p+"k", driver.ReturnOld),
			"When, TTL":             second(h.Txn(ctx).If(driver.When(p+"k", driver.TTL(long))).Commit()),
			"When, KeepTTL":         second(h.Txn(ctx).If(driver.When(p+"k", driver.KeepTTL)).Commit()),
		} {
			if !errors.Is(err, driver.ErrOption) || errors.Is(err, driver.ErrProtocol) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, tc := range map[string]struct{ err, want error }{
			"Expire of nothing":    {h.Expire(ctx, p+"none", long), driver.ErrNotFound},
			"Persist of nothing":   {h.Persist(ctx, p+"none"), driver.ErrNotFound},
			"TTL of nothing":       {third(h.TTL(ctx, p+"none")), driver.ErrNotFound},
			"Expire of ''":         {h.Expire(ctx, "", long), driver.ErrInvalidKey},
			"Expire of '', 0":      {h.Expire(ctx, "", 0), driver.ErrInvalidKey},
			"Persist of ''":        {h.Persist(ctx, ""), driver.ErrInvalidKey},
			"TTL of ''":            {third(h.TTL(ctx, "")), driver.ErrInvalidKey},
			"Expire of another":    {h.Expire(ctx, p+"k", long, driver.IfVersion(1)), driver.ErrConflict},
			"Persist of another":   {h.Persist(ctx, p+"k", driver.IfAbsent), driver.ErrConflict},
			"Expire, IfPresent":    {h.Expire(ctx, p+"none", long, driver.IfPresent), driver.ErrConflict},
			"Set, IfVersion, TTL":  {set(driver.IfVersion(1), driver.TTL(long)), driver.ErrConflict},
			"Set, IfVersion, keep": {set(driver.IfVersion(1), driver.KeepTTL), driver.ErrConflict},
		} {
			if !errors.Is(tc.err, tc.want) {
				t.Errorf("%s: %v, want %v", name, tc.err, tc.want)
			}
		}
		if value, err := h.Get(ctx, p+"k"); err != nil || value.Version != version {
			t.Errorf("%+v, %v: it was changed", value, err)
		}
		wantTTL(t, "unchanged", h, p+"k", long)
	})
}

func third[T, U any](_ T, _ U, err error) error { return err }

// What expires is gone at one position, which watches report with the old value, and never
// early.
func TestExpiry(t *testing.T) {
	const ttl = 30 * time.Millisecond
	for name, db := range handles(t) {
		t.Run(name, func(t *testing.T) {
			p := fresh("expiry/" + name)
			begun := time.Now()
			r, err := db.Batch(ctx, driver.Put(p+"b", []byte("2"), driver.TTL(ttl)), driver.Inc(p+"a", 1, driver.TTL(ttl)), driver.Put(p+"c", nil))
			if err != nil {
				t.Fatal(err)
			}
			w := pull(t, db.Watch(within(t), driver.Prefix(p), driver.From(r.Position), driver.WithOld))
			first, second := w.next2("expire")
			if passed := time.Since(begun); passed < ttl {
				t.Errorf("they have expired %v after a TTL of %v began", passed, ttl)
			}
			if first.Position != second.Position || first.Last || !second.Last || first.Key == second.Key || first.Old.Version != r.Position || first.Data != nil {
				t.Errorf("%+v, %+v", first, second)
			}
			for _, key := range []string{p + "a", p + "b"} {
				if value, err := db.Get(ctx, key); !errors.Is(err, driver.ErrNotFound) {
					t.Errorf("%s is %q (%v)", key, value.Data, err)
				}
			}
			// They can be created again, and then stay.
			set(t, db, p+"a", "again")
			w.want("put " + p + "a=again")
			if _, err := db.Set(ctx, p+"b", []byte("again"), driver.IfAbsent, driver.TTL(ttl)); err != nil {
				t.Fatal(err)
			}
			w.want("put " + p + "b=again")
			w.want("expire " + p + "b= was again")
			if n, err := db.Count(ctx, driver.Prefix(p)); n != 2 || err != nil {
				t.Errorf("%d are left (%v)", n, err)
			}
		})
	}
}

// next2 takes two events of a kind.
func (p *puller) next2(kind string) (first, second driver.Event) {
	p.t.Helper()
	for _, e := range []*driver.Event{&first, &second} {
		var err error
		if *e, err, _ = p.next(); err != nil || e.Kind.String() != kind {
			p.t.Fatalf("%+v, %v: want %s", *e, err, kind)
		}
	}
	return first, second
}

// Variables of a session go when it is closed, at one position, and so do those of one that
// nobody renews.
func TestEphemeral(t *testing.T) {
	for name, db := range handles(t) {
		t.Run(name, func(t *testing.T) {
			p := fresh("ephemeral/" + name)
			c, err := db.Session(ctx, driver.SessionTTL(time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			r, err := c.Batch(ctx, driver.Put(p+"a", []byte("1"), driver.Ephemeral), driver.Inc(p+"b", 1, driver.Ephemeral, driver.TTL(long)),
				driver.App(p+"c", []byte("3"), driver.Ephemeral), driver.Put(p+"stays", nil))
			if err != nil {
				t.Fatal(err)
			}
			w := pull(t, db.Watch(within(t), driver.Prefix(p), driver.From(r.Position), driver.WithOld))
			set(t, db, p+"c", "freed")
			w.want("put " + p + "c=freed was 3")
			done := c.Done()
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			<-done
			first, second := w.next2("expire")
			if first.Position != second.Position || first.Key != p+"a" || second.Key != p+"b" || !second.Last {
				t.Errorf("%+v, %+v", first, second)
			}
			if n, err := db.Count(ctx, driver.Prefix(p)); n != 2 || err != nil {
				t.Errorf("%d are left (%v)", n, err)
			}
		})
	}
}
