// Command reload is a worker whose limits can be changed while it runs. They are variables
// under limits/ of a dsm group:
//
//	go run ./examples/reload -dsn dsm://127.0.0.1:7000
//	go run ./cmd/dsm set limits/rate 50
//
// The worker never polls: a watch returns the limits that exist, and then every change.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/seed-8247e700/dsm/driver"
)

const prefix = "limits/"

func main() {
	dsn := flag.String("dsn", "dsm://127.0.0.1:7000", "data source `name` of the group")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *dsn, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "reload:", err)
		os.Exit(1)
	}
}

// run follows the limits until ctx ends.
func run(ctx context.Context, dsn string, out io.Writer) error {
	db, err := driver.Open(dsn)
	if err != nil {
		return err
	}
	err = follow(ctx, db, func(l limits) error {
		_, err := fmt.Fprintln(out, l)
		return err
	})
	if ctx.Err() != nil {
		err = nil // somebody wants the worker to end
	}
	return errors.Join(err, db.Close())
}

// limits are what the worker works by.
type limits map[string]string

// String shows the limits in the order of their names.
func (l limits) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(l)) {
		fmt.Fprintf(&b, " %s=%s", name, l[name])
	}
	return "limits:" + b.String()
}

// follow calls use with the limits that there are, and again after each change. A
// transaction that changes several limits is used as a whole: Last marks its last event. It
// returns why it has ended: the error of the watch, or of use. A watch that was too slow has missed changes, and begins again.
func follow(ctx context.Context, db *driver.DB, use func(limits) error) error {
	for {
		err := watch(ctx, db, use)
		if !errors.Is(err, driver.ErrLagged) {
			return err
		}
	}
}

func watch(ctx context.Context, db *driver.DB, use func(limits) error) error {
	current := limits{}
	for event, err := range db.Watch(ctx, driver.Prefix(prefix), driver.Initial) {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(event.Key, prefix)
		switch event.Kind {
		case driver.EventInitial, driver.EventPut:
			current[name] = string(event.Data)
		case driver.EventDelete, driver.EventExpire:
			delete(current, name)
		}
		if event.Last { // as EventSynced is, the end of the limits that exist
			if err := use(current); err != nil {
				return err
			}
		}
	}
	return nil
}
