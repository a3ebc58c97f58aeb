package systems

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/program"
)

// What children do.
const (
	echoChild = "echo"
	sinkChild = "sink"
)

// Child is another process of the limits: "echo" or "sink". It says where it serves as the
// children of package cluster do, and ends when stdin does.
func Child(args []string, stdin io.Reader, stdout io.Writer) error {
	answers := map[string]func(net.Conn) error{echoChild: answerEcho, sinkChild: answerSink}
	if len(args) != 1 || answers[args[0]] == nil {
		return fmt.Errorf("systems: %s %q is for the program itself", cluster.ChildCommand, args)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := cluster.SayReady(stdout, l.Addr().String()); err != nil {
		return errors.Join(err, l.Close())
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdin) // until the parent ends, or closes it
		_ = l.Close()
	}()
	return serveChild(l, answers[args[0]])
}

// serveChild answers on every connection until the listener is closed.
func serveChild(l net.Listener, answer func(net.Conn) error) error {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			_ = answer(conn) // the client that is gone has noticed
			_ = conn.Close()
		}()
	}
}

// startChild starts this program as a child and returns its address.
func startChild(ctx context.Context, what string) (*cluster.Process, string, error) {
	return cluster.StartChild(ctx, program.Env{Notices: os.Stderr}, what, what)
}
