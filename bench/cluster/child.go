package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/seed-8247e700/dsm/bench/attack"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/gcroom"
	"github.com/seed-8247e700/dsm/internal/netfault"
	"github.com/seed-8247e700/dsm/internal/outlive"
	"github.com/seed-8247e700/dsm/server"
)

// ChildCommand is the argument that makes a program call Child with those that
// follow it, instead of doing what it usually does.
const ChildCommand = "child"

// readyPrefix begins the line in which a child tells its address.
const readyPrefix = "ready "

// StartTimeout bounds the start of a node, which may have much to load, or
// of a registry.
const StartTimeout = 2 * time.Minute

// What a parent writes to the stdin of a child.
const (
	commandEnd     = '\n' // the end is near, and what looks alarming is meant to be
	commandFull    = 'f'  // writes to files are to fail, as on a full disk
	commandRoom    = 'r'  // no more
	commandCollect = 'c'  // garbage is to be collected: collectedLine says that it was
	commandUsage   = 'u'  // what the process has used is to be told, in a line of JSON
	commandWeigh   = 'w'  // likewise, right after a collection
	commandLeave   = 'l'  // a node is to leave its group, however long that takes, and to end
	commandTell    = 't'  // an attack is to tell its figures, in a line of JSON
)

// collectedLine is a child's answer to commandCollect.
const collectedLine = "collected\n"

// attackChild is the argument for an attack.
const attackChild = "attack"

// listenerFile is the descriptor of the listener that a child is given.
const listenerFile = 3

// service is a node, a registry or an attack.
type service interface {
	Addr() string
	Close() error
	Done() <-chan struct{}
	Err() error
}

// leaver is a service that can leave its group, with force even as the last member.
type leaver interface {
	Leave(ctx context.Context, force bool) error
}

// Child is a process of a run with Processes: a registry ("registry", the
// group's registry.Settings in JSON) or a node ("node", id, address of the registry). With faults a registry
// is told the address to listen at and a directory as well, and a node a directory,
// the address of the proxy to dial through, and, as descriptor 3, its listener. An
// attack ("attack", and its attack.Config in JSON) yields to the other processes.
//
// Before all that may stand flags for Profiles of the process.
//
// Each tells its address on stdout, obeys the commands on stdin, and ends, cleanly,
// when that does. Should its parent end without having waited for that, so does the
// child: on Linux the kernel kills it, elsewhere it notices the end of its stdin,
// unless a fault has stopped it. The signals that end a run are left to the parent,
// which a terminal or a service manager sends them too. Stderr, which must not
// block, may fail.
func Child(args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	outlive.IgnoreOutputSignals()
	ctx, cancel := context.WithTimeout(context.Background(), StartTimeout)
	defer cancel()
	log := newLogSwitch(stderr)
	profiles, args := program.CutProfiles(args)
	stopProfiles, err := profiles.Start()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopProfiles()) }()
	s, err := startService(ctx, args, log)
	if err != nil {
		return err
	}
	log.on()
	if err := SayReady(stdout, s.Addr()); err != nil {
		return errors.Join(err, s.Close())
	}
	return attend(stdin, stdout, log, s)
}

// attend does what the parent says until stdin or the service ends, and closes the service.
func attend(stdin io.Reader, stdout io.Writer, log *logSwitch, s service) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error)
	end := func(err error) {
		select {
		case ended <- err:
		case <-ctx.Done():
		}
	}
	leave := func() error {
		n, ok := s.(leaver)
		if !ok {
			return fmt.Errorf("%w: a %T has no group to leave", program.ErrConfig, s)
		}
		go func() {
			if err := n.Leave(ctx, true); err != nil {
				end(err)
			}
		}()
		return nil
	}
	go func() { end(obey(stdin, stdout, log, s, leave)) }()
	select {
	case err := <-ended:
		return errors.Join(err, s.Close())
	case <-s.Done():
		if err := s.Err(); !errors.Is(err, server.ErrClosed) {
			return err
		}
		return nil // it has left as it was to
	}
}

// SayReady has a child say on stdout that it is ready, and where it serves.
func SayReady(stdout io.Writer, addr string) error {
	_, err := fmt.Fprintf(stdout, "%s%s\n", readyPrefix, addr)
	return err
}

// startService starts what the arguments say.
func startService(ctx context.Context, args []string, log *logSwitch) (service, error) {
	switch {
	case (len(args) == 2 || len(args) == 4) && args[0] == "registry":
		cfg := server.RegistryConfig{Listen: loopback, Logger: log.logger}
		if err := json.Unmarshal([]byte(args[1]), &cfg.Settings); err != nil {
			return nil, err
		}
		if len(args) == 4 {
			cfg.Listen, cfg.DataDir = args[2], args[3]
		}
		return server.StartRegistry(ctx, cfg)
	case len(args) == 3 && args[0] == "node":
		gcroom.Reserve(server.GarbageRoom)
		return server.Start(ctx, server.Config{ID: args[1], Registry: args[2], Listen: loopback, EventLoop: true, Logger: log.logger})
	case len(args) == 5 && args[0] == "node":
		gcroom.Reserve(server.GarbageRoom)
		file := os.NewFile(listenerFile, "listener")
		listener, err := net.FileListener(file)
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, err
		}
		return server.Start(ctx, server.Config{
			ID: args[1], Registry: args[2], Listener: listener, DataDir: args[3],
			Dial: netfault.Through(args[4], args[1]), EventLoop: true, Logger: log.logger,
		})
	case len(args) == 2 && args[0] == attackChild:
		var cfg attack.Config
		if err := errors.Join(json.Unmarshal([]byte(args[1]), &cfg), beNice()); err != nil {
			return nil, err
		}
		return attack.Start(ctx, cfg)
	default:
		return nil, fmt.Errorf("%w: %s %q is for dsmbench itself", program.ErrConfig, ChildCommand, args)
	}
}

// obey does what the parent says until stdin ends. A service that leaves is told the rest, too.
func obey(stdin io.Reader, stdout io.Writer, log *logSwitch, s service, leave func() error) error {
	for command := make([]byte, 1); ; {
		_, err := io.ReadFull(stdin, command)
		if errors.Is(err, io.EOF) {
			log.off()
			return nil
		}
		if err == nil {
			switch command[0] {
			case commandFull, commandRoom:
				err = limitFiles(command[0] == commandFull)
			case commandCollect:
				runtime.GC()
				_, err = io.WriteString(stdout, collectedLine)
			case commandUsage:
				err = tellUsage(stdout, OwnUsage)
			case commandWeigh:
				err = tellUsage(stdout, CollectedUsage)
			case commandLeave:
				err = leave()
			case commandTell:
				err = tell(stdout, s)
			default:
				log.off()
			}
		}
		if err != nil {
			return err
		}
	}
}

// tellUsage writes what this process has used.
func tellUsage(stdout io.Writer, read func() (Usage, error)) error {
	u, err := read()
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(u)
}

// tell writes the figures of an attack.
func tell(stdout io.Writer, s service) error {
	a, ok := s.(*attack.Attack)
	if !ok {
		return fmt.Errorf("%w: a %T has no figures", program.ErrConfig, s)
	}
	return json.NewEncoder(stdout).Encode(a.Figures())
}
