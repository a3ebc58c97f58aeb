package driver_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/seed-8247e700/dsm/driver"
)

func ExampleDB_Txn() {
	lead := func(who string) {
		result, err := db.Txn(ctx).
			If(driver.When("txn/leader", driver.IfAbsent)).
			Then(driver.Put("txn/leader", []byte(who)), driver.Inc("txn/terms", 1)).
			Else(driver.Read("txn/leader")).
			Commit()
		if err != nil {
			log.Fatal(err)
		}
		if result.Then {
			fmt.Println(who, "leads, term", result.Ops[1].Number)
		} else {
			fmt.Println(who, "follows", string(result.Ops[0].Value.Data))
		}
	}
	lead("a")
	lead("b")
	// Output:
	// a leads, term 1
	// b follows a
}

func ExampleTxn_Commit() {
	_, err := db.Set(ctx, "txn/balance", []byte("a lot"))
	if err != nil {
		log.Fatal(err)
	}
	_, err = db.Batch(ctx, driver.Put("txn/note", []byte("withdrawn")), driver.Inc("txn/balance", -5))
	fmt.Println(err)
	fmt.Println(errors.Is(err, driver.ErrNotInteger))
	_, err = db.Get(ctx, "txn/note")
	fmt.Println(err) // nothing was done
	// Output:
	// operation 1, on "txn/balance": driver: the value is not a decimal integer
	// true
	// driver: no such variable
}

func ExampleDB_Batch() {
	result, err := db.Batch(ctx,
		driver.Put("batch/a", []byte("1")),
		driver.Inc("batch/a", 4), // sees the 1
		driver.App("batch/log", []byte("a=5;")),
		driver.Del("batch/old"),
	)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Ops[1].Number, result.Ops[2].Number, result.Ops[3].Found)
	value, err := db.Get(ctx, "batch/a")
	fmt.Printf("%s %v %v\n", value.Data, value.Version == result.Position, err)
	// Output:
	// 5 4 false
	// 5 true <nil>
}

func ExampleDB_Submit() {
	transfer := db.Submit(ctx, driver.Inc("submit/from", -10), driver.Inc("submit/to", 10))
	if _, err := transfer.Wait(ctx); err != nil {
		log.Fatal(err)
	}
	result, err := transfer.Result()
	fmt.Println(result.Ops[0].Number, result.Ops[1].Number, err)
	// Output: -10 10 <nil>
}

func ExampleDB_Append() {
	for _, line := range []string{"one\n", "two\n"} {
		length, err := db.Append(ctx, "append", []byte(line))
		fmt.Println(length, err)
	}
	value, err := db.Get(ctx, "append")
	fmt.Printf("%q %v\n", value.Data, err)
	// Output:
	// 4 <nil>
	// 8 <nil>
	// "one\ntwo\n" <nil>
}

func ExampleDB_GetAndSet() {
	old, err := db.GetAndSet(ctx, "getandset", []byte("first"))
	fmt.Printf("%q %v %v\n", old.Data, old.Version == 0, err)
	old, err = db.GetAndSet(ctx, "getandset", []byte("second"))
	fmt.Printf("%q %v\n", old.Data, err)
	// Output:
	// "" true <nil>
	// "first" <nil>
}

func ExampleDB_GetAndDelete() {
	if _, err := db.Set(ctx, "getanddelete", []byte("the job")); err != nil {
		log.Fatal(err)
	}
	job, err := db.GetAndDelete(ctx, "getanddelete")
	fmt.Printf("%q %v\n", job.Data, err)
	_, err = db.GetAndDelete(ctx, "getanddelete")
	fmt.Println(errors.Is(err, driver.ErrNotFound))
	// Output:
	// "the job" <nil>
	// true
}

func ExampleDB_SetIfAbsent() {
	_, err := db.SetIfAbsent(ctx, "setifabsent", []byte("mine"))
	fmt.Println(err)
	_, err = db.SetIfAbsent(ctx, "setifabsent", []byte("yours"))
	fmt.Println(errors.Is(err, driver.ErrConflict))
	// Output:
	// <nil>
	// true
}

func ExampleDB_Set_conditional() {
	_, err := db.Set(ctx, "conditional", []byte("new"), driver.IfPresent)
	fmt.Println(err)
	if _, err = db.Set(ctx, "conditional", []byte("draft"), driver.IfAbsent); err != nil {
		log.Fatal(err)
	}
	_, err = db.Set(ctx, "conditional", []byte("final"), driver.IfValue([]byte("draft")))
	fmt.Println(err)
	// Output:
	// driver: the variable has another version: "conditional" does not exist
	// <nil>
}
