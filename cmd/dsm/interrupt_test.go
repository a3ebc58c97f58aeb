package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
)

// A signal ends a command that waits for stdin, and nothing is sent.
func TestInterruptedAtStdin(t *testing.T) {
	for _, command := range []string{"set k -", "set k - -o json", "set k - --trim", "cas k - --version 0"} {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			stdin, writer := io.Pipe()
			signals := make(chan os.Signal, 1)
			reading := &firstRead{Reader: stdin, then: func() { signals <- sig }}
			var stdout, stderr bytes.Buffer
			s := &surroundings{stdin: reading, stdout: &stdout, stderr: &stderr, signals: signals}
			status := run(context.WithoutCancel(t.Context()), strings.Fields(command+" --dsn dsm://127.0.0.1:1"), s)
			if status != exitSignal+int(sig) || stdout.Len() > 0 || !strings.Contains(stderr.String(), "before the end of stdin: nothing was sent") {
				t.Errorf("%s and %v: status %d, stdout %q, stderr %q", command, sig, status, &stdout, &stderr)
			}
			if err := writer.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// firstRead does something when it is read from.
type firstRead struct {
	io.Reader
	then func()
}

func (r *firstRead) Read(p []byte) (int, error) {
	if r.then != nil {
		r.then()
		r.then = nil
	}
	return r.Reader.Read(p)
}

// A signal ends a command whose output nobody reads. What is read is whole.
func TestInterruptedAtStdout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		reader, blocked := io.Pipe()
		w := &interruptibleWriter{ctx: ctx, w: blocked}
		ended := make(chan error, 1)
		go func() {
			_, err := w.Write([]byte("long"))
			ended <- err
		}()
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("it ends with %v, and nobody has read", err)
		default:
		}
		cancel(&interruption{syscall.SIGTERM})
		if err := <-ended; !errors.Is(err, errInterrupted) {
			t.Errorf("it ends with %v", err)
		}
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
		var out bytes.Buffer
		w.w = &out
		if n, err := fmt.Fprint(w, "an answer that came with the signal"); err != nil || n != out.Len() {
			t.Errorf("it wrote %q, %v", &out, err)
		}
	})
}
