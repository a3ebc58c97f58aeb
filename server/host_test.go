package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// noLinks is a member's links with nobody.
type noLinks struct{}

func (noLinks) Send(isis.MemberID, *isis.Message)           {}
func (noLinks) Flush()                                      {}
func (noLinks) SetPeers([]link.Peer)                        {}
func (noLinks) AppendPeers(dst []link.Status) []link.Status { return dst }
func (h *lone) lines() (all string)                         { return strings.Join(h.log.lines(), "\n") }

func (h *lone) count(level slog.Level, part string) (n int) {
	for _, line := range h.log.lines() {
		if strings.Contains(line, "level="+level.String()+" ") && strings.Contains(line, part) {
			n++
		}
	}
	return n
}

// lone is a replica without a network: a host whose member a test asks in its place.
type lone struct {
	*replica
	host host
	log  logLines
}

// newLone returns a lone replica, which runs until the test ends.
func newLone(t *testing.T, cfg Config) *lone {
	t.Helper()
	h := &lone{}
	cfg = cfg.withDefaults()
	ctx, cancel := context.WithCancel(t.Context())
	r := &replica{
		cfg: &cfg, log: slog.New(slog.NewTextHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		self: isis.MemberID{ID: "n1", Incarnation: 1}, ctx: ctx,
		ended: make(chan struct{}), joined: make(chan struct{}), lease: leaseSignal{held: make(chan struct{})},
		beats:  make(chan *member.Beat, 1),
		leaves: leaves{asked: make(chan leaveRequest, 1), refused: make(chan refusal, 1)},
	}
	h.replica, h.host = r, host{r}
	r.init(cfg.MaxAdmittedBytes, r)
	r.newTimers()
	r.member = member.New(member.Config{Core: isis.Config{Self: r.self}, Settings: membership.Settings{Detection: time.Minute, Heartbeat: time.Second, Tick: time.Hour, Audit: time.Hour}, Clock: cfg.clock, Links: noLinks{}, Host: h.host, Doubt: r.doubt})
	r.reader = r.member.Reader()
	r.front = &front{cfg: r.cfg, log: r.log, node: "n1", limits: r.limits(), reader: r.reader, turns: r, ended: r.ended, goOn: r.goOn, info: r.info, status: r.status}
	r.front.begin()
	t.Cleanup(func() {
		cancel()
		r.post(func(m *member.Member) { m.Fail(ErrClosed) })
		<-r.ended
		r.background.Wait()
	})
	return h
}

// The newest heartbeat replaces one that was not sent, and says how many clients there are.
func TestHeartbeatReplacesOlder(t *testing.T) {
	h := newLone(t, Config{})
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	h.front.clients.add(newClientConn(h.front, near, nil))
	for position := range uint64(3) {
		h.host.Beat(&member.Beat{Report: membership.Report{Figures: membership.Figures{Position: position}}})
	}
	if b := <-h.beats; b.Report.Position != 2 || b.Report.Clients != 1 {
		t.Errorf("%+v", b.Report)
	}
	if len(h.beats) != 0 {
		t.Error("an older one is left")
	}
}

// A transfer ends when the member asks for another, or for none, and the member is told.
func TestOneTransferAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialled := make(chan context.Context)
		h := newLone(t, Config{Dial: func(ctx context.Context, _ string) (net.Conn, error) {
			dialled <- ctx
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		h.post(func(*member.Member) { h.host.Observe(&member.Transfer{}) })
		first := <-dialled
		h.following = true
		h.post(func(*member.Member) { h.host.Observe(&member.Transfer{}) })
		second := <-dialled
		if first.Err() == nil || second.Err() != nil || h.following {
			t.Errorf("the first has ended: %v, the second: %v, following %v", first.Err(), second.Err(), h.following)
		}
		h.following = true
		h.post(func(*member.Member) { h.host.Observe(nil) })
		synctest.Wait()
		if second.Err() == nil || h.following {
			t.Errorf("the second has ended: %v, following %v", second.Err(), h.following)
		}
	})
}

// What keeps a joiner from being a member is there for people to read, and is logged when
// it is new.
func TestWhyNot(t *testing.T) {
	h := newLone(t, Config{})
	text := func(p interface{ Load() *string }) string {
		if s := p.Load(); s != nil {
			return *s
		}
		return ""
	}
	unlinked := func(ids ...string) []link.Status {
		var out []link.Status
		for _, id := range ids {
			out = append(out, link.Status{Peer: link.Peer{MemberID: isis.MemberID{ID: id, Incarnation: 7}, Addr: id + ":1"}, Broken: errors.New("transport: no route")})
		}
		return out
	}
	warned := func() int { return h.count(slog.LevelWarn, "no links to some members") }
	h.host.Event(member.Waits{Reason: "loads the state", Unlinked: unlinked("n2")})
	h.host.Event(member.Waits{Reason: "loads the state", Unlinked: unlinked("n2")})
	if text(&h.why.waitsFor) != "loads the state" || text(&h.why.unlinked) != "no link to n2#7 at n2:1, which it advertises: no route" {
		t.Errorf("waits for %q, %q", text(&h.why.waitsFor), text(&h.why.unlinked))
	}
	if n := h.count(slog.LevelInfo, "not a member yet"); n != 1 {
		t.Errorf("it is logged %d times that it is no member", n)
	}
	if warned() != 0 {
		t.Error("it warns of links before the state is loaded")
	}
	h.host.Event(member.Loaded{Position: 3})
	for range 3 {
		h.host.Event(member.Waits{Reason: "is not linked", Unlinked: unlinked("n2")})
	}
	if warned() != 1 {
		t.Errorf("it warns %d times of the same", warned())
	}
	if n := h.count(slog.LevelInfo, "not a member yet"); n != 2 {
		t.Errorf("it is logged %d times that it is no member, for two reasons", n)
	}
	h.host.Event(member.Waits{Reason: "is not linked", Unlinked: unlinked("n2", "n3")})
	if warned() != 1 {
		t.Error("it warns of what it has seen once")
	}
	h.host.Event(member.Waits{Reason: "is not linked", Unlinked: unlinked("n2", "n3")})
	if warned() != 2 || text(&h.why.unlinked) != "no link to n2#7 at n2:1, which it advertises: no route; no link to n3#7 at n3:1, which it advertises: no route" {
		t.Errorf("%d warnings, %q", warned(), text(&h.why.unlinked))
	}
	for range 3 {
		h.host.Event(member.Waits{Reason: "is linked"})
	}
	if warned() != 2 {
		t.Error("it warns of no member")
	}
	h.host.Event(member.Waits{})
	if text(&h.why.waitsFor) != "" {
		t.Errorf("a member waits for %q", text(&h.why.waitsFor))
	}
}

// The end of a transfer is told by what it means.
func TestEndsOfTransfers(t *testing.T) {
	donor := link.Peer{MemberID: isis.MemberID{ID: "n2", Incarnation: 5}}
	for name, tc := range map[string]struct {
		err    error
		needed bool
		again  bool // the second time
		level  slog.Level
		logged string
		why    string
	}{
		"not needed": {err: net.ErrClosed, level: slog.LevelDebug, logged: "the transfer from a member ended", why: "loading the state of n2#5: use of closed network connection"},
		"broken":     {err: net.ErrClosed, needed: true, level: slog.LevelInfo, logged: "the transfer from a member ended", why: "loading the state of n2#5: use of closed network connection"},
		"not reached": {
			err: fmt.Errorf("%w: no route", member.ErrUnreached), needed: true, level: slog.LevelWarn, logged: "cannot be reached", why: "no route",
		},
		"not reached again": {
			err: fmt.Errorf("%w: no route", member.ErrUnreached), needed: true, again: true, level: slog.LevelDebug, logged: "cannot be reached", why: "no route",
		},
		"damaged on the way": {err: store.ErrDigest, needed: true, level: slog.LevelError, logged: "sent a damaged state", why: "the state that n2#5 sent is damaged: " + store.ErrDigest.Error()},
		"damaged there": {
			err: member.ErrDonorDamaged, needed: true, level: slog.LevelWarn, logged: "cannot send its state",
			why: "the state of n2#5, which this node must load, is damaged: " + member.ErrDonorDamaged.Error(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newLone(t, Config{})
			h.following = true
			if tc.again {
				h.host.Event(member.TransferOver{Donor: donor, Err: tc.err, Needed: true})
			}
			before := h.count(tc.level, tc.logged)
			h.host.Event(member.TransferOver{Donor: donor, Err: tc.err, Needed: tc.needed})
			if h.count(tc.level, tc.logged) != before+1 || *h.why.unloaded.Load() != tc.why || h.following {
				t.Errorf("%s\n%q, following %v", h.lines(), *h.why.unloaded.Load(), h.following)
			}
			h.host.Event(member.Loaded{})
			if h.why.unloaded.Load() != nil || !h.following {
				t.Error("once a state is loaded, nothing keeps it from that")
			}
		})
	}
}

// Another member that is not reached is worth another warning.
func TestTwoThatAreNotReached(t *testing.T) {
	h := newLone(t, Config{})
	for _, where := range []string{"n2:1", "n3:1", "n3:1"} {
		h.host.Event(member.TransferOver{Err: fmt.Errorf("%w: dialling %s", member.ErrUnreached, where), Needed: true})
	}
	if n := h.count(slog.LevelWarn, "cannot be reached"); n != 2 {
		t.Errorf("%d warnings: %s", n, h.lines())
	}
}

// The log of damage says what follows from it.
func TestLogOfDamage(t *testing.T) {
	for want, e := range map[string]member.DamageFound{
		"": {Again: true},
		"there is more damage in the only copy of the state":                {Again: true, Alone: true},
		"the loaded state is damaged":                                       {Loaded: true},
		"another member has an intact copy":                                 {NotAlone: true},
		"refusing clients, leaving the group, and loading the state of ano": {},
	} {
		h := newLone(t, Config{})
		e.Err = errors.New("a bit")
		h.host.Event(e)
		if got := h.lines(); !strings.Contains(got, want) || (got == "") != (want == "") || want != "" && !strings.Contains(got, "a bit") {
			t.Errorf("%+v: %q", e, got)
		}
	}
}

// Whoever waits for a lease learns of each, and of the end of each.
func TestWhenLeased(t *testing.T) {
	h := newLone(t, Config{})
	held := func() bool {
		select {
		case <-h.lease.when():
			return true
		default:
			return false
		}
	}
	h.host.Event(member.Serves{First: true})
	select {
	case <-h.joined:
	default:
		t.Error("it has not joined")
	}
	if !held() || h.count(slog.LevelInfo, "serving clients again") != 0 {
		t.Errorf("it is held: %v; %s", held(), h.lines())
	}
	h.host.Event(member.Lapsed{})
	if held() || h.lines() != "" {
		t.Errorf("it is held: %v; %s", held(), h.lines())
	}
	h.host.Event(member.Serves{})
	h.host.Event(member.Lapsed{Expired: true, View: 3, Phase: isis.Wedged})
	if held() || h.count(slog.LevelInfo, "serving clients again") != 1 || h.count(slog.LevelWarn, "lease expired") != 1 || !strings.Contains(h.lines(), "phase=wedged") {
		t.Errorf("it is held: %v; %s", held(), h.lines())
	}
}

// The front's part of a turn: what was delivered, and the replies, once to each.
func TestEndOfTurn(t *testing.T) {
	var got []*wire.Delivery
	h := newLone(t, Config{OnDeliver: func(d *wire.Delivery) { got = append(got, d) }})
	d := &wire.Delivery{View: 1, Sender: "n1", Incarnation: 1, Seq: 1, First: 1, Count: 1, Payload: []byte{1}, Effects: []byte{1}}
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	f := newFeed(near, &h.front.deliveries)
	h.front.addFeed(h.member, f)
	h.host.Delivered(d)
	if len(got) != 1 || d.Effects != nil || f.Waiting() == 0 {
		t.Errorf("%d calls, effects %v, %d bytes wait in the feed", len(got), d.Effects, f.Waiting())
	}
	c := newClientConn(h.front, near, nil)
	h.front.touch(c)
	h.front.touch(c)
	if len(h.front.dirty) != 1 || !c.touched {
		t.Errorf("%d connections are to be flushed", len(h.front.dirty))
	}
	sink := &countingSink{}
	s := &localSink{f: h.front, sink: sink}
	s.Answer(1, 0, &wire.Reply{})
	s.Answer(2, 0, &wire.Reply{})
	for range 2 {
		h.front.endTurn(h.member)
	}
	if sink.calls != 1 || sink.outcomes != 2 || c.touched || len(h.front.dirty) != 0 {
		t.Errorf("%+v, touched %v", sink, c.touched)
	}
	h.front.end(errors.New("the end"))
	if ended, _ := f.standing(); !ended || h.front.feeds != nil {
		t.Error("the feed goes on")
	}
}

type countingSink struct{ calls, outcomes int }

func (s *countingSink) Settle(outcomes []wire.Outcome) {
	s.calls++
	s.outcomes += len(outcomes)
}

// The pulse of the member is that of the listings, too.
func TestPulseClosesListings(t *testing.T) {
	h := newLone(t, Config{})
	h.do(func(*member.Member) {
		l, _ := h.front.listingOf(&wire.ListQuery{}, time.Now().Add(-listLife-time.Second))
		if l == nil {
			t.Error("no listing")
		}
	})
	h.host.Timer(member.TimerPulse, 0)
	eventually(t, "the listing is closed", func() bool {
		open := 1
		h.do(func(*member.Member) { open = len(h.front.listings.open) })
		return open == 0
	})
}

// What a question to the registry comes to is logged as what it means, not too often.
func TestLeaveTrouble(t *testing.T) {
	h := newLone(t, Config{})
	var trouble leaveTrouble
	h.do(func(m *member.Member) { m.Leave(false) })
	for _, err := range []error{registry.ErrLastMember, registry.ErrMinMembers, nil} {
		trouble.tell(h.replica, err)
	}
	if h.lines() != "" {
		t.Errorf("it logs %s", h.lines())
	}
	for range 3 {
		trouble.tell(h.replica, registry.ErrDegraded)
	}
	if n := h.count(slog.LevelWarn, "has made no view without this node yet"); n != 1 {
		t.Errorf("it warns %d times", n)
	}
	h = newLone(t, Config{})
	trouble = leaveTrouble{}
	trouble.tell(h.replica, registry.ErrDegraded) // it neither leaves nor is damaged
	if h.lines() != "" {
		t.Errorf("it logs %s", h.lines())
	}
}

// A donor that stops in the middle of the state is given up after a while, and asked
// again. Once the state is there, it may be silent for as long as it likes.
func TestDonorThatStops(t *testing.T) {
	for name, loaded := range map[string]bool{"while it loads": false, "afterwards": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dials := 0
				h := newLone(t, Config{Dial: func(context.Context, string) (net.Conn, error) {
					dials++
					near, far := net.Pipe()
					go donateTo(far, loaded)
					return near, nil
				}})
				first := membership.Directive{
					Settings: membership.Settings{Detection: time.Minute, Heartbeat: time.Hour},
					Views:    []membership.View{{ID: 1, Members: []membership.Member{{ID: "n2", Incarnation: 2, PeerAddr: "n2:1"}}}},
				}
				h.post(func(m *member.Member) { m.Start(&first) })
				time.Sleep(member.JoinPatience - time.Second) //nolint:forbidigo // in a bubble
				synctest.Wait()
				if dials != 1 || h.count(slog.LevelInfo, "the transfer from a member ended") != 0 {
					t.Errorf("%d dials: %s", dials, h.lines())
				}
				time.Sleep(5 * time.Second) //nolint:forbidigo // in a bubble
				synctest.Wait()
				if again := dials > 1; again == loaded || h.following != loaded {
					t.Errorf("%d dials, following %v: %s", dials, h.following, h.lines())
				}
			})
		})
	}
}

