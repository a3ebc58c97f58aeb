package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/connset"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// noNetwork is a network on which nobody is found.
func noNetwork(context.Context, string) (net.Conn, error) { return nil, errors.New("no network") }

// quietRegistry answers no heartbeat, and pushes nothing.
func quietRegistry() *scriptedRegistry {
	return &scriptedRegistry{
		heartbeat: func(ctx context.Context, _ membership.From, _ *membership.Report) (*membership.Directive, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
		watch: func(ctx context.Context, _ membership.From, _ func(*membership.Directive)) error {
			<-ctx.Done()
			return ctx.Err()
		},
	}
}

// runningNode is a node without a network before a registry that a test scripts.
func runningNode(client registryClient, log *logLines) *Node {
	n, _ := loneNode()
	n.cfg = Config{ID: "n1", Advertise: "n1:1", Dial: noNetwork, Logger: slog.New(slog.NewTextHandler(log, nil))}.withDefaults()
	n.log, n.client, n.identity, n.conns = n.cfg.Logger, client, &identity{}, connset.New(1)
	return n
}

// directiveTo is what a registry says to the only node of its group, a member or not.
func directiveTo(incarnation uint64, isMember bool) *membership.Directive {
	d := &membership.Directive{Group: 7, Generation: 1, Settings: membership.DefaultSettings()}
	if isMember {
		d.Views = []membership.View{{ID: 1, Members: []membership.Member{{ID: "n1", Incarnation: incarnation, PeerAddr: "n1:1"}}}}
	}
	return d
}

// A node whose incarnations do not get into a view registers less and less often. One
// that has served begins anew at once.
func TestPausesBetweenIncarnations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logLines
		client := quietRegistry()
		var n *Node
		const served = 7 // which incarnation gets into a view
		var pauses []time.Duration
		last := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		client.register = func(context.Context, membership.Registration) (uint64, *membership.Directive, error) {
			pauses = append(pauses, time.Since(last))
			incarnation := uint64(len(pauses))
			if incarnation == 10 {
				cancel()
				return 0, nil, ctx.Err()
			}
			last = time.Now()
			return incarnation, directiveTo(incarnation, incarnation == served), nil
		}
		client.watch = func(ctx context.Context, from membership.From, _ func(*membership.Directive)) error {
			r := n.current.Load()
			if from.Incarnation == served {
				<-r.joined
			}
			r.post(func(m *member.Member) { m.Fail(member.ErrExcluded) })
			<-ctx.Done()
			return ctx.Err()
		}
		n = runningNode(client, &log)
		if err := n.incarnations(ctx); !errors.Is(err, ErrClosed) {
			t.Errorf("it ends with %v", err)
		}
		want := []time.Duration{0, 50, 100, 200, 400, 800, 1000, 0, 50, 100}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if fmt.Sprint(pauses) != fmt.Sprint(want) {
			t.Errorf("pauses %v, want %v", pauses, want)
		}
	})
}

// host is the replica as its member has it.
func (r *replica) host() host { return host{r} }

// runIncarnations runs a node whose registry gives it the same incarnation each time, and
// returns how often the node has registered, and what ends it.
func runIncarnations(t *testing.T, incarnation uint64) (n *Node, registered *int, cancel func(), ended chan error) {
	var log logLines
	client, registered := quietRegistry(), new(int)
	client.register = func(context.Context, membership.Registration) (uint64, *membership.Directive, error) {
		*registered++
		return incarnation, directiveTo(incarnation, false), nil
	}
	n, ended = runningNode(client, &log), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- n.incarnations(ctx) }()
	synctest.Wait()
	return n, registered, cancel, ended
}

// A node ends when it is to stop, in the middle of an incarnation, between two, or when it
// has left.
func TestEndOfIncarnations(t *testing.T) {
	for name, end := range map[string]func(n *Node, r *replica, cancel func()){
		"stopped": func(_ *Node, _ *replica, cancel func()) { cancel() },
		"between two": func(_ *Node, r *replica, cancel func()) {
			r.post(func(m *member.Member) { m.Fail(member.ErrExcluded) })
			<-r.ended
			cancel()
		},
		"after leaving": func(_ *Node, r *replica, _ func()) {
			r.post(func(m *member.Member) { m.Leave(false); m.Fail(member.ErrLeft) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, registered, cancel, ended := runIncarnations(t, 1)
				end(n, n.current.Load(), cancel)
				if err := <-ended; !errors.Is(err, ErrClosed) || *registered != 1 {
					t.Errorf("after %d registrations: %v", *registered, err)
				}
				cancel()
			})
		})
	}
}

