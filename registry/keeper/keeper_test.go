package keeper

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/registry/membership"
)

// fixture is a keeper with a disk, a log of what it does, and nodes.
type fixture struct {
	t testing.TB
	*Keeper
	now  time.Duration
	fail error // of the disk
	disk membership.State
	log  []string
}

func (f *fixture) Save(s membership.State) error {
	if f.fail != nil {
		return f.fail
	}
	f.disk = s
	f.log = append(f.log, "save")
	return nil
}

func (f *fixture) Event(e *membership.Event) { f.log = append(f.log, string(e.Kind)) }
func (f *fixture) Degraded(err error)        { f.log = append(f.log, "degraded: "+err.Error()) }
func (f *fixture) Recovered()                { f.log = append(f.log, "recovered") }

// took returns what has happened since the last call.
func (f *fixture) took() string {
	log := strings.Join(f.log, ", ")
	f.log = nil
	return log
}

func open(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, now: time.Second}
	k, err := Open(membership.NewState(7, 100, membership.DefaultSettings()), f.now, f, f)
	if err != nil {
		t.Fatal(err)
	}
	f.Keeper = k
	return f
}

// registration is that of a node.
func registration(id string) membership.Registration {
	return membership.Registration{ID: id, PeerAddr: id + ":1", ClientAddr: id + ":1", FeatureLevel: membership.BaseLevel}
}

// node registers a node.
func (f *fixture) node(id string) membership.From {
	f.t.Helper()
	became := f.Register(f.now, registration(id))[0]
	incarnation, d, err := became.Incarnation, became.Directive, became.Err
	if err != nil || incarnation == 0 || d.Group != 7 || d.Excluded {
		f.t.Fatalf("register %s: %d, %+v, %v", id, incarnation, d, err)
	}
	return membership.From{ID: id, Incarnation: incarnation, Group: d.Group, Generation: d.Generation}
}

// watch opens a watch that logs that it is woken.
func (f *fixture) watch(from membership.From) *Watch {
	return f.Watch(from, func() { f.log = append(f.log, "wake "+from.ID) })
}

func (f *fixture) next(w *Watch) *membership.Directive {
	f.t.Helper()
	d, err := f.Next(w)
	if err != nil {
		f.t.Fatal(err)
	}
	return d
}

func TestOpen(t *testing.T) {
	f := open(t)
	if s, problem := f.Status(f.now); f.took() != "save" || f.disk.Boot != 1 || s.Group != 7 || problem != nil || f.Unsaved() != nil {
		t.Errorf("%+v, %v, on the disk %+v", s, problem, f.disk)
	}
	full := errors.New("full")
	if k, err := Open(f.disk, f.now, &fixture{fail: full}, f); k != nil || !errors.Is(err, full) {
		t.Errorf("%v, %v", k, err)
	}
}

// Whatever changes is saved, then told, then answered. What changes nothing is not saved.
func TestSavedBeforeTold(t *testing.T) {
	savedBeforeTold(t)
}

func savedBeforeTold(t testing.TB) {
	f := open(t)
	f.took()
	a := f.node("a")
	if got := f.took(); got != "save, node registered, view committed" {
		t.Errorf("the first node: %s", got)
	}
	w := f.watch(a)
	if d := f.next(w); d == nil || len(d.Views) != 1 || f.took() != "" {
		t.Errorf("%+v", d)
	}
	d, err := f.Heartbeat(f.now, a, membership.Report{View: f.disk.Views[0].ID})
	if err != nil || d.Group != 7 || len(d.Views) != 0 || f.took() != "" {
		t.Errorf("a heartbeat without news: %+v, %v, %v", d, err, f.log)
	}
	b := f.node("b")
	if got := f.took(); got != "save, node registered, wake a" {
		t.Errorf("the second node: %s", got)
	}
	if err := f.Leave(f.now, b, false, "left"); err != nil {
		t.Error(err)
	}
	if got := f.took(); got != "node gone, wake a" {
		t.Errorf("the second leaves: %s", got)
	}
	generation, err := f.NewGeneration(f.now, true)
	if got := f.took(); err != nil || generation != 2 || !strings.HasPrefix(got, "save, ") || !strings.HasSuffix(got, ", wake a") {
		t.Errorf("generation %d, %v: %s", generation, err, got)
	}
}

// A call that is refused says why, and changes nothing.
func TestRefused(t *testing.T) {
	f := open(t)
	a := f.node("a")
	f.took()
	if err := f.Register(f.now, membership.Registration{})[0].Err; !errors.Is(err, membership.ErrInvalid) {
		t.Error(err)
	}
	if _, err := f.Heartbeat(f.now, membership.From{ID: "a", Incarnation: a.Incarnation, Group: 8}, membership.Report{}); !errors.Is(err, membership.ErrOtherGroup) {
		t.Error(err)
	}
	if err := f.Leave(f.now, a, false, "left"); !errors.Is(err, membership.ErrLastMember) {
		t.Error(err)
	}
	if _, err := f.NewGeneration(f.now, false); !errors.Is(err, membership.ErrNeedsForce) {
		t.Error(err)
	}
	if slices.Contains(f.log, "save") {
		t.Errorf("%s", f.took())
	}
}