// donateTo makes the handshake of a donor, sends an empty state if it is to, and is
// silent until the joiner hangs up.
func donateTo(conn net.Conn, loads bool) {
	if _, err := wire.ReadHello(conn); err != nil {
		return
	}
	if err := wire.WriteHelloReply(conn, wire.HelloReply{Status: wire.StatusOK, Version: wire.MaxVersion}); err != nil {
		return
	}
	if loads {
		b, _, _ := store.New(store.Limits{}).Snapshot().Next(wire.BeginFrame(nil, wire.FrameChunk), 1<<20)
		b = wire.EndFrame(b, 0)
		b = wire.EndFrame(wire.BeginFrame(b, wire.FrameLoaded), len(b))
		if _, err := conn.Write(b); err != nil {
			return
		}
	}
	_, _ = conn.Read(make([]byte, 1))
}

// hangingRegistry answers nothing.
type hangingRegistry struct {
	registryClient
	asked chan context.Context
}

func (h hangingRegistry) Heartbeat(ctx context.Context, _ membership.From, _ *membership.Report) (*membership.Directive, error) {
	h.asked <- ctx
	<-ctx.Done()
	return nil, ctx.Err()
}

// A registry that does not answer a heartbeat is asked again after the detection time.
func TestHeartbeatsHaveATime(t *testing.T) {
	h := newLone(t, Config{})
	asked := make(chan context.Context)
	h.background.Go(func() { h.sendHeartbeats(h.ctx, hangingRegistry{asked: asked}) })
	h.host.Beat(&member.Beat{})
	ctx := <-asked
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > h.detection() {
		t.Errorf("it may take until %v: %v", deadline, ok)
	}
}

