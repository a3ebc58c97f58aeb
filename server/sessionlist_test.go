package server

import (
	"errors"
	"strings"
	"testing"

	driverside "github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// Every member lists the sessions, at or after the position that its client has seen.
func TestSessionsOverTheNetwork(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	c := g.client("n1")
	c.set("k", "v")
	conn := g.dial("n2")
	page, position, err := conn.Sessions(t.Context(), wire.SessionsQuery{}, c.seen)
	var refused *driverside.StatusError
	for errors.As(err, &refused) && again(refused.Status) {
		page, position, err = conn.Sessions(t.Context(), wire.SessionsQuery{}, c.seen)
	}
	if err != nil || position < c.seen || len(page.Sessions) != 1 || page.More || page.Sessions[0].Address != "embedded in n1" || page.Sessions[0].Writes != 1 {
		t.Fatalf("%+v at %d, seen %d, %v", page, position, c.seen, err)
	}
	id := page.Sessions[0].ID
	if page, _, err = conn.Sessions(t.Context(), wire.SessionsQuery{ID: id}, 0); err != nil || len(page.Sessions) != 1 || page.Sessions[0].ID != id {
		t.Errorf("%+v, %v", page, err)
	}
	if page, _, err = conn.Sessions(t.Context(), wire.SessionsQuery{After: id}, 0); err != nil || len(page.Sessions) != 0 {
		t.Errorf("%+v, %v", page, err)
	}
	_, _, err = conn.Sessions(t.Context(), wire.SessionsQuery{ID: id + 1}, 0)
	if !errors.As(err, &refused) || refused.Status != wire.StatusNotFound || !strings.Contains(refused.Text, "no session") {
		t.Errorf("a session that is none: %v", err)
	}
}

// A query that is none is refused, and harms nobody.
func TestSessionsOfGarbage(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(1)
	r := g.nodes["n1"].current.Load()
	for _, garbage := range []string{"", "\x00", "\x80\x00\x00", "\x00\x00\x00k"} {
		answers := make(replies, 1)
		r.do(func(m *member.Member) {
			r.front.listSessions(m, &member.Read{Key: garbage, Ticket: member.Ticket{Waiter: answers}})
		})
		if reply := <-answers; reply.Status != wire.StatusBadRequest {
			t.Errorf("%q: %+v", garbage, reply)
		}
	}
}

// One page is made at a time, whoever asks for how many.
func TestSessionPagesComeOneByOne(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(1)
	f := g.nodes["n1"].current.Load().front
	f.sessionPages <- struct{}{} // a page is under way
	const many = 20
	answers := make(replies, many)
	g.nodes["n1"].current.Load().do(func(m *member.Member) {
		for range many {
			f.listSessions(m, &member.Read{Key: string((&wire.SessionsQuery{}).Append(nil)), Ticket: member.Ticket{Waiter: answers}})
		}
	})
	g.client("n1").set("k", "v") // a turn of others
	if len(answers) > 0 {
		t.Errorf("%d pages beside one that is under way", len(answers))
	}
	<-f.sessionPages
	for range many {
		if reply := <-answers; reply.Status != wire.StatusOK {
			t.Errorf("%+v", reply)
		}
	}
	g.nodes["n1"].current.Load().do(func(*member.Member) {
		if len(f.sessionPages) > 0 {
			t.Error("a page that was answered is under way")
		}
	})
}
