// Package driver reads and writes the variables of a dsm group. Applications import
// it and use it like database/sql:
//
//	db, err := driver.Open("dsm://10.0.0.1:7000,10.0.0.2:7000")
//	if err != nil { ... }
//	defer db.Close()
//
//	version, err := db.Set(ctx, "greeting", []byte("hello"))
//	value, err := db.Get(ctx, "greeting")
//	n, err := db.Add(ctx, "visits", 1)
//
// An application that starts a node with server.Start is a replica, and reads its own
// memory:
//
//	db := driver.OpenDB(node)
//
// The bytes that such a read returns belong to the replica and must not be changed: see
// [DB.Get]. An application may reuse the bytes that it passes to a write once the call has
// returned.
//
// # Handles
//
// A [DB] is a handle for any number of goroutines. It has a pool of a few connections,
// each of which carries the requests of many goroutines at once. It stays with one server
// as long as that server is healthy, and fails over to another when it is not.
//
// # What is guaranteed
//
// The group executes all writes in one order, the same on every replica. The position of
// a write in the order is also the version of the variable. A DB with all its goroutines
// is one session, and each [Conn] is a session of its own. The operations of a session
// take effect in program order, whichever servers they went to. A Get returns the value at
// some position of the order, which is never before what its session has seen. With
// [Strong], the Get sees every write that was acknowledged to any client before it began.
//
// # Asynchronous writes
//
// SetAsync and the other asynchronous methods issue a write and return a [Future]:
//
//	for _, record := range records {
//		db.SetAsync(ctx, record.Key, record.Value)
//	}
//	if err := db.Flush(ctx); err != nil { ... }
//
// The writes of a handle take effect in the order in which they were issued,
// asynchronous or not, also after fail-over and retries. Reads wait for the writes issued
// before them, so a handle always sees its own writes. If a write fails because there is
// no server, or because the version differs in a CompareAndSetAsync, later writes still
// take effect. Issuing a write blocks while max_async writes are outstanding.
//
// Each Future returns its own error. Flush returns the first error that no Wait has
// returned yet. If the session expires, each outstanding write returns that error; writes
// that are issued after the first of these answers belong to a new session. Close gives up
// the outstanding writes and returns an error with their number: call Flush before Close.
//
// # Contexts and failures
//
// Operations are retried, also on other servers, until they are answered or
// their context ends. If the context has no deadline, the option timeout limits the
// operation. A retried write takes effect once. The error of a failed operation says
// which outcome is certain: see the variables.
//
// A handle leaves a server at once if the server reports that it does not serve, or if
// the connection breaks. It leaves a silent server after two ping intervals, or after half
// a second while it connects. While a large value is on its way, the server is silent only
// once no byte has passed for a ping interval. If all servers refuse, the handle retries at growing
// intervals, up to about a second; the intervals differ from handle to handle.
//
// # Data source names
//
//	dsm://host:port,host:port/?option=value&option=value
//	dsm+registry://host:port/?option=value
//
// The first form lists servers. The second names a registry, which returns the current
// servers; list all addresses of a registry that has several. A host may be a name. Each
// of its addresses, up to 64, counts as a server. The handle looks the name up again
// whenever it looks for another server, so the name of a Kubernetes headless service
// works. If a look-up or the registry hangs or fails, the handle still uses the servers
// that it knows. White space around a data source name is ignored. It must not contain a
// user or a password, since there is no authentication. Write durations like 500ms or 30s.
// The options are:
//
//	timeout             for operations whose context has no deadline; default 30s
//	session_ttl         of the sessions, see [SessionTTL]; default: that of the group
//	dial_timeout        for connecting to one server; default 3s
//	ping_interval       silence after which a server with requests in flight is
//	                    pinged, and again until it is given up; default 1s
//	fail_fast           true: an operation fails with ErrUnavailable once every server
//	                    has refused the connection, closed it without an answer, or
//	                    has no address. Use it for commands that people wait for.
//	                    Servers may restart, so the default is false: operations
//	                    retry until their context ends
//	max_in_flight       requests in flight on a connection; default, and 0, the
//	                    server's limit
//	max_async           as SetMaxAsync: asynchronous writes outstanding in a session;
//	                    default 4096
//	max_open_conns      as SetMaxOpenConns: connections, 0 no limit; default 4
//	max_idle_conns      as SetMaxIdleConns: connections kept that carry no request,
//	                    0 none; default 4
//	client              name of the client, for people and for the bound on the
//	                    sessions of one client; default the program, process and host
//	conn_max_lifetime   as SetConnMaxLifetime: age at which a connection is replaced,
//	                    0 none; default none
//	conn_max_idle_time  as SetConnMaxIdleTime: time without a request after which one
//	                    is closed, 0 none; default 5m
//
// If an option has a method of the same name, 0 and negative numbers mean the same as for
// the method, and as in database/sql. timeout, dial_timeout and
// ping_interval must be above 0; session_ttl is from 100ms to 24h.
package driver