// Whoever reads the deliveries misses none of the turn in which it begins: a joiner's
// snapshot was taken before them.
func TestFeedBeginsWithItsTurn(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour, Tick: time.Minute})
	g.start("n1", func(c *Config) { c.OnDeliver = nil }) // nobody else reads them
	c := g.client("n1")
	c.set("k", "before")
	r := g.nodes["n1"].current.Load()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	f := newFeed(near, &r.front.deliveries)
	release := g.hold("n1")
	var at uint64
	r.post(func(m *member.Member) {
		at = r.reader.State().Applied()
		r.front.addFeed(m, f)
	})
	w := &call{done: make(replies, 1)}
	w.raw = (&wire.Command{Op: wire.OpSet, Session: c.session, Seq: c.seq + 1, Floor: c.seq + 1, Key: "k"}).Append(nil)
	if r.submit(w) != 1 {
		t.Fatal("the write was not taken")
	}
	release()
	<-w.done
	b, err := f.Take(nil, false)
	if err != nil || len(b) == 0 {
		t.Fatalf("the reader has nothing: %v", err)
	}
	d, err := wire.DecodeDelivery(b[wire.HeaderBytes+1:])
	if err != nil || d.First != at+1 {
		t.Errorf("the first delivery is at %d, the reader began at %d: %v", d.First, at, err)
	}
}

