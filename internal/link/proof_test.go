package link

import (
	"errors"
	"fmt"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// keyed gives the ends of a link their keys.
func (e *ends) keyed(a, b Key) {
	e.a.Set(Peer{MemberID: idb, Addr: "b:1", Bound: 1, Key: a})
	e.b.Set(Peer{MemberID: ida, Addr: "a:1", Bound: 1, Key: b})
}

// judged is what the accepting end has made of a Hello: its answer, and why the link does
// not take it.
func (e *ends) judged(h wire.Hello) error {
	g, refusal := e.a.node.Judge(&h, func(yield func(isis.MemberID) bool) { yield(idb) })
	if refusal != nil {
		return fmt.Errorf("%w: %s", ErrRefused, refusal.Message)
	}
	return e.a.Greeted(g)
}

// What does not prove that it comes from the peer changes nothing: the connection stays, and
// the peer's next dial counts.
func TestUnprovedGreetings(t *testing.T) {
	e := newEnds(t)
	e.keyed(Key{1}, Key{1})
	e.dial()
	valid, _ := e.b.Hello()
	forged := func(dial uint64) []byte {
		return Greeting{From: idb, To: ida, Dial: dial, Claim: Claim{Epoch: 99}}.append(nil)
	}
	for name, extra := range map[string][]byte{
		"without a proof":       forged(1 << 62),
		"a proof of zeros":      append(forged(1<<62), make([]byte, proofBytes)...),
		"a proof by another":    append(forged(1<<62), Key{2}.prove(7, 3, forged(1<<62))...),
		"by the zero key":       append(forged(1<<62), Key{}.prove(7, 3, forged(1<<62))...),
		"of another group":      append(forged(1<<62), Key{1}.prove(8, 3, forged(1<<62))...),
		"of another generation": append(forged(1<<62), Key{1}.prove(7, 4, forged(1<<62))...),
		"of another greeting":   append(forged(1<<62), valid.Extra[len(valid.Extra)-proofBytes:]...),
	} {
		h := valid
		h.Extra = extra
		if err := e.judged(h); !errors.Is(err, ErrUnproved) {
			t.Errorf("%s: %v", name, err)
		}
		if s := e.a.Status(); !s.Connected || s.Dead != nil || s.Broken != nil {
			t.Errorf("%s: the link is %+v", name, s)
		}
	}
	if err := e.judged(valid); err != nil {
		t.Errorf("the peer's own: %v", err)
	}
	e.a.Todo()
	e.dial()
}

// A peer without a key is of an earlier release, and believed; one that has a key proves who
// it is to those that do not look at it.
func TestGreetingsOfAnEarlierRelease(t *testing.T) {
	for name, keys := range map[string][2]Key{"both": {}, "the accepting end": {{}, {1}}} {
		e := newEnds(t)
		e.keyed(keys[0], keys[1])
		if e.dial(); !e.a.Status().Connected {
			t.Errorf("%s: %+v", name, e.a.Status())
		}
	}
	e := newEnds(t)
	e.keyed(Key{1}, Key{}) // not told yet
	h, _ := e.b.Hello()
	if err := e.judged(h); !errors.Is(err, ErrUnproved) {
		t.Errorf("a peer that does not know its key yet: %v", err)
	}
	g, _ := decodeGreeting(h.Extra)
	if r := e.a.Unproved(g); r.Status != wire.StatusUnavailable || r.Info.NodeID != ida.ID || r.Message != "the greeting does not prove that "+idb.String()+" sends it (yet)" {
		t.Errorf("it is told %+v", r)
	}
	e.keyed(Key{1}, Key{1})
	e.dial()
	if got := fmt.Sprint(Key{1}, struct{ Key Key }{Key{1}}); got != "a key {a key}" {
		t.Errorf("printed: %s", got)
	}
}
