package driver_test

import (
	"errors"
	"fmt"
	"log"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/driver"
)

var errPoor = errors.New("not enough money")

func ExampleDB_Update() {
	if _, err := db.Batch(ctx, driver.Put("update/alice", []byte("100")), driver.Put("update/bob", []byte("0"))); err != nil {
		log.Fatal(err)
	}
	pay := func(amount int64) error {
		return db.Update(ctx, func(tx *driver.Tx) error {
			balance, err := tx.Get("update/alice")
			if err != nil {
				return err
			}
			if has, err := strconv.ParseInt(string(balance.Data), 10, 64); err != nil {
				return err
			} else if has < amount {
				return errPoor // nothing is done
			}
			return errors.Join(tx.Add("update/alice", -amount), tx.Add("update/bob", amount))
		})
	}
	fmt.Println(pay(70))
	err := pay(70)
	fmt.Println(err, errors.Is(err, errPoor))
	for item, err := range db.Scan(ctx, driver.Prefix("update/")) {
		fmt.Println(item.Key, string(item.Data), err)
	}
	// Output:
	// <nil>
	// not enough money true
	// update/alice 30 <nil>
	// update/bob 70 <nil>
}

func ExampleDB_View() {
	if _, err := db.Batch(ctx, driver.Put("view/a", []byte("1")), driver.Put("view/b", []byte("2"))); err != nil {
		log.Fatal(err)
	}
	err := db.View(ctx, func(tx *driver.Tx) error {
		a, err := tx.Get("view/a")
		if err != nil {
			return err
		}
		// Whatever happens meanwhile, the function sees one state.
		if _, err := db.Batch(ctx, driver.Put("view/a", []byte("7")), driver.Del("view/b")); err != nil {
			return err
		}
		n, err := tx.Count(driver.Prefix("view/"))
		fmt.Println(string(a.Data), n)
		return errors.Join(err, tx.Set("view/a", nil))
	})
	fmt.Println(err)
	// Output:
	// 1 2
	// driver: a View does not write
}

func ExampleTx_Scan() {
	if _, err := db.Batch(ctx, driver.Put("jobs/1", []byte("done")), driver.Put("jobs/2", nil), driver.Put("jobs/3", nil)); err != nil {
		log.Fatal(err)
	}
	// No two updates take the same job: the first of them changes what the other has seen.
	take := func() (job string, err error) {
		err = db.Update(ctx, func(tx *driver.Tx) error {
			for item, err := range tx.Scan(driver.Prefix("jobs/")) {
				if err != nil {
					return err
				}
				if len(item.Data) == 0 {
					job = item.Key
					return tx.Set(job, []byte("taken"))
				}
			}
			return driver.ErrNotFound
		})
		return job, err
	}
	for range 3 {
		job, err := take()
		if errors.Is(err, driver.ErrNotFound) {
			fmt.Println("nothing to do")
			break
		}
		fmt.Println(job, err)
	}
	// Output:
	// jobs/2 <nil>
	// jobs/3 <nil>
	// nothing to do
}

func ExampleTx_Count() {
	enter := func(name string) error {
		return db.Update(ctx, func(tx *driver.Tx) error {
			n, err := tx.Count(driver.Prefix("room/"))
			if err == nil && n == 2 {
				err = errors.New("the room is full")
			}
			if err != nil {
				return err
			}
			return tx.Set("room/"+name, nil)
		})
	}
	fmt.Println(enter("alice"), enter("bob"))
	fmt.Println(enter("carol"))
	// Output:
	// <nil> <nil>
	// the room is full
}

func ExampleTx_Get() {
	err := db.Update(ctx, func(tx *driver.Tx) error {
		if err := tx.Append("txget", []byte("draft")); err != nil {
			return err
		}
		value, err := tx.Get("txget") // as the transaction has written it
		fmt.Println(string(value.Data), value.Version)
		return err
	})
	value, other := db.Get(ctx, "txget")
	fmt.Println(string(value.Data), value.Version > 0, errors.Join(err, other))
	// Output:
	// draft 0
	// draft true <nil>
}

// A session stays as long as it is used, and a user has one.
func ExampleTx_Expire() {
	use := func(name string) error {
		return db.Update(ctx, func(tx *driver.Tx) error {
			err := tx.Expire("login/"+name, time.Hour)
			if errors.Is(err, driver.ErrNotFound) {
				return errors.Join(tx.Set("login/"+name, nil, driver.TTL(time.Hour)), tx.Add("logins", 1))
			}
			return err
		})
	}
	fmt.Println(use("alice"), use("alice"), use("bob"))
	left, ok, err := db.TTL(ctx, "login/alice")
	fmt.Println(left > 50*time.Minute, ok, err)
	logins, err := db.Get(ctx, "logins")
	fmt.Println(string(logins.Data), err)
	// Output:
	// <nil> <nil> <nil>
	// true true <nil>
	// 2 <nil>
}

// What is confirmed stays.
func ExampleTx_Persist() {
	if _, err := db.Set(ctx, "seat/7", []byte("alice"), driver.TTL(time.Hour)); err != nil {
		log.Fatal(err)
	}
	confirm := func(name string) error {
		return db.Update(ctx, func(tx *driver.Tx) error {
			holder, err := tx.Get("seat/7")
			if err != nil || string(holder.Data) != name {
				return errors.Join(err, errors.New("not held by "+name))
			}
			return tx.Persist("seat/7")
		})
	}
	fmt.Println(confirm("bob"))
	fmt.Println(confirm("alice"))
	_, ok, err := db.TTL(ctx, "seat/7")
	fmt.Println(ok, err)
	// Output:
	// not held by bob
	// <nil>
	// false <nil>
}