// In a new generation the same incarnation goes on, without a registration. If it does
// not know the new one it registers.
func TestIncarnationGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, registered, cancel, ended := runIncarnations(t, 5)
		next := directiveTo(5, false)
		next.Generation = 2
		before := n.current.Load()
		before.post(func(m *member.Member) { m.Directed(next) })
		synctest.Wait()
		if r := n.current.Load(); r == before || r.self != before.self || r.generation != 2 || *registered != 1 {
			t.Errorf("%v of generation %d goes on after %d registrations", r.self, r.generation, *registered)
		}
		n.current.Load().post(func(m *member.Member) { m.Answered(&member.Beat{}, nil, registry.ErrOtherGeneration) })
		time.Sleep(time.Second) //nolint:forbidigo // in a bubble
		synctest.Wait()
		if *registered != 2 || n.current.Load().over() {
			t.Errorf("after %d registrations it has ended: %v", registered, n.current.Load().over())
		}
		cancel()
		if err := <-ended; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

// What a node is configured with may be what ends it: then it frees its id, and says why.
// If it has served at its address it goes on, since the network may have changed.
func TestNodeThatCannotServe(t *testing.T) {
	for name, tc := range map[string]struct {
		reason error
		served bool
		goesOn bool
	}{
		"address":              {reason: member.ErrAdvertised},
		"address of a member":  {reason: member.ErrAdvertised, served: true, goesOn: true},
		"state":                {reason: member.ErrCannotLoad},
		"state, was a member":  {reason: member.ErrCannotLoad, served: true},
		"excluded, not served": {reason: member.ErrExcluded, goesOn: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logLines
				client := quietRegistry()
				registered := uint64(0)
				client.register = func(context.Context, membership.Registration) (uint64, *membership.Directive, error) {
					registered++
					return registered, directiveTo(registered, false), nil
				}
				var asked []leaveRequest
				client.leave = func(_ context.Context, from membership.From, force bool, reason string) error {
					asked = append(asked, leaveRequest{from, force, reason})
					return nil
				}
				n := runningNode(client, &log)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ended := make(chan error, 1)
				go func() { ended <- n.incarnations(ctx) }()
				synctest.Wait()
				fail := func(reason error) {
					r := n.current.Load()
					r.post(func(m *member.Member) { m.Fail(fmt.Errorf("at n2: %w", reason)) })
					time.Sleep(2 * mostPause) //nolint:forbidigo // in a bubble
					synctest.Wait()
				}
				if tc.served {
					r := n.current.Load()
					r.post(func(*member.Member) { r.host().Event(member.Serves{First: true}) })
					fail(member.ErrExcluded)
				}
				before := registered
				fail(tc.reason)
				if goesOn := len(ended) == 0; goesOn != tc.goesOn || goesOn != (registered > before) || goesOn != (len(asked) == 0) {
					t.Errorf("it goes on: %v, registered %d times and then %d, asked to leave %d times", goesOn, before, registered, len(asked))
				}
				if !tc.goesOn {
					want := leaveRequest{membership.From{ID: "n1", Incarnation: before, Group: 7, Generation: 1}, false, ""}
					if len(asked) == 1 {
						want.reason = asked[0].reason
					}
					if err := <-ended; !errors.Is(err, ErrConfig) || !errors.Is(err, tc.reason) {
						t.Errorf("it ends with %v", err)
					}
					if len(asked) != 1 || asked[0] != want || !strings.Contains(want.reason, "at n2: ") {
						t.Errorf("it asks %+v", asked)
					}
					return
				}
				cancel()
				if err := <-ended; !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
			})
		})
	}
}

