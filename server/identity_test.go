package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// in has a node keep its identity in a directory.
func in(dir string) func(*Config) { return func(c *Config) { c.DataDir = dir } }

func TestIdentityInUse(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	dir := t.TempDir()
	g.start("n1", in(dir))
	if _, err := g.tryStart("n1", in(dir)); !errors.Is(err, ErrIdentityInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second node in the directory: %v", err)
	}
	if _, err := g.tryStart("n1", nil); !errors.Is(err, registry.ErrIDInUse) {
		t.Errorf("a second node of the id: %v", err)
	}
	if _, err := g.tryStart("n1", in(t.TempDir())); !errors.Is(err, registry.ErrIDInUse) {
		t.Errorf("a second node of the id, with a directory of its own: %v", err)
	}
	c := g.client("n1")
	c.set("k", "v") // and the first is well
}

// A node that does not start leaves nothing of a directory that is new, and a record
// that is there.
func TestIdentityOfNobody(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	root := t.TempDir()
	dir := filepath.Join(root, "new", "n2")
	taken := func(c *Config) { c.DataDir, c.Listen = dir, g.nodes["n1"].Addr() }
	if _, err := g.tryStart("n2", taken); !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("a node at a port that is taken: %v", err)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	g.start("n2", in(dir))
	g.close("n2")
	if _, err := g.tryStart("n2", taken); !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("a node at a port that is taken: %v", err)
	}
	if ident, err := openIdentity(dir, "n2"); err != nil || ident.last.Incarnation == 0 {
		t.Errorf("its record: %+v, %v", ident, err)
	} else if err := ident.close(); err != nil {
		t.Error(err)
	}
}

// A lock on a file that its holder has removed is none.
func TestIdentityLockRemoved(t *testing.T) {
	dir := t.TempDir()
	first, err := openIdentity(dir, "n1")
	if err != nil {
		t.Fatal(err)
	}
	stale, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.close(); err != nil {
		t.Error(err)
	}
	if err := lockFile(stale); err != nil || sameFile(stale, filepath.Join(dir, "lock")) {
		t.Errorf("a removed file that was opened before: %v", err)
	}
	second, err := openIdentity(dir, "n1")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(second.record(1, 1), second.close(), stale.Close()); err != nil {
		t.Error(err)
	}
	if third, err := openIdentity(dir, "n1"); err != nil || third.last.Incarnation != 1 {
		t.Errorf("the record: %+v, %v", third, err)
	} else if err := third.close(); err != nil {
		t.Error(err)
	}
}

