package driver_test

import (
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/seed-8247e700/dsm/driver"
)

// A lease that its owner renews: when the owner stops, the variable expires, and a watch says
// so.
func ExampleTTL() {
	mine, err := db.Set(ctx, "ttl/leader", []byte("n1"), driver.IfAbsent, driver.TTL(20*time.Millisecond))
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range db.Watch(ctx, driver.Key("ttl/leader"), driver.From(mine), driver.WithOld) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%v %s, was %s\n", event.Kind, event.Key, event.Old.Data)
		break
	}
	_, err = db.Get(ctx, "ttl/leader")
	fmt.Println(errors.Is(err, driver.ErrNotFound))
	// Output:
	// expire ttl/leader, was n1
	// true
}

// A counter for each window: the first count gives it a TTL, and the others leave it.
func ExampleTTL_window() {
	count := func() {
		result, err := db.Txn(ctx).
			If(driver.When("ttl/requests", driver.IfAbsent)).
			Then(driver.Inc("ttl/requests", 1, driver.TTL(time.Minute))).
			Else(driver.Inc("ttl/requests", 1)).
			Commit()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Ops[0].Number)
	}
	count()
	count()
	left, _, err := db.TTL(ctx, "ttl/requests")
	fmt.Println(left <= time.Minute, err)
	// Output:
	// 1
	// 2
	// true <nil>
}

// Set takes a TTL away. With KeepTTL, the variable expires when it would have.
func ExampleKeepTTL() {
	for _, options := range [][]driver.WriteOption{{driver.TTL(time.Hour)}, {driver.KeepTTL}, nil} {
		if _, err := db.Set(ctx, "keepttl", []byte("value"), options...); err != nil {
			log.Fatal(err)
		}
		_, ok, err := db.TTL(ctx, "keepttl")
		fmt.Println(ok, err)
	}
	// Output:
	// true <nil>
	// true <nil>
	// false <nil>
}

// A holder renews what is still its own.
func ExampleDB_Expire() {
	mine, err := db.Set(ctx, "expire", []byte("mine"), driver.TTL(time.Minute))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(db.Expire(ctx, "expire", time.Minute, driver.IfVersion(mine)))
	if _, err = db.Set(ctx, "expire", []byte("yours")); err != nil {
		log.Fatal(err)
	}
	err = db.Expire(ctx, "expire", time.Minute, driver.IfVersion(mine))
	fmt.Println(errors.Is(err, driver.ErrConflict))
	err = db.Expire(ctx, "expire/nothing", time.Minute)
	fmt.Println(errors.Is(err, driver.ErrNotFound))
	// Output:
	// <nil>
	// true
	// true
}

func ExampleDB_Persist() {
	if _, err := db.Set(ctx, "persist", []byte("draft"), driver.TTL(time.Hour)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(db.Persist(ctx, "persist"))
	_, ok, err := db.TTL(ctx, "persist")
	fmt.Println(ok, err)
	// Output:
	// <nil>
	// false <nil>
}

func ExampleDB_TTL() {
	if _, err := db.Set(ctx, "ttl", nil, driver.TTL(time.Hour)); err != nil {
		log.Fatal(err)
	}
	left, ok, err := db.TTL(ctx, "ttl")
	fmt.Println(left > 50*time.Minute, left <= time.Hour, ok, err)
	_, _, err = db.TTL(ctx, "ttl/nothing")
	fmt.Println(errors.Is(err, driver.ErrNotFound))
	// Output:
	// true true true <nil>
	// true
}

// Operations of time go with others, all or none.
func ExampleExpire() {
	result, err := db.Batch(ctx,
		driver.Put("cart/items", []byte("3")),
		driver.Put("cart/owner", []byte("ann")),
		driver.Expire("cart/items", time.Hour),
		driver.Expire("cart/owner", time.Hour),
		driver.Expire("cart/coupon", time.Hour), // which does not exist
	)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Ops[3].Found, result.Ops[4].Found)
	// Output: true false
}

func ExamplePersist() {
	result, err := db.Batch(ctx,
		driver.Put("order/1", []byte("open"), driver.TTL(time.Hour)),
		driver.Persist("order/1"),
		driver.Left("order/1"),
	)
	if err != nil {
		log.Fatal(err)
	}
	_, ok := result.Ops[2].Left()
	fmt.Println(ok)
	// Output: false
}

func ExampleLeft() {
	result, err := db.Batch(ctx, driver.Put("left", nil, driver.TTL(90*time.Second)), driver.Left("left"), driver.Left("left/nothing"))
	if err != nil {
		log.Fatal(err)
	}
	for i := range result.Ops[1:] {
		fmt.Println(result.Ops[1+i].Left())
	}
	// Output:
	// 1m30s true
	// 0s false
}

// A worker says that it is there. When it closes its session, or dies, its variable goes.
func ExampleDB_Session() {
	session, err := db.Session(ctx, driver.SessionTTL(5*time.Second))
	if err != nil {
		log.Fatal(err)
	}
	joined, err := session.Set(ctx, "workers/w1", []byte("10.0.0.1"), driver.Ephemeral)
	if err != nil {
		log.Fatal(err)
	}
	if err := session.Close(); err != nil {
		log.Fatal(err)
	}
	<-session.Done() // what the session stood for must not be relied on any more
	for event, err := range db.Watch(ctx, driver.Prefix("workers/"), driver.From(joined)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(event.Kind, event.Key)
		break
	}
	// Output:
	// expire workers/w1
}
