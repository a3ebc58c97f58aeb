package driver_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/driver"
)

func Example() {
	db, err := driver.Open(dsn) // such as "dsm://10.0.0.1:7000,10.0.0.2:7000"
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	if _, err := db.Set(ctx, "example/greeting", []byte("hello")); err != nil {
		log.Fatal(err)
	}
	value, err := db.Get(ctx, "example/greeting")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", value.Data)
	// Output: hello
}

func ExampleOpen() {
	// Nothing is connected to yet, so that only a name that cannot be read is an
	// error here.
	_, err := driver.Open("dsm://localhost")
	fmt.Println(err)

	db, err := driver.Open(dsn + "/?timeout=5s&max_open_conns=2")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	fmt.Println(db.Ping(ctx))
	// Output:
	// driver: data source name "dsm://localhost": "localhost" is not host:port
	// <nil>
}

func ExampleOpen_registry() {
	// The registry tells who the servers are, also after they have changed.
	db, err := driver.Open(discovery) // such as "dsm+registry://10.0.0.9:6001"
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	sum, err := db.Add(ctx, "registry/visits", 1)
	fmt.Println(sum, err)
	// Output: 1 <nil>
}

func ExampleOpenDB() {
	// node is a *server.Node in this process: its replica is read as memory is.
	db := driver.OpenDB(node)
	defer db.Close()
	if _, err := db.Set(ctx, "embedded", []byte("near")); err != nil {
		log.Fatal(err)
	}
	value, err := db.Get(ctx, "embedded")
	fmt.Printf("%s %v\n", value.Data, err)
	// Output: near <nil>
}

func ExampleDB_SetAsync() {
	for i := range 1000 {
		db.SetAsync(ctx, fmt.Sprintf("async/%d", i), []byte("value"))
	}
	last := db.AddAsync(ctx, "async/count", 1000)

	// A read sees what was issued before it.
	value, err := db.Get(ctx, "async/999")
	fmt.Printf("%s %v\n", value.Data, err)

	if _, err := last.Wait(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(last.Sum())
	fmt.Println(db.Flush(ctx)) // the first error that nobody was told of
	// Output:
	// value <nil>
	// 1000
	// <nil>
}

func ExampleDB_Get() {
	version, err := db.Set(ctx, "get", []byte("value"))
	if err != nil {
		log.Fatal(err)
	}
	value, err := db.Get(ctx, "get")
	fmt.Printf("%s %v %v\n", value.Data, value.Version == version, err)

	_, err = db.Get(ctx, "nothing/here")
	fmt.Println(errors.Is(err, driver.ErrNotFound))
	// Output:
	// value true <nil>
	// true
}

func ExampleDB_Get_strong() {
	if _, err := db.Set(ctx, "strong", []byte("latest")); err != nil {
		log.Fatal(err)
	}
	// Another session has not seen that write. With Strong it does all the same.
	other, err := driver.Open(dsn)
	if err != nil {
		log.Fatal(err)
	}
	defer other.Close()
	value, err := other.Get(ctx, "strong", driver.Strong)
	fmt.Printf("%s %v\n", value.Data, err)
	// Output: latest <nil>
}

func ExampleDB_Set() {
	first, err := db.Set(ctx, "set", []byte("a"))
	if err != nil {
		log.Fatal(err)
	}
	second, err := db.Set(ctx, "set", []byte("b"))
	fmt.Println(second > first, err)
	// Output: true <nil>
}

func ExampleDB_Set_outcome() {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	_, err := db.Set(ctx, "set/outcome", []byte("x"))
	switch {
	case err == nil:
		fmt.Println("done")
	case errors.Is(err, driver.ErrOutcomeUnknown):
		fmt.Println("perhaps done: look before doing it again")
	case errors.Is(err, driver.ErrUnavailable):
		fmt.Println("certainly not done:", context.Cause(ctx))
	}
	// Output: certainly not done: context canceled
}

func ExampleDB_Delete() {
	if _, err := db.Set(ctx, "delete", nil); err != nil {
		log.Fatal(err)
	}
	_, err := db.Delete(ctx, "delete")
	fmt.Println(err)
	_, err = db.Delete(ctx, "delete")
	fmt.Println(errors.Is(err, driver.ErrNotFound))
	// Output:
	// <nil>
	// true
}

func ExampleDB_Add() {
	// No increment is lost, whoever else is counting.
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, err := db.Add(ctx, "add", 2); err != nil {
				log.Fatal(err)
			}
		})
	}
	all.Wait()
	sum, err := db.Add(ctx, "add", -5)
	fmt.Println(sum, err)
	// Output: 15 <nil>
}