// A keeper that cannot save changes nothing and tells nobody anything, and says why. It
// tries again after a while, and goes on with what it could not save.
func TestDegraded(t *testing.T) {
	f := open(t)
	a := f.node("a")
	w := f.watch(a)
	f.next(w)
	f.took()
	before := f.disk
	f.fail = errors.New("full")
	for range 2 {
		if err := f.Register(f.now, registration("b"))[0].Err; !errors.Is(err, ErrDegraded) || !errors.Is(err, f.fail) {
			t.Errorf("register: %v", err)
		}
	}
	if got := f.took(); got != "degraded: full, wake a" {
		t.Error(got)
	}
	for name, call := range map[string]func() error{
		"heartbeat":  func() error { _, err := f.Heartbeat(f.now, a, membership.Report{}); return err },
		"leave":      func() error { return f.Leave(f.now, a, true, "left") },
		"generation": func() error { _, err := f.NewGeneration(f.now, true); return err },
		"watch":      func() error { _, err := f.Next(w); return err },
		"status":     func() error { _, err := f.Status(f.now); return err },
	} {
		if err := call(); !errors.Is(err, ErrDegraded) || !strings.Contains(err.Error(), "full") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s, _ := f.Status(f.now); len(s.Nodes) != 1 || f.Unsaved() == nil || f.took() != "" {
		t.Errorf("%+v, %+v, %v", s.Nodes, f.Unsaved(), f.log)
	}
	f.now += saveInterval
	f.Tick(f.now) // in vain
	f.fail = nil
	f.now += saveInterval - 1
	f.Tick(f.now)
	if got := f.took(); got != "wake a" || f.disk.NextIncarnation != before.NextIncarnation {
		t.Errorf("before it is due: %s", got)
	}
	f.now++
	f.Tick(f.now)
	if got := f.took(); got != "save, recovered, node registered, wake a" || f.disk.NextIncarnation != before.NextIncarnation+1 {
		t.Errorf("once it is due: %s", got)
	}
	if _, problem := f.Status(f.now); problem != nil || f.Unsaved() != nil {
		t.Errorf("%v, %v", problem, f.Unsaved())
	}
	if _, err := f.Heartbeat(f.now, a, membership.Report{}); err != nil {
		t.Error(err)
	}
}

// Time passes for the group with each tick: a joiner that is silent for too long is
// forgotten, and whoever watches learns of it.
func TestTick(t *testing.T) {
	f := open(t)
	f.watch(f.node("a"))
	f.node("b")
	f.took()
	f.Tick(f.now)
	if got := f.took(); got != "" {
		t.Errorf("at once: %s", got)
	}
	for range 11 {
		f.now += membership.DefaultSettings().Detection / 10
		f.Tick(f.now)
	}
	if got := f.took(); got != "node gone, wake a" {
		t.Errorf("after the detection time: %s", got)
	}
}

// A heartbeat whose consequences cannot be saved is answered with that.
func TestHeartbeatThatCannotBeSaved(t *testing.T) {
	f := open(t)
	a := f.node("a")
	b := f.node("b")
	ready := membership.Report{Ready: true, Observed: a.Incarnation, Peers: []membership.Peer{{Incarnation: a.Incarnation}}}
	f.fail = errors.New("full")
	if d, err := f.Heartbeat(f.now, b, ready); !errors.Is(err, ErrDegraded) || d.Group != 0 {
		t.Errorf("%+v, %v", d, err)
	}
}

// A watch has how things are when it asks, and nothing twice. What has changed several
// times meanwhile is one directive.
func TestWatch(t *testing.T) {
	f := open(t)
	a := f.node("a")
	view := f.disk.Views[0].ID
	heartbeat := func() {
		t.Helper()
		if _, err := f.Heartbeat(f.now, a, membership.Report{View: view}); err != nil {
			t.Fatal(err)
		}
	}
	w := f.watch(a)
	if d := f.next(w); d == nil || len(d.Views) != 1 || f.next(w) != nil {
		t.Errorf("%+v", d)
	}
	heartbeat()
	if d := f.next(w); d == nil || len(d.Views) != 0 || f.next(w) != nil {
		t.Errorf("in its view: %+v", d)
	}
	f.took()
	b, c := f.node("b"), f.node("c")
	if got := f.took(); strings.Count(got, "wake a") != 2 {
		t.Errorf("%s", got)
	}
	if d := f.next(w); d == nil || len(d.Joining) != 2 || d.Joining[0].ID != "b" || f.next(w) != nil {
		t.Errorf("two joiners: %+v", d)
	}
	other := f.watch(b)
	if f.Watching(a.Incarnation) != w || f.Watching(b.Incarnation) != other || f.Watching(c.Incarnation) != nil {
		t.Error("watches are mixed up")
	}
	f.took()
	again := f.watch(a)
	if got := f.took(); got != "wake a" {
		t.Errorf("the watch that is replaced: %q", got)
	}
	if _, err := f.Next(w); !errors.Is(err, ErrReplaced) {
		t.Errorf("the watch that was replaced: %v", err)
	}
	f.Unwatch(w)
	if f.Watching(a.Incarnation) != again || f.next(again) == nil {
		t.Error("the watch in its place is gone")
	}
	f.Unwatch(again)
	f.Unwatch(again) // it is over
	last := f.watch(c)
	f.Unwatch(last)
	f.Unwatch(last)
	f.node("d")
	if got := f.took(); f.Watching(a.Incarnation) != nil || strings.Contains(got, "wake a") || !strings.Contains(got, "wake b") {
		t.Errorf("%s", got)
	}
	if _, err := f.Next(f.watch(membership.From{ID: "e", Incarnation: 99, Group: 8})); !errors.Is(err, membership.ErrOtherGroup) {
		t.Errorf("a node of another group: %v", err)
	}
	if d := f.next(f.watch(membership.From{ID: "e", Incarnation: 99, Group: 7, Generation: 1})); d == nil || !d.Excluded {
		t.Errorf("a node that is not known: %+v", d)
	}
}

// An attempt that takes another one's place, between two looks of a watch, is new to it.
func TestWatchSeesTheNextAttempt(t *testing.T) {
	watchSeesTheNextAttempt(t)
}

func watchSeesTheNextAttempt(t testing.TB) {
	f := open(t)
	a := f.node("a")
	view := f.disk.Views[0].ID
	w := f.watch(a)
	beat := func(from membership.From, r membership.Report) {
		t.Helper()
		if _, err := f.Heartbeat(f.now, from, r); err != nil {
			t.Fatal(err)
		}
	}
	ready := func(id string) membership.From {
		t.Helper()
		n := f.node(id)
		beat(n, membership.Report{Ready: true, Observed: a.Incarnation, Peers: []membership.Peer{{Incarnation: a.Incarnation}}})
		beat(a, membership.Report{View: view, Peers: []membership.Peer{{Incarnation: n.Incarnation}}})
		return n
	}
	b := ready("b")
	first := f.next(w)
	if first == nil || first.Attempt == nil {
		t.Fatalf("no attempt: %+v", first)
	}
	if err := f.Leave(f.now, b, false, "left"); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		f.now += f.disk.Settings.AttemptTimeout
		c := f.node(fmt.Sprintf("c%d", i))
		if f.disk.Attempt != nil && f.disk.Attempt.View.ID != first.Attempt.View.ID {
			break
		}
		beat(c, membership.Report{Ready: true, Observed: a.Incarnation, Peers: []membership.Peer{{Incarnation: a.Incarnation}}})
		beat(a, membership.Report{View: view, Peers: []membership.Peer{{Incarnation: c.Incarnation}}})
		f.Tick(f.now)
	}
	if f.disk.Attempt == nil || f.disk.Attempt.View.ID == first.Attempt.View.ID {
		t.Fatalf("no second attempt: %+v", f.disk.Attempt)
	}
	if d := f.next(w); d == nil || d.Attempt == nil || d.Attempt.View.ID != f.disk.Attempt.View.ID {
		t.Errorf("after the second attempt has begun: %+v", d)
	}
}

