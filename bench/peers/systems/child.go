package systems

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"

	"github.com/seed-8247e700/dsm/bench/peers/proc"
)

// ChildCommand is the argument that makes the program call Child with those that
// follow it.
const ChildCommand = "child"

// What children do.
const (
	echoChild = "echo"
	sinkChild = "sink"
)

// Child is another process of the limits: "echo" or "sink", and the file to write
// its address to. It serves until it is killed.
func Child(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("systems: %s %q is for the program itself", ChildCommand, args)
	}
	answers := map[string]func(net.Conn) error{echoChild: answerEcho, sinkChild: answerSink}
	answer, ok := answers[args[0]]
	if !ok {
		return fmt.Errorf("systems: there is no child %q", args[0])
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	// Written beside and renamed: who finds the file finds all of it.
	if err := os.WriteFile(args[1]+".new", []byte(l.Addr().String()), 0o600); err != nil {
		return err
	}
	if err := os.Rename(args[1]+".new", args[1]); err != nil {
		return err
	}
	return serveChild(l, answer)
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
func startChild(ctx context.Context, env Env, what string) (*proc.Process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	dir, err := env.Dir.Sub(what)
	if err != nil {
		return nil, "", err
	}
	file := dir + "/addr"
	p, err := proc.Start(env.Dir, what, exec.Command(self, ChildCommand, what, file))
	if err != nil {
		return nil, "", err
	}
	addr := ""
	if err := p.Await(ctx, func(context.Context) error {
		content, err := os.ReadFile(file)
		addr = strings.TrimSpace(string(content))
		return err
	}); err != nil {
		return nil, "", errors.Join(err, p.Kill())
	}
	return p, addr, nil
}