func ExampleDB_CompareAndSet() {
	version, err := db.CompareAndSet(ctx, "cas", []byte("mine"), 0) // if it does not exist
	fmt.Println(err)

	_, err = db.CompareAndSet(ctx, "cas", []byte("too late"), 0)
	var conflict *driver.ConflictError
	if errors.As(err, &conflict) {
		fmt.Println(conflict.Key, conflict.Version == version)
	}

	_, err = db.CompareAndSet(ctx, "cas", []byte("changed"), conflict.Version)
	fmt.Println(err)
	// Output:
	// <nil>
	// cas true
	// <nil>
}

func ExampleDB_Conn() {
	// A session of its own, on the handle's connections.
	conn, err := db.Conn(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	mine, err := conn.SessionID(ctx)
	if err != nil {
		log.Fatal(err)
	}
	handles, err := db.SessionID(ctx)
	fmt.Println(mine != handles, err)
	// Output: true <nil>
}

func ExampleConn() {
	conn, err := db.Conn(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	version, err := conn.Set(ctx, "conn", []byte("1"))
	if err != nil {
		log.Fatal(err)
	}
	if version, err = conn.CompareAndSet(ctx, "conn", []byte("2"), version); err != nil {
		log.Fatal(err)
	}
	sum, err := conn.Add(ctx, "conn", 40)
	fmt.Println(sum, err)
	value, err := conn.Get(ctx, "conn")
	fmt.Printf("%s %v %v\n", value.Data, value.Version > version, err)
	_, err = conn.Delete(ctx, "conn")
	fmt.Println(err, conn.Ping(ctx))
	// Output:
	// 42 <nil>
	// 42 true <nil>
	// <nil> <nil>
}

func ExampleDB_SessionID() {
	id, err := db.SessionID(ctx)
	if err != nil {
		log.Fatal(err)
	}
	again, err := db.SessionID(ctx)
	fmt.Println(id > 0, again == id, err)
	// Output: true true <nil>
}

func ExampleDB_Ping() {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	fmt.Println(db.Ping(ctx))
	// Output: <nil>
}

func ExampleDB_Close() {
	db, err := driver.Open(dsn)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(db.Close())
	_, err = db.Get(ctx, "anything")
	fmt.Println(errors.Is(err, driver.ErrClosed))
	// Output:
	// <nil>
	// true
}

func ExampleDB_Stats() {
	db, err := driver.Open(dsn)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(2)
	db.SetConnMaxLifetime(time.Hour)
	db.SetConnMaxIdleTime(time.Minute)
	if err := db.Ping(ctx); err != nil {
		log.Fatal(err)
	}
	s := db.Stats()
	fmt.Println(s.MaxOpenConns, s.OpenConns, s.InUse, s.Idle, s.WaitCount, s.Retries, s.FailOvers, s.Server == node.Addr())
	// Output: 8 1 0 1 0 0 0 true
}

func ExampleWithTrace() {
	var trace driver.OpTrace
	version, err := db.Set(driver.WithTrace(ctx, &trace), "trace", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(trace.Position == version, trace.Node, trace.Attempts)
	// Output: true n1 1
}
