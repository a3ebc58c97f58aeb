// Package driver reads and writes the variables of a dsm group. It is what
// applications import, in the manner of database/sql:
//
//	db, err := driver.Open("dsm://10.0.0.1:7000,10.0.0.2:7000")
//	if err != nil { ... }
//	defer db.Close()
//
//	version, err := db.Set(ctx, "greeting", []byte("hello"))
//	value, err := db.Get(ctx, "greeting")
//	n, err := db.Add(ctx, "visits", 1)
//
// An application that is itself a replica, by server.Start, reads its own memory:
//
//	db := driver.OpenDB(node)
//
// What it reads is the replica's own memory and must not be changed: see [DB.Get]. What
// it passes to a write is its own again once the call has returned.
//
// # Handles
//
// A [DB] is a handle for any number of goroutines, and a pool of a few
// connections, each of which carries the requests of many goroutines at once. It
// stays with one server while that is well, and moves to another when it is not.
//
// # What is guaranteed
//
// The group executes all writes in one order, the same on every replica. A
// position in it is also the version of the variable written there. A DB with all
// its goroutines is one session, a [Conn] is one of its own: the operations of a
// session are seen in the order in which they were made, whichever servers they
// went to. A Get returns the value at some position of the order, at or after all
// that its session has seen before; with [Strong], at or after all that anybody
// had been told before.
//
// # Asynchronous writes
//
// SetAsync and its like issue a write and return a [Future]:
//
//	for _, record := range records {
//		db.SetAsync(ctx, record.Key, record.Value)
//	}
//	if err := db.Flush(ctx); err != nil { ... }
//
// The writes of a handle take effect in the order in which they were issued,
// asynchronous or not, whichever servers they went to and whatever had to be sent
// again. Its reads wait for those issued before them, so that it always sees its
// own writes. A write that fails, for want of a server or in a CompareAndSetAsync,
// does not hold back those after it. Thousands may be outstanding; then, and only
// then, issuing one waits.
//
// Errors are told by the Futures, and those of Futures that nobody asks by Flush,
// once. A session that expires is told by each write that was outstanding; those
// issued after the first of them was answered belong to a new session. Close gives
// up what is outstanding and returns an error with the number: call Flush before.
//
// # Contexts and failures
//
// Operations are tried again, on other servers too, until they are answered or
// their context ends. A context without a deadline ends, for them, after the
// option timeout. A write that is tried again takes effect once. What is certain
// about an operation that fails is told by its error: see the variables.
//
// A server that says that it does not serve, or whose connection breaks, is left
// at once. One that says nothing any more is noticed after two ping intervals, or
// half a second while it is being connected to; another one is tried then. When
// all refuse, operations and connections are tried at growing intervals, up to
// about a second, which are never the same for two handles.
//
// # Data source names
//
//	dsm://host:port,host:port/?option=value&option=value
//	dsm+registry://host:port/?option=value
//
// The first lists servers, the second names a registry, which tells the servers,
// whoever they are by then; a registry with several addresses may be listed with all
// of them. A host may be a name. Each of its addresses, up to 64, is a server of its
// own, and it is looked up again whenever the handle looks for another server: so
// the name of a Kubernetes headless service will do. Servers that are known do not
// wait for look-ups, nor for a registry, that hang or fail. White space around a name does not matter. A user or a
// password has no place in one: there is no authentication. The options, all
// durations as in 500ms or 30s:
//
//	timeout             for operations whose context has no deadline; default 30s
//	dial_timeout        for connecting to one server; default 3s
//	ping_interval       silence after which a server with requests in flight is
//	                    pinged, and again until it is given up; default 1s
//	fail_fast           true: an operation fails with ErrUnavailable as soon as it is
//	                    certain that there is no server: every one refuses
//	                    connections, closes them without an answer, or has no
//	                    address. It is for commands that people wait for. Servers
//	                    start again, so the default is false: operations go on
//	                    trying until their context ends
//	max_in_flight       requests in flight on a connection; default, and 0, the
//	                    server's limit
//	max_async           as SetMaxAsync: asynchronous writes outstanding in a session;
//	                    default 4096
//	max_open_conns      as SetMaxOpenConns: connections, 0 no limit; default 4
//	max_idle_conns      as SetMaxIdleConns: connections kept that carry no request,
//	                    0 none; default 4
//	client              what the handle calls itself, for people and for the bound on the
//	                    sessions of one client; default the program, process and host
//	conn_max_lifetime   as SetConnMaxLifetime: age at which a connection is replaced,
//	                    0 none; default none
//	conn_max_idle_time  as SetConnMaxIdleTime: time without a request after which one
//	                    is closed, 0 none; default 5m
//
// Where an option has a method of the same name, 0 and numbers below it mean what
// they mean there, which is what they mean in database/sql. The first three must be
// above 0.
package driver
