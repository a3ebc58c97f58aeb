package outlive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Checked(m).Run()) }

// output is a writer that fails or stands still as a test wants.
type output struct {
	mu     sync.Mutex // guards what follows
	text   bytes.Buffer
	accept func(p []byte) (int, error) // nil: all of it
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.accept == nil {
		return o.text.Write(p)
	}
	n, err := o.accept(p)
	o.text.Write(p[:n])
	return n, err
}

func (o *output) set(accept func(p []byte) (int, error)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.accept = accept
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func failing(err error) func([]byte) (int, error) {
	return func([]byte) (int, error) { return 0, err }
}

func notice(lines uint64) []byte { return fmt.Appendf(nil, "(%d lost)\n", lines) }

func say(t *testing.T, w *Writer, text string) {
	t.Helper()
	if n, err := io.WriteString(w, text); n != len(text) || err != nil {
		t.Fatalf("Write(%q) = %d, %v", text, n, err)
	}
}

// Lines are lost while writing fails, in whatever way, and counted where they
// would stand.
func TestWriterSurvivesErrors(t *testing.T) {
	for _, err := range []error{syscall.EPIPE, syscall.ENOSPC, syscall.EIO, io.ErrClosedPipe, io.ErrShortWrite} {
		t.Run(err.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out output
				w := NewWriter(&out, notice)
				say(t, w, "one\n")
				synctest.Wait()
				out.set(failing(err))
				say(t, w, "two\n")
				say(t, w, "three\nfour\n")
				synctest.Wait()
				out.set(nil)
				say(t, w, "five\n")
				synctest.Wait()
				if got, want := out.String(), "one\n(3 lost)\nfive\n"; got != want {
					t.Errorf("it wrote %q, want %q", got, want)
				}
				if w.Lost() != 3 {
					t.Errorf("it lost %d lines, want 3", w.Lost())
				}
			})
		})
	}
}

// A line that was cut off by an error does not run into the next one.
func TestWriterEndsTornLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		w := NewWriter(&out, notice)
		out.set(func([]byte) (int, error) { return 3, syscall.ENOSPC })
		say(t, w, "first\n")
		synctest.Wait()
		out.set(nil)
		say(t, w, "second\n")
		synctest.Wait()
		if got, want := out.String(), "fir\n(1 lost)\nsecond\n"; got != want {
			t.Errorf("it wrote %q, want %q", got, want)
		}
	})
}

// Pieces of a line, such as a child's output may come in, stay together.
func TestWriterKeepsPiecesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		w := NewWriter(&out, notice)
		for _, piece := range []string{"a ", "line", "\nand ", "another\n"} {
			say(t, w, piece)
			synctest.Wait()
		}
		if got, want := out.String(), "a line\nand another\n"; got != want {
			t.Errorf("it wrote %q, want %q", got, want)
		}
	})
}

// A reader that stands still costs no time, and no more memory than the bound.
func TestWriterDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		reads := make(chan struct{})
		out.set(func(p []byte) (int, error) {
			<-reads
			return len(p), nil
		})
		w := NewWriter(&out, notice)
		say(t, w, "stuck\n")
		synctest.Wait() // it is being written
		line := strings.Repeat("x", 1023) + "\n"
		const queued = maxQueuedBytes / 1024
		began := time.Now()
		for range queued + 5 {
			say(t, w, line)
		}
		if took := time.Since(began); took > 0 { // of virtual time
			t.Errorf("it waited %v", took)
		}
		if w.bytes > maxQueuedBytes || w.Lost() != 5 {
			t.Errorf("%d bytes wait, and %d lines are lost", w.bytes, w.Lost())
		}
		if w.Flush(time.Second) {
			t.Error("Flush reports that all is written")
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("Flush took %v", took)
		}
		close(reads)
		if !w.Flush(time.Second) {
			t.Error("Flush reports that something is not written")
		}
		if got, want := out.String(), "stuck\n"+strings.Repeat(line, queued)+"(5 lost)\n"; got != want {
			t.Errorf("it wrote %d bytes that end in %q, want %d", len(got), got[max(0, len(got)-20):], len(want))
		}
	})
}

// Where lines were dropped in the middle, the notice stands in the middle.
func TestWriterNoticeStandsInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		turns := make(chan struct{})
		out.set(func(p []byte) (int, error) {
			<-turns
			return len(p), nil
		})
		w := NewWriter(&out, notice)
		half := strings.Repeat("x", maxQueuedBytes/2-1) + "\n"
		say(t, w, "stuck\n")
		synctest.Wait()
		say(t, w, half)
		say(t, w, half)
		say(t, w, "no room\n")
		turns <- struct{}{}
		turns <- struct{}{}
		synctest.Wait()
		say(t, w, "room\n")
		close(turns)
		synctest.Wait()
		if got := strings.ReplaceAll(out.String(), half, "half\n"); got != "stuck\nhalf\nhalf\n(1 lost)\nroom\n" {
			t.Errorf("it wrote %q", got)
		}
	})
}

// A file that another process has made non-blocking takes the rest later.
func TestWriterTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		w := NewWriter(&out, notice)
		out.set(func([]byte) (int, error) { return 2, syscall.EAGAIN })
		say(t, w, "abcdefgh\n")
		synctest.Wait()
		out.set(failing(syscall.EAGAIN))
		if w.Flush(time.Minute) {
			t.Error("Flush reports that all is written")
		}
		out.set(nil)
		if !w.Flush(2 * retryInterval) {
			t.Error("Flush reports that something is not written")
		}
		if got := out.String(); got != "abcdefgh\n" {
			t.Errorf("it wrote %q", got)
		}
	})
}

func TestWriterWithoutNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		w := NewWriter(&out, nil)
		out.set(failing(errors.New("no")))
		say(t, w, "one\n")
		synctest.Wait()
		out.set(nil)
		say(t, w, "two\n")
		synctest.Wait()
		if out.String() != "two\n" || w.Lost() != 1 {
			t.Errorf("it wrote %q and lost %d", &out, w.Lost())
		}
	})
}
