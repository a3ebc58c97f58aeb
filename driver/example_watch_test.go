package driver_test

import (
	"fmt"
	"log"

	"github.com/seed-8247e700/dsm/driver"
)

// A watch begins with what exists, and goes on with what changes.
func ExampleDB_Watch() {
	if _, err := db.Set(ctx, "limits/requests", []byte("100")); err != nil {
		log.Fatal(err)
	}
	for event, err := range db.Watch(ctx, driver.Prefix("limits/"), driver.Initial, driver.WithOld) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%v %s %q\n", event.Kind, event.Key, event.Data)
		switch event.Kind {
		case driver.EventSynced: // from here on, changes come as they happen
			if _, err := db.Set(ctx, "limits/requests", []byte("200")); err != nil {
				log.Fatal(err)
			}
		case driver.EventPut:
			fmt.Printf("before: %q\n", event.Old.Data)
			return
		}
	}
	// Output:
	// initial limits/requests "100"
	// synced  ""
	// put limits/requests "200"
	// before: "100"
}

// A scan shows all variables of a range at one position.
func ExampleDB_Scan() {
	for _, name := range []string{"carol", "alice", "bob"} {
		if _, err := db.Set(ctx, "members/"+name, []byte("here")); err != nil {
			log.Fatal(err)
		}
	}
	for item, err := range db.Scan(ctx, driver.Prefix("members/"), driver.Limit(2)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(item.Key, string(item.Data))
	}
	// Output:
	// members/alice here
	// members/bob here
}

// A scan at the position of a write shows what was there then.
func ExampleAt() {
	before, err := db.Set(ctx, "release/version", []byte("1.0"))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.Set(ctx, "release/version", []byte("2.0")); err != nil {
		log.Fatal(err)
	}
	for item, err := range db.Scan(ctx, driver.Key("release/version"), driver.At(before)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(item.Data))
	}
	// Output: 1.0
}

func ExampleDB_Count() {
	for _, id := range []string{"1", "2", "3"} {
		if _, err := db.Set(ctx, "orders/"+id, nil); err != nil {
			log.Fatal(err)
		}
	}
	n, err := db.Count(ctx, driver.Range("orders/2", "orders/9"))
	fmt.Println(n, err)
	n, err = db.Count(ctx, driver.Prefix("orders/"))
	fmt.Println(n, err)
	// Output:
	// 2 <nil>
	// 3 <nil>
}