// A node that gives up asks the registry until that has heard it, for the detection time.
func TestWithdraw(t *testing.T) {
	unreachable := registry.ErrUnreachable
	for name, tc := range map[string]struct {
		answers []error // the last one for ever
		asked   int
		within  time.Duration
		warns   bool
	}{
		"at once":       {answers: []error{nil}, asked: 1},
		"third time":    {answers: []error{unreachable, registry.ErrDegraded, nil}, asked: 3, within: 2 * askAgain},
		"refused":       {answers: []error{unreachable, registry.ErrMinMembers}, asked: 2, within: askAgain, warns: true},
		"not known":     {answers: []error{unreachable, registry.ErrUnknownNode}, asked: 2, within: askAgain, warns: true},
		"never reached": {answers: []error{unreachable}, asked: 6, within: 1100 * time.Millisecond, warns: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newLone(t, Config{})
				h.do(func(m *member.Member) { m.Directed(directiveOf(1100 * time.Millisecond)) })
				asked := 0
				client := &scriptedRegistry{leave: func(context.Context, membership.From, bool, string) error {
					asked++
					return tc.answers[min(asked, len(tc.answers))-1]
				}}
				h.reason = member.ErrAdvertised
				n, _ := loneNode()
				n.client = client
				began := time.Now()
				n.withdraw(t.Context(), h.replica)
				if took := time.Since(began); asked != tc.asked || took != tc.within {
					t.Errorf("%d questions in %v", asked, took)
				}
				if warns := h.count(slog.LevelWarn, "stopped without leaving") == 1; warns != tc.warns {
					t.Errorf("it warns: %v", warns)
				}
			})
		})
	}
}

// inUse is a registry's refusal of an id that another node has.
func inUse(silent, detection time.Duration, beats uint64) error {
	return fmt.Errorf("%w: %w", registry.ErrIDInUse, &usedBy{registry.InUseError{Holder: "n1#1", Silent: silent, Detection: detection, Beats: beats}})
}

// usedBy has a text, which the error of a test lacks.
type usedBy struct{ registry.InUseError }

func (u *usedBy) Error() string { return "n1#1 has it" }

func (u *usedBy) As(target any) bool {
	if in, ok := target.(**registry.InUseError); ok {
		*in = &u.InUseError
		return true
	}
	return false
}

// What a registration that fails comes to, at the first start and later.
func TestRegister(t *testing.T) {
	type answer struct {
		err   error
		group uint64
		after time.Duration // the question before
		asks  uint64        // group
	}
	const known = 7
	unreachable := registry.ErrUnreachable
	for name, tc := range map[string]struct {
		first, served bool
		group         uint64 // that the node was in
		answers       []answer
		want          error
		warns         int
	}{
		"taken":                    {first: true, answers: []answer{{group: known}}},
		"taken again":              {group: known, answers: []answer{{group: known, asks: known}}},
		"not reached":              {first: true, answers: []answer{{err: unreachable}}, want: unreachable},
		"not reached, known group": {first: true, group: known, answers: []answer{{err: unreachable, asks: known}}, want: unreachable},
		"other group":              {first: true, group: known, answers: []answer{{err: registry.ErrOtherGroup, asks: known}, {group: 8}}, warns: 1},
		"any group":                {first: true, answers: []answer{{err: registry.ErrOtherGroup}}, want: registry.ErrOtherGroup},
		"wrong answer":             {first: true, group: known, answers: []answer{{group: 8, asks: known}}, want: registry.ErrOtherGroup},
		"not reached, run":         {group: known, answers: []answer{{err: unreachable, asks: known}, {err: unreachable, asks: known, after: 50}, {err: unreachable, asks: known, after: 100}, {err: unreachable, asks: known, after: 200}, {err: unreachable, asks: known, after: 400}, {err: unreachable, asks: known, after: 800}, {err: unreachable, asks: known, after: 1000}, {group: known, asks: known, after: 1000}}, warns: 7},
		"other group, run":         {group: known, answers: []answer{{err: registry.ErrOtherGroup, asks: known}, {group: 8, asks: known, after: 50}, {group: known, asks: known, after: 100}}, warns: 2},
		"in use": {first: true, answers: []answer{
			{err: inUse(0, time.Second, 5)}, {err: inUse(900*time.Millisecond, time.Second, 5), after: 250}, {err: inUse(time.Second, time.Second, 5), after: 100}, {group: known, after: 20},
		}, warns: 1},
		"in use by one that lives": {first: true, answers: []answer{{err: inUse(0, time.Second, 5)}, {err: inUse(0, time.Second, 7), after: 250}}, want: registry.ErrIDInUse, warns: 1},
		"in use, has served":       {served: true, group: known, answers: []answer{{err: inUse(0, time.Second, 5), asks: known}, {err: inUse(0, time.Second, 9), asks: known, after: 50}, {group: known, asks: known, after: 100}}, warns: 2},
		"in use, has not served":   {group: known, answers: []answer{{err: inUse(0, time.Second, 5), asks: known}, {err: inUse(0, time.Second, 7), asks: known, after: 250}}, want: registry.ErrIDInUse, warns: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logLines
				asked, last := 0, time.Now()
				var before context.Context
				client := &scriptedRegistry{register: func(ctx context.Context, req membership.Registration) (uint64, *membership.Directive, error) {
					if asked == len(tc.answers) {
						t.Fatal("it asks again")
					}
					a := tc.answers[asked]
					want := membership.Registration{ID: "n1", PeerAddr: "n1:1", ClientAddr: "n1:1", Group: a.asks, FeatureLevel: wire.LevelNewest}
					if a.asks != 0 {
						want.ProvedDead = 3
					}
					if req != want {
						t.Errorf("question %d is %+v, want %+v", asked, req, want)
					}
					if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) != registryPatience {
						t.Errorf("question %d may take until %v", asked, deadline)
					}
					if before != nil && before.Err() == nil {
						t.Errorf("question %d: the context of the one before has not ended", asked)
					}
					before = ctx
					if pause := time.Since(last); pause != a.after*time.Millisecond {
						t.Errorf("question %d comes after %v, want %v", asked, pause, a.after*time.Millisecond)
					}
					asked, last = asked+1, time.Now()
					d := directiveTo(4, false)
					d.Group = a.group
					return 4, d, a.err
				}}
				n := runningNode(client, &log)
				if tc.group != 0 {
					n.identity.last = identityRecord{ID: "n1", Group: tc.group, Incarnation: 3}
				}
				r, err := n.register(t.Context(), tc.first, tc.served)
				if !errors.Is(err, tc.want) || asked != len(tc.answers) || (r == nil) != (tc.want != nil) {
					t.Fatalf("after %d questions: %v", asked, err)
				}
				if warns := strings.Count(strings.Join(log.lines(), "\n"), "level=WARN"); warns != tc.warns {
					t.Errorf("%d warnings: %s", warns, strings.Join(log.lines(), "\n"))
				}
				if r != nil {
					if r.self.Incarnation != 4 || n.identity.last.Incarnation != 4 {
						t.Errorf("it is %v, and records %+v", r.self, n.identity.last)
					}
					r.net.Close()
				}
			})
		})
	}
}

