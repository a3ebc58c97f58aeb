// Command ratelimit is a web server that lets each user ask only so often. All servers of a
// group count together, in variables under ratelimit/ that expire at the end of a window:
//
//	go run ./examples/ratelimit -dsn dsm://127.0.0.1:7000 -listen 127.0.0.1:8080 -limit 3 -window 10s
//	curl -i 'http://127.0.0.1:8080/?user=ann'
//
// A user's window begins with its first request. Nobody has to end it, and nothing is left of
// users who stay away.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/seed-8247e700/dsm/driver"
)

const prefix = "ratelimit/"

func main() {
	dsn := flag.String("dsn", "dsm://127.0.0.1:7000", "data source `name` of the group")
	listen := flag.String("listen", "127.0.0.1:8080", "`address` to serve at")
	limit := flag.Int64("limit", 10, "`requests` of a user in a window")
	window := flag.Duration("window", time.Second, "`time` that a window lasts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *dsn, *listen, *limit, *window); err != nil {
		fmt.Fprintln(os.Stderr, "ratelimit:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, dsn, listen string, limit int64, window time.Duration) error {
	db, err := driver.Open(dsn)
	if err != nil {
		return err
	}
	l := &limiter{db: db, limit: limit, window: window}
	srv := &http.Server{Addr: listen, Handler: l.wrap(http.HandlerFunc(hello)), ReadHeaderTimeout: 10 * time.Second}
	end := context.AfterFunc(ctx, func() { _ = srv.Close() }) // which ListenAndServe returns
	defer end()
	err = srv.ListenAndServe()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, db.Close())
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "hello") }

// limiter counts requests.
type limiter struct {
	db     *driver.DB
	limit  int64
	window time.Duration
}

// allow counts a request of a user. It reports whether it is within the limit, and if not,
// when the next may be.
func (l *limiter) allow(ctx context.Context, user string) (ok bool, wait time.Duration, err error) {
	counter := prefix + user
	// The first request sets the TTL. The others must not: it would never end then.
	r, err := l.db.Txn(ctx).
		If(driver.When(counter, driver.IfAbsent)).
		Then(driver.Inc(counter, 1, driver.TTL(l.window))).
		Else(driver.Inc(counter, 1), driver.Left(counter)).
		Commit()
	if err != nil {
		return false, 0, err
	}
	if r.Ops[0].Number <= l.limit {
		return true, 0, nil
	}
	if !r.Then {
		wait, _ = r.Ops[1].Left()
	}
	return false, wait, nil
}

// wrap lets only requests within the limit through to a handler.
func (l *limiter) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ok, wait, err := l.allow(r.Context(), r.FormValue("user"))
		switch {
		case err != nil: // whether to let users in then is a choice: this server does not
			http.Error(w, "try again later", http.StatusServiceUnavailable)
		case !ok:
			w.Header().Set("Retry-After", fmt.Sprint(math.Ceil(wait.Seconds())))
			http.Error(w, "too many requests", http.StatusTooManyRequests)
		default:
			h.ServeHTTP(w, r)
		}
	})
}
