// Command transfer moves money between the accounts of a bank, which are variables under
// accounts/ of a dsm group:
//
//	go run ./examples/transfer -dsn dsm://127.0.0.1:7000 open alice 100
//	go run ./examples/transfer -dsn dsm://127.0.0.1:7000 open bob 0
//	go run ./examples/transfer -dsn dsm://127.0.0.1:7000 move alice bob 30
//	go run ./examples/transfer -dsn dsm://127.0.0.1:7000 list
//
// However many of them run at a time, on whatever machines, and whichever nodes fail: no money
// is made or lost, no account is overdrawn, and the sum of a list is that of one moment.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"github.com/seed-8247e700/dsm/driver"
)

const prefix = "accounts/"

func main() {
	dsn := flag.String("dsn", "dsm://127.0.0.1:7000", "data source `name` of the group")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *dsn, flag.Args(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "transfer:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: open NAME AMOUNT, move FROM TO AMOUNT, or list")

// run does what the arguments say.
func run(ctx context.Context, dsn string, args []string, out io.Writer) (err error) {
	db, err := driver.Open(dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var amount int64
	if len(args) > 1 {
		if amount, err = strconv.ParseInt(args[len(args)-1], 10, 64); err != nil || amount < 0 {
			return errUsage
		}
	}
	switch {
	case len(args) == 3 && args[0] == "open":
		_, err = db.SetIfAbsent(ctx, prefix+args[1], []byte(args[2]))
		return err
	case len(args) == 4 && args[0] == "move":
		return move(ctx, db, args[1], args[2], amount)
	case len(args) == 1 && args[0] == "list":
		return list(ctx, db, out)
	}
	return errUsage
}

var errOverdrawn = errors.New("the account does not have that much")

// move moves an amount, if both accounts exist and the first one has it. It is done once or
// never: a function whose accounts have changed meanwhile runs again, and its commit is executed
// once, also if a node fails.
func move(ctx context.Context, db *driver.DB, from, to string, amount int64) error {
	return db.Update(ctx, func(tx *driver.Tx) error {
		has, err := balance(tx, from)
		if err != nil {
			return err
		}
		if has < amount {
			return fmt.Errorf("%s has %d: %w", from, has, errOverdrawn)
		}
		if _, err := balance(tx, to); err != nil {
			return err
		}
		return errors.Join(tx.Add(prefix+from, -amount), tx.Add(prefix+to, amount))
	})
}

func balance(tx *driver.Tx, name string) (int64, error) {
	value, err := tx.Get(prefix + name)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return strconv.ParseInt(string(value.Data), 10, 64)
}

// list prints all accounts and their sum, at one position.
func list(ctx context.Context, db *driver.DB, out io.Writer) error {
	return db.View(ctx, func(tx *driver.Tx) error {
		sum := int64(0)
		for item, err := range tx.Scan(driver.Prefix(prefix)) {
			if err != nil {
				return err
			}
			n, err := strconv.ParseInt(string(item.Data), 10, 64)
			if err != nil {
				return err
			}
			sum += n
			if _, err := fmt.Fprintln(out, strings.TrimPrefix(item.Key, prefix), n); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintln(out, "sum", sum)
		return err
	})
}
