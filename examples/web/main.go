// Command web is a web server whose processes share a speed. Each process is a
// replica: it answers GET /speed from its own memory, and POST /increaseSpeed
// goes to all processes in one order, so that no increment is lost. README.md
// has the commands to run it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	// Nor does it end with the reader of its log, which other processes of the group
	// may share with it.
	signal.Ignore(syscall.SIGPIPE)
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "web:", err)
		os.Exit(1)
	}
}

// run serves until the context ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("web", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var cfg server.Config
	flags.StringVar(&cfg.ID, "id", "", "name of this process in the group, such as web-1")
	flags.StringVar(&cfg.Registry, "registry", "127.0.0.1:6001", "address of the registry")
	flags.StringVar(&cfg.Listen, "listen", "127.0.0.1:0", "address for the other nodes of the group")
	flags.StringVar(&cfg.DataDir, "data-dir", "", "directory of the node's identity, so that it can come back at once after a crash")
	httpAddr := flags.String("http", "127.0.0.1:8080", "address for browsers")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: web takes only flags", flags.Arg(0))
	}
	// The port first: when it is in use, the group need not hear of us.
	listener, err := net.Listen("tcp", *httpAddr)
	if err != nil {
		return err
	}
	node, err := server.Start(ctx, cfg)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	db := driver.OpenDB(node)
	if _, err = fmt.Fprintf(stdout, "%s serves http://%s\n", node.ID(), listener.Addr()); err == nil {
		err = serve(ctx, listener, newHandler(node.ID(), db), node.Done())
	}
	if err == nil && ctx.Err() == nil {
		err = node.Err()
	}
	// The last request has been answered. Now leave the group.
	return errors.Join(err, db.Close(), node.Close())
}

// shutdownTimeout bounds how long requests under way may take at the end.
const shutdownTimeout = 5 * time.Second

// serve answers requests until the context ends or the node has stopped.
func serve(ctx context.Context, listener net.Listener, handler http.Handler, stopped <-chan struct{}) error {
	web := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-stopped:
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := web.Shutdown(end)
	if err != nil {
		err = errors.Join(err, web.Close())
	}
	if why := <-ended; !errors.Is(why, http.ErrServerClosed) {
		err = errors.Join(err, why)
	}
	return err
}