// A node that is to stop while it registers does.
func TestRegisterEnds(t *testing.T) {
	for name, answer := range map[string]error{
		"while it asks":             nil,
		"while it waits":            registry.ErrUnreachable,
		"while it waits for its id": inUse(0, time.Minute, 1),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logLines
				n := runningNode(&scriptedRegistry{register: func(ctx context.Context, _ membership.Registration) (uint64, *membership.Directive, error) {
					if answer != nil {
						return 0, nil, answer
					}
					<-ctx.Done()
					return 0, nil, ctx.Err()
				}}, &log)
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				began := time.Now()
				if _, err := n.register(ctx, false, false); !errors.Is(err, ErrClosed) || time.Since(began) != time.Millisecond {
					t.Errorf("after %v: %v", time.Since(began), err)
				}
				if warns := strings.Contains(strings.Join(log.lines(), ""), "does not accept this node again"); warns != (answer == registry.ErrUnreachable) { //nolint:errorlint // the very same
					t.Errorf("it logs %s", log.lines())
				}
			})
		})
	}
}

// closingListener is closed with an error, or was closed before.
type closingListener struct {
	net.Listener
	err error
}

func (l closingListener) Close() error { return l.err }

// closingConn notes that it was closed.
type closingConn struct {
	net.Conn
	closed chan struct{}
	err    error
}

func (c *closingConn) Close() error { close(c.closed); return c.err }

