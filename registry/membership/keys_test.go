package membership

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// keyedGroup is a group of two members with keys and one, c, of an earlier release.
func keyedGroup(t *testing.T) (s *sim, a, b, c *simNode) {
	t.Helper()
	s = newSim(Settings{})
	register := func(id string, level uint32) *simNode {
		n, err := s.register(Registration{ID: id, FeatureLevel: level})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	c, a, b = register("c", KeyLevel-1), register("a", KeyLevel), register("b", KeyLevel)
	s.run(time.Second)
	return s, a, b, c
}

// Two nodes are told one key, which no other node is told, and none of one that does not
// know what to do with it.
func TestKeys(t *testing.T) {
	s, a, b, c := keyedGroup(t)
	keys := func(n *simNode, shown Key) map[uint64]Key {
		from := n.from()
		from.Key = shown
		d, err := s.g.Directive(from, 0)
		if err != nil {
			t.Fatal(err)
		}
		return d.Keys
	}
	of := map[*simNode]map[uint64]Key{a: keys(a, s.g.OwnKey(a.inc)), b: keys(b, s.g.OwnKey(b.inc))}
	if of[a][b.inc] != of[b][a.inc] || of[a][b.inc] == (Key{}) || of[a][a.inc] != s.g.OwnKey(a.inc) || len(of[a]) != 2 || len(of[b]) != 2 {
		t.Errorf("%x, %x", of[a], of[b])
	}
	for name, got := range map[string]map[uint64]Key{
		"who shows none":                   keys(a, Key{}),
		"who shows another's":              keys(a, s.g.OwnKey(b.inc)),
		"who shows a key of two":           keys(a, of[a][b.inc]),
		"a node of an earlier release":     keys(c, s.g.OwnKey(c.inc)),
		"one of an earlier release, blank": keys(c, Key{}),
	} {
		if got != nil {
			t.Errorf("%s is told %x", name, got)
		}
	}
	// A member is told them again only with the names.
	d, err := s.g.Directive(From{ID: a.id, Incarnation: a.inc, Group: a.group, Generation: a.gen, Key: s.g.OwnKey(a.inc)}, a.view)
	if err != nil || len(d.Views) != 0 || len(d.Keys) != 1 || d.Keys[a.inc] != s.g.OwnKey(a.inc) {
		t.Errorf("%+v, %v", d, err)
	}
}

// A registry that had no secret makes one; nodes that were registered before have no keys.
func TestKeysOfAnEarlierRecord(t *testing.T) {
	s, a, _, _ := keyedGroup(t)
	if again := s.saved.WithSecret(Key{9}); again.Secret != s.saved.Secret || again.KeyedFrom != 1 {
		t.Error("the secret of a group changes")
	}
	s.saved.Secret, s.saved.KeyedFrom = Key{}, 0 // as an earlier release has it
	s.saved = s.saved.WithSecret(Key{9})
	s.restart()
	from := a.from()
	from.Key = s.g.OwnKey(a.inc)
	if d, err := s.g.Directive(from, 0); err != nil || d.Keys != nil {
		t.Errorf("%+v, %v", d, err)
	}
	n, err := s.register(Registration{ID: "d", FeatureLevel: KeyLevel})
	if err != nil {
		t.Fatal(err)
	}
	from = n.from()
	from.Key = s.g.OwnKey(n.inc)
	if d, err := s.g.Directive(from, 0); err != nil || len(d.Keys) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
}

// No key is printed, and no status has any.
func TestKeysStaySecret(t *testing.T) {
	s, a, _, _ := keyedGroup(t)
	from := a.from()
	from.Key = s.g.OwnKey(a.inc)
	d, err := s.g.Directive(from, 0)
	if err != nil {
		t.Fatal(err)
	}
	key := fmt.Sprint([16]byte(from.Key))
	for _, v := range []any{d, from, s.saved, s.g.Status(s.now)} {
		for _, format := range []string{"%v", "%+v", "%#v"} {
			if text := fmt.Sprintf(format, v); strings.Contains(text, strings.Trim(key, "[]")) {
				t.Errorf("%s of a %T: %s", format, v, text)
			}
		}
	}
}

// A node leaves by its own wish, which it shows by its key. One of an earlier release, which
// has none and is closed by force, does too, but not as the last member.
func TestMayLeave(t *testing.T) {
	s, a, b, c := keyedGroup(t)
	by := func(n *simNode, shown Key) From {
		from := n.from()
		from.Key = shown
		return from
	}
	for name, tc := range map[string]struct {
		from  From
		force bool
		may   bool
	}{
		"with its key":                    {by(a, s.g.OwnKey(a.inc)), false, true},
		"with its key, by force":          {by(a, s.g.OwnKey(a.inc)), true, true},
		"without a key":                   {by(a, Key{}), false, false},
		"with another's":                  {by(a, s.g.OwnKey(b.inc)), true, false},
		"of an earlier release":           {by(c, Key{}), false, true},
		"of an earlier release, by force": {by(c, Key{}), true, true},
		"of nobody":                       {From{ID: "x", Incarnation: 99}, true, true},
	} {
		if got := s.g.MayLeave(tc.from, tc.force); got != tc.may {
			t.Errorf("%s: %v", name, got)
		}
	}
	a.dead, b.dead = true, true
	s.run(10 * time.Second)
	if v, _ := s.saved.Committed(); len(v.Members) != 1 || s.g.MayLeave(by(c, Key{}), true) || !s.g.MayLeave(by(c, Key{}), false) {
		t.Errorf("the last member, of an earlier release, by force: %v, without: %v, in %s",
			s.g.MayLeave(by(c, Key{}), true), s.g.MayLeave(by(c, Key{}), false), s.members())
	}
}