// Nodes that register together are saved together; each has its own answer.
func TestRegisterTogether(t *testing.T) {
	f := open(t)
	f.took()
	became := f.Register(f.now, registration("a"), registration("b"), registration("a"), registration("c"))
	if got := f.took(); got != "save, node registered, view committed, node registered, node registered" {
		t.Errorf("three nodes: %s", got)
	}
	for i, want := range []uint64{1, 2, 0, 3} {
		b := became[i]
		if want == 0 {
			if !errors.Is(b.Err, membership.ErrIDInUse) || b.Incarnation != 0 {
				t.Errorf("an id that is taken: %+v", b)
			}
			continue
		}
		if b.Err != nil || b.Incarnation != want || b.Directive.Group != 7 || len(b.Directive.Joining) != 2 {
			t.Errorf("node %d: %+v", i, b)
		}
	}
	f.fail = errors.New("full")
	for _, b := range f.Register(f.now, registration("d"), registration("a"), registration("e")) {
		if !errors.Is(b.Err, ErrDegraded) || b.Incarnation != 0 {
			t.Errorf("on a full disk: %+v", b)
		}
	}
	if got := f.Register(f.now, registration("d")); !errors.Is(got[0].Err, ErrDegraded) {
		t.Errorf("as long as it is full: %+v", got)
	}
}
