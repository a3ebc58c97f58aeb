package server

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// Requests of one client that wait for a turn are bounded, and so are dear ones until they are
// answered. What more it sends waits in its connection, and is answered in the end.
func TestCallsOfAClientAreBounded(t *testing.T) {
	for name, tc := range map[string]struct {
		request wire.Request
		most    int64
	}{
		"strong reads": {wire.Request{Kind: wire.RequestGetStrong, Key: "k"}, maxCalls},
		"statuses":     {wire.Request{Kind: wire.RequestStatus}, maxCalls / dearCall},
		"audits":       {wire.Request{Kind: wire.RequestDigest}, maxCalls / dearCall},
		"sessions":     {wire.Request{Kind: wire.RequestWrite, Command: wire.Command{Op: wire.OpOpenSession}}, maxCalls / dearCall},
		"scans":        {wire.Request{Kind: wire.RequestScan, Key: string((&wire.ScanQuery{}).Append(nil)), Position: 1}, maxCalls / dearCall},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGroup(t, registry.Settings{})
			g.start("n1", nil)
			conn, frames := g.raw("n1")
			clients := &g.nodes["n1"].current.Load().front.clients
			eventually(t, "it is a client", func() bool { return clients.len() == 1 })
			c := clients.all(false)[0]
			release := g.hold("n1")
			const requests = 2 * maxCalls
			var b []byte
			for id := range uint64(requests) {
				tc.request.ID = id
				b = wire.AppendRequest(b, &tc.request)
			}
			go func() { _, _ = conn.Write(b) }() // what is answered has come
			eventually(t, "no other has room", func() bool { return c.calls.Load() >= maxCalls })
			if n := c.inFlight.Load(); n != tc.most {
				t.Errorf("%d requests are taken, want %d", n, tc.most)
			}
			release()
			answers := requests
			if tc.most < maxCalls {
				answers = 3 * int(tc.most) // the others take their time
			}
			for range answers {
				if _, _, err := frames.Next(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// All who ask for the status while one is to be made have the same, which is made after they
// have asked. Others wait for the next.
func TestStatusesAreShared(t *testing.T) {
	h := newLone(t, Config{})
	made := 0 // in turns
	h.front.status = func(*member.Member) *Status { made++; return &Status{ID: "n1", Position: uint64(made)} }
	a, b := newPiped(t, h.front), newPiped(t, h.front)
	h.front.statuses.ask(a.clientConn, 1)
	if reply := a.next(); reply.ID != 1 || reply.Position != 1 {
		t.Errorf("the first: %+v", reply)
	}
	// The next is not due, whatever the time that this takes.
	h.front.statuses.mu.Lock()
	h.front.statuses.made = time.Now().Add(time.Hour)
	h.front.statuses.mu.Unlock()
	h.front.statuses.ask(a.clientConn, 2)
	h.front.statuses.ask(b.clientConn, 3)
	h.do(func(*member.Member) {
		if made != 1 {
			t.Errorf("%d were made", made)
		}
	})
	if a.calls.Load() != dearCall || b.calls.Load() != dearCall {
		t.Errorf("%d and %d calls", a.calls.Load(), b.calls.Load())
	}
	go h.front.statuses.make() // in place of the timer
	if reply := a.next(); reply.ID != 2 || reply.Position != 2 || string(reply.Data) != string((&Status{ID: "n1", Position: 2}).encode()) {
		t.Errorf("the second: %+v", reply)
	}
	if reply := b.next(); reply.ID != 3 || reply.Position != 2 {
		t.Errorf("of another client: %+v", reply)
	}
	if a.calls.Load() != 0 || b.calls.Load() != 0 {
		t.Errorf("%d and %d calls", a.calls.Load(), b.calls.Load())
	}
}

// What is refused goes on to count for a while. More of the same do not start the time again.
func TestRefusalsCountForAWhile(t *testing.T) {
	h := newLone(t, Config{})
	answer := func(p *pipedClient, status wire.Status) {
		p.inFlight.Add(1)
		p.calls.Add(dearCall)
		(*dearWaiter)(p.clientConn).Answer(1, 0, &wire.Reply{Status: status})
	}
	a, b := newPiped(t, h.front), newPiped(t, h.front)
	a.calls.Store(2 * dearCall) // of two that were refused before: they have the timers
	a.refused.Store(dearCall)
	a.crowded.Store(dearCall)
	answer(a, wire.StatusTooManySessions)
	answer(a, wire.StatusTooManySessions)
	answer(a, wire.StatusNotOwner)
	answer(a, wire.StatusOK)
	if calls, refused, crowded := a.calls.Load(), a.refused.Load(), a.crowded.Load(); calls != 5*dearCall || refused != 2*dearCall || crowded != 3*dearCall {
		t.Errorf("%d calls, %d for refusals, %d since there are too many sessions", calls, refused, crowded)
	}
	answer(b, wire.StatusTooManySessions)
	answer(b, wire.StatusNotOwner)
	eventually(t, "they count no more", func() bool { return b.calls.Load() == 0 && b.refused.Load() == 0 && b.crowded.Load() == 0 })
}

// Refusals rest longer if others do at the time, so that many connections have no more of them
// than one.
func TestRefusalsRestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLone(t, Config{})
		refused := func() *pipedClient {
			p := newPiped(t, h.front)
			p.inFlight.Add(1)
			p.calls.Add(dearCall)
			(*dearWaiter)(p.clientConn).Answer(1, 0, &wire.Reply{Status: wire.StatusNotOwner})
			return p
		}
		rests := func(p *pipedClient, from time.Duration, want time.Duration) {
			t.Helper()
			time.Sleep(want - from - 1) //nolint:forbidigo // in a bubble
			synctest.Wait()
			if p.calls.Load() != dearCall {
				t.Errorf("it rests for less than %v", want)
			}
			time.Sleep(2 * time.Nanosecond) //nolint:forbidigo // in a bubble
			synctest.Wait()
			if p.calls.Load() != 0 {
				t.Errorf("it rests for more than %v", want)
			}
		}
		first, second := refused(), refused()
		rests(first, 0, refusalRest)
		rests(second, refusalRest+1, 2*refusalRest)
		if n := h.front.resting.Load(); n != 0 {
			t.Errorf("%d rest", n)
		}
		h.front.resting.Store(1000)
		rests(refused(), 0, mostRest)
	})
}