// A node that ends gives up all that it holds before it says so, and logs what it cannot
// give up. A listener that was closed before is none of that.
func TestFinish(t *testing.T) {
	for name, tc := range map[string]struct {
		listener, conn error
		logs           bool
	}{
		"in good order":    {},
		"closed before":    {listener: net.ErrClosed},
		"a bad listener":   {listener: errors.New("a bad thing"), logs: true},
		"a bad connection": {conn: errors.New("a bad thing"), logs: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logLines
				client := quietRegistry()
				n := runningNode(client, &log)
				n.listener = closingListener{err: tc.listener}
				ctx, cancel := context.WithCancel(t.Context())
				n.cancel = cancel
				conn := &closingConn{closed: make(chan struct{}), err: tc.conn}
				if !n.conns.Add(conn) {
					t.Fatal("the connection is not taken")
				}
				undone, worked := false, false
				lock, err := os.Create(filepath.Join(t.TempDir(), "lock"))
				if err != nil {
					t.Fatal(err)
				}
				n.identity.lock, n.identity.undo = lock, func() { undone = true }
				n.background.Go(func() {
					<-ctx.Done()
					<-conn.closed
					time.Sleep(time.Second) //nolint:forbidigo // in a bubble
					if client.closed || undone {
						t.Error("the node gives up what its goroutines need")
					}
					worked = true
				})
				reason := errors.New("the reason")
				n.finish(reason)
				<-n.done
				if !worked || !client.closed || !undone || lock.Close() == nil || n.Err() != reason { //nolint:errorlint // the very same
					t.Errorf("background %v, registry %v, identity %v, %v", worked, client.closed, undone, n.Err())
				}
				if logs := strings.Contains(strings.Join(log.lines(), ""), "a bad thing"); logs != tc.logs || !logs && log.lines()[0] != "" {
					t.Errorf("it logs %q", log.lines())
				}
			})
		})
	}
}

// An incarnation that cannot be recorded does not begin, and neither does one that
// cannot have links: nothing of it runs.
func TestReplicaThatCannotBegin(t *testing.T) {
	checkLeaks(t)
	var log logLines
	client := quietRegistry()
	retracted := 0
	client.leave = func(context.Context, membership.From, bool, string) error { retracted++; return nil }
	n := runningNode(client, &log)
	n.identity.dir = filepath.Join(t.TempDir(), "missing")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := n.newReplica(ctx, 1, directiveTo(1, false)); r != nil || !errors.Is(err, ErrClosed) || retracted != 1 {
		t.Errorf("one that cannot be recorded: %v, it is given up %d times", err, retracted)
	}
	n.identity.dir, n.cfg.ID, n.cfg.EventLoop = "", "", true
	if r, err := n.newReplica(ctx, 1, directiveTo(1, false)); r != nil || err == nil {
		t.Errorf("one without an id: %v", err)
	}
}

// A replica has what its group and its node are configured with.
func TestReplicaIsConfigured(t *testing.T) {
	checkLeaks(t)
	for _, delivery := range []membership.Delivery{membership.Safe, membership.Agreed} {
		var log logLines
		n := runningNode(quietRegistry(), &log)
		n.cfg.Window, n.cfg.MaxBatchBytes, n.cfg.MaxAdmittedBytes, n.cfg.MaxValueBytes, n.cfg.EventLoop = 3, 5000, 7000, 11000, true
		d := directiveTo(9, false)
		d.Base, d.Settings.Delivery, d.Settings.SessionTTL = 100, delivery, 17*time.Second
		r, err := n.newReplica(t.Context(), 9, d)
		if err != nil {
			t.Fatal(err)
		}
		self := isis.MemberID{ID: "n1", Incarnation: 9}
		want := isis.Config{
			Self: self, Base: 100, Agreed: delivery == membership.Agreed, Window: 3, MaxUndelivered: 24, MaxUndeliveredBytes: 3 << 20,
			MaxBatchBytes: 5000, MaxPendingBytes: 14000,
		}
		if got := n.cfg.core(self, d); !reflect.DeepEqual(got, want) {
			t.Errorf("its core has %+v, want %+v", got, want)
		}
		if limits := (store.Limits{MaxKeyBytes: 1 << 10, MaxValueBytes: 11000, SessionTTL: 17 * time.Second}); r.limits() != limits || r.front.limits != limits {
			t.Errorf("its limits are %+v, and those of its clients %+v", r.limits(), r.front.limits)
		}
		if r.self != self || r.group != 7 || r.generation != 1 || r.next != d || r.detection() != d.Settings.Detection {
			t.Errorf("it is %+v of group %d, generation %d, with a detection time of %v", r.self, r.group, r.generation, r.detection())
		}
		if r.reader.State().Applied() != 100 {
			t.Errorf("it begins at %d", r.reader.State().Applied())
		}
		if runtime.GOOS == "linux" && (len(r.loops) == 0 || r.linkLoop() != r.loops[0]) {
			t.Errorf("%d loops read its connections", len(r.loops))
		}
		r.post(func(m *member.Member) { m.Fail(ErrClosed) })
		<-r.ended
		r.net.Close()
		r.closeLoops()
	}
}