func TestIdentityOfAnother(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	dir := t.TempDir()
	g.start("n1", in(dir))
	g.close("n1")
	if _, err := g.tryStart("n2", in(dir)); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), `"n1"`) {
		t.Errorf("the directory of another id: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "identity.json"), []byte(`{"id":"n1","gro`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := g.tryStart("n1", in(dir)); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged file: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "identity.json")); err != nil {
		t.Fatal(err)
	}
	g.start("n1", in(dir))
	clear(g.logs) // of a generation of its own
}

// One node of one, killed and started again, proves that its predecessor is
// dead: a new generation begins after two heartbeat intervals, empty. The detection
// time has no part in it.
func TestRestartOfTheOnlyNode(t *testing.T) {
	g := newGroup(t, slowly())
	dir := t.TempDir()
	g.start("n1", in(dir))
	c := g.client("n1")
	c.set("k", "v")
	old := c.conn.Info()
	g.kill("n1")
	clear(g.logs) // what follows is another generation
	g.start("n1", in(dir))
	conn := g.connect("n1")
	if info := conn.Info(); info.Group != old.Group || info.Generation != old.Generation+1 || info.Incarnation <= old.Incarnation {
		t.Errorf("%+v after %+v", info, old)
	}
	reply, err := conn.Get(t.Context(), "k", 0, false)
	if err != nil || reply.Status != wire.StatusNotFound {
		t.Errorf("a new generation has %+v, %v", reply, err)
	}
}

// One of three is replaced within two heartbeat intervals, and has what the others have.
func TestRestartOfOneOfThree(t *testing.T) {
	g := newGroup(t, slowly())
	dir := t.TempDir()
	g.start("n1", nil)
	g.start("n2", in(dir))
	g.start("n3", nil)
	c := g.client("n1")
	c.set("k", "v")
	g.kill("n2")
	g.start("n2", in(dir))
	c.set("k", "w")
	if got := c.get(g.connect("n2"), "k"); got != "w" {
		t.Errorf("read %q", got)
	}
	if s := g.nodes["n2"].Status(); len(s.Members) != 3 || s.Rank != 2 {
		t.Errorf("status %+v", s)
	}
	g.sameDigests()
}

// An identity of another group proves nothing there, and does no harm.
func TestIdentityOfAnotherGroup(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"one", "two"} {
		t.Run(name, func(t *testing.T) {
			g := newGroup(t, registry.Settings{})
			g.start("n0", nil)
			g.start("n1", in(dir))
			g.client("n1").set("k", "v")
		})
	}
}

// obstruct keeps an identity from being recorded, as a full disk would, until it is
// called again.
func obstruct(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "identity.json.new")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// A node that cannot record its identity waits, at its start and when it returns under
// another incarnation, and says so.
func TestIdentityThatCannotBeRecorded(t *testing.T) {
	g := newGroup(t, fast())
	g.start("n1", nil)
	dir := t.TempDir()
	var out lockedBuffer
	says := func(times int) func() bool {
		return func() bool { return strings.Count(out.String(), "the identity cannot be recorded") == times }
	}
	free := obstruct(t, dir)
	started := make(chan error, 1)
	go func() {
		_, err := g.tryStart("n2", func(c *Config) { c.DataDir, c.Logger = dir, slog.New(slog.NewTextHandler(&out, nil)) })
		started <- err
	}()
	eventually(t, "it says so", says(1))
	free()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	free = obstruct(t, dir)
	before := g.nodes["n2"].current.Load()
	before.do(func(m *member.Member) { m.Fail(member.ErrExcluded) })
	eventually(t, "it says so again", says(2))
	free()
	g.returned("n2", before)
	g.client("n2").set("k", "v")
}

// Within its start timeout, that is: then Start says what it has waited for, and the id
// is free again.
func TestIdentityThatIsNeverRecorded(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	for _, before := range []string{"", "n1"} { // alone, and with another
		if before != "" {
			g.start(before, nil)
		}
		dir := t.TempDir()
		free := obstruct(t, dir)
		var out lockedBuffer
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := Start(ctx, Config{ID: "n2", Registry: g.registry.Addr(), DataDir: dir, Logger: slog.New(slog.NewTextHandler(&out, nil))})
			failed <- err
		}()
		eventually(t, "it says so", func() bool {
			return strings.Contains(out.String(), "the identity cannot be recorded") || len(failed) > 0
		})
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "cannot record its identity in "+dir) {
			t.Fatalf("Start: %v", err)
		}
		free()
		g.start("n2", in(dir))
		g.close("n2")
		clear(g.logs) // of generations that are over
	}
}

// An identity directory on a full disk is waited for as well; what waiting does not mend
// is an error at once.
func TestAwaitIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		full := fmt.Errorf("%w: DataDir: %w", ErrConfig, &os.PathError{Op: "mkdir", Path: "d", Err: syscall.ENOSPC})
		answers := []error{full, full, full, nil}
		open := func() (*identity, error) {
			err := answers[0]
			answers = answers[1:]
			return &identity{}, err
		}
		if _, err := awaitIdentity(t.Context(), log, open); err != nil || len(answers) > 0 {
			t.Errorf("a disk that is full for a while: %v", err)
		}
		if n := strings.Count(out.String(), "make room on its disk"); n != 1 {
			t.Errorf("it says so %d times: %s", n, out.String())
		}
		answers = []error{ErrIdentityInUse}
		if _, err := awaitIdentity(t.Context(), log, open); !errors.Is(err, ErrIdentityInUse) {
			t.Errorf("a directory in use: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := awaitIdentity(ctx, log, func() (*identity, error) { return nil, full }); !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a disk that stays full: %v", err)
		}
	})
}

// What is recorded is what the next run reads. Who cannot read it lets go of the lock.
func TestIdentityRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	open := func(id string) *identity {
		t.Helper()
		ident, err := openIdentity(dir, id)
		if err != nil {
			t.Fatal(err)
		}
		return ident
	}
	first := open("n1")
	if first.last != (identityRecord{ID: "n1"}) || first.provedDead() != 0 {
		t.Errorf("a new directory has %+v", first.last)
	}
	if err := first.record(5, 7); err != nil {
		t.Fatal(err)
	}
	if err := first.record(5, 8); err != nil {
		t.Fatal(err)
	}
	if _, err := openIdentity(dir, "n1"); !errors.Is(err, ErrIdentityInUse) {
		t.Errorf("a directory in use: %v", err)
	}
	if err := first.close(); err != nil {
		t.Error(err)
	}
	if _, err := openIdentity(dir, "n2"); !errors.Is(err, ErrConfig) {
		t.Errorf("the directory of another: %v", err)
	}
	second := open("n1")
	if second.last != (identityRecord{ID: "n1", Group: 5, Incarnation: 8, Place: first.at}) || second.provedDead() != 8 {
		t.Errorf("it has %+v", second.last)
	}
	if err := second.close(); err != nil {
		t.Error(err)
	}
	var names []string
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	for _, f := range files {
		names = append(names, f.Name())
	}
	if fmt.Sprint(names) != "[identity.json lock]" {
		t.Errorf("it leaves %v", names)
	}
	if _, err := openIdentity(filepath.Join(dir, "lock"), "n1"); !errors.Is(err, ErrConfig) {
		t.Errorf("a directory that is a file: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "x"), 0o700); err != nil {
		t.Error(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "x", "identity.json"), 0o700); err != nil {
		t.Error(err)
	}
	if _, err := openIdentity(filepath.Join(dir, "x"), "n1"); !errors.Is(err, ErrConfig) {
		t.Errorf("a record that is a directory: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "x", "lock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its lock is left: %v", err)
	}
	if ident, err := openIdentity("", "n1"); err != nil || ident.lock != nil || ident.record(3, 4) != nil ||
		ident.last != (identityRecord{ID: "n1", Group: 3, Incarnation: 4}) || ident.close() != nil {
		t.Errorf("without a directory: %+v, %v", ident, err)
	}
	gone := &identity{dir: filepath.Join(dir, "gone")}
	if err := gone.record(1, 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is gone: %v", err)
	}
}

// leftRegistry notes who leaves.
type leftRegistry struct {
	registryClient
	err   error
	left  []membership.From
	alone []bool
	by    []time.Time
}

func (l *leftRegistry) Leave(ctx context.Context, from membership.From, force bool, _ string) error {
	by, _ := ctx.Deadline()
	l.left, l.alone, l.by = append(l.left, from), append(l.alone, force), append(l.by, by)
	return l.err
}

// A node that cannot record its identity tries again with growing pauses, says so every
// minute, and frees its id when it gives up: with the view, if that is its own only.
func TestRecordIdentity(t *testing.T) {
	dir := t.TempDir()
	free := obstruct(t, dir)
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		left := &leftRegistry{err: registry.ErrUnreachable}
		n := &Node{
			cfg: Config{ID: "n1", DataDir: dir}, identity: &identity{dir: dir, last: identityRecord{ID: "n1"}},
			log: slog.New(slog.NewTextHandler(&out, nil)), client: left,
		}
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		defer cancel()
		first := membership.Directive{Group: 5, Generation: 6, Views: []membership.View{{ID: 1, Members: []membership.Member{{ID: "n1", Incarnation: 3}}}}}
		if err := n.recordIdentity(ctx, 3, &first); !errors.Is(err, ErrClosed) || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Errorf("it gives up: %v", err)
		}
		if why := n.hindrance.Load(); why == nil || !strings.Contains(*why, dir) {
			t.Errorf("it says %v", why)
		}
		if lines := strings.Count(out.String(), "the identity cannot be recorded"); lines != 3 {
			t.Errorf("it logs %d times in two minutes and a half", lines)
		}
		if !strings.Contains(out.String(), "stopped without leaving") {
			t.Error("it does not log that it could not leave")
		}
		left.err = nil
		out = lockedBuffer{}
		second, later, others := first, first, first
		second.Views = []membership.View{{ID: 2, Prev: 1, Members: first.Views[0].Members}}
		later.Views = append(later.Views[:1:1], second.Views...)
		others.Views = []membership.View{{ID: 1, Members: append(first.Views[0].Members[:1:1], membership.Member{ID: "n2", Incarnation: 4})}}
		n.retract(4, &first)
		n.retract(3, &second)
		n.retract(3, &later)
		n.retract(3, &others)
		n.retract(3, &membership.Directive{Group: 5, Generation: 6})
		if want := []bool{true, false, false, false, false, false}; fmt.Sprint(left.alone) != fmt.Sprint(want) {
			t.Errorf("with the view: %v, want %v", left.alone, want)
		}
		if left.left[0] != (membership.From{ID: "n1", Incarnation: 3, Group: 5, Generation: 6}) {
			t.Errorf("it leaves as %+v", left.left[0])
		}
		if out.String() != "" || !left.by[5].Equal(time.Now().Add(giveUpTime)) {
			t.Errorf("it asks until %v: %s", left.by[5], out.String())
		}
		free()
		if err := n.recordIdentity(t.Context(), 3, &first); err != nil || n.hindrance.Load() != nil || n.identity.last.Incarnation != 3 {
			t.Errorf("once there is room: %v, %v, %+v", err, n.hindrance.Load(), n.identity.last)
		}
	})
}