// Timers stand still until the member asks for them, and fire once, after the time that
// it names.
func TestTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLone(t, Config{})
		for timer := range h.timers {
			if h.timers[timer].Stop() {
				t.Errorf("timer %d is on at first", timer)
			}
		}
		h.host.Timer(member.TimerLeave, time.Second)
		time.Sleep(time.Second - 1) //nolint:forbidigo // in a bubble
		if !h.timers[member.TimerLeave].Stop() {
			t.Error("it has fired early, or not begun")
		}
		h.host.Timer(member.TimerLeave, time.Second)
		time.Sleep(time.Second) //nolint:forbidigo // in a bubble
		if h.timers[member.TimerLeave].Stop() {
			t.Error("it has not fired")
		}
		h.doubt()
		synctest.Wait()
		if !h.timers[member.TimerPulse].Stop() {
			t.Error("nobody has looked at the lease: the pulse did not go on")
		}
	})
}

// What is asked of the registry is what the member says.
func TestAskToLeave(t *testing.T) {
	h := newLone(t, Config{})
	want := leaveRequest{membership.From{ID: "n1", Incarnation: 1, Group: 2, Generation: 3}, true, "damaged"}
	h.host.AskToLeave(want.from, want.force, want.reason)
	if got := <-h.leaves.asked; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Where nobody reads the deliveries they are not gathered: at first, and after the last
// reader has gone.
func TestDeliveriesThatNobodyReads(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour, Tick: time.Minute})
	n := g.start("n1", func(c *Config) { c.OnDeliver = nil })
	c := g.client("n1")
	r := n.current.Load()
	gathered := func() (deliveries int) {
		r.do(func(*member.Member) { n.cfg.OnDeliver = func(*wire.Delivery) { deliveries++ } })
		c.set("k", "v")
		r.do(func(*member.Member) { n.cfg.OnDeliver = nil })
		return deliveries
	}
	if n := gathered(); n != 0 {
		t.Errorf("%d deliveries are gathered before anybody reads", n)
	}
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	f := newFeed(near, &r.front.deliveries)
	r.do(func(m *member.Member) { r.front.addFeed(m, f) })
	c.set("k", "w")
	if f.Waiting() == 0 {
		t.Error("the reader has nothing")
	}
	f.close(net.ErrClosed)
	c.set("k", "x") // its turn finds that the reader has gone
	if n := gathered(); n != 0 {
		t.Errorf("%d deliveries are gathered after the last reader has gone", n)
	}
}

// A transfer that is given up hangs up, and so does one whose donor refuses.
func TestTransferHangsUp(t *testing.T) {
	for name, refuses := range map[string]bool{"given up": false, "refused": true} {
		synctest.Test(t, func(t *testing.T) {
			var dialled []*timedConn
			h := newLone(t, Config{Dial: pipes(&dialled, func(far net.Conn) {
				if !refuses {
					donateTo(far, true)
				} else if _, err := wire.ReadHello(far); err == nil {
					_ = wire.WriteHelloReply(far, wire.HelloReply{Status: wire.StatusUnavailable})
				}
			})})
			began := time.Now()
			h.do(func(m *member.Member) {
				m.Start(&membership.Directive{
					Settings: membership.Settings{Detection: time.Minute, Heartbeat: time.Hour},
					Views:    []membership.View{{ID: 1, Members: []membership.Member{{ID: "n2", Incarnation: 2, PeerAddr: "n2:1"}}}},
				})
			})
			synctest.Wait()
			if !refuses {
				if all := dialled[0].all; len(all) != 2 || !all[0].Equal(began.Add(time.Minute+2*time.Second)) || !all[1].IsZero() {
					t.Errorf("%s: its deadlines %v", name, all)
				}
				if h.transfers.Load() != 1 || dialled[0].wasClosed() {
					t.Errorf("%s: %d transfers, hung up: %v", name, h.transfers.Load(), dialled[0].wasClosed())
				}
				h.do(func(*member.Member) { h.host.Observe(nil) })
				synctest.Wait()
			}
			if !dialled[0].wasClosed() {
				t.Errorf("%s: the connection is left open", name)
			}
		})
	}
}
