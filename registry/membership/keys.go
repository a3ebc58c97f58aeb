package membership

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
)

// Every two nodes share a key, by which each proves to the other who it is, and each node
// shares one with the registry. They follow from one secret of the group, which only the
// registry knows. A node is told its own keys, in directives: at its registration, and
// later if it shows the key that it shares with the registry. Statuses have none.

// Key is a secret of two. The zero Key is none.
type Key [16]byte

// String keeps a key out of logs and errors.
func (Key) String() string { return "a key" }

// GoString keeps it out of what %#v prints.
func (Key) GoString() string { return "a key" }

// KeyLevel is the feature level of nodes that prove who they are.
const KeyLevel = 5

// WithSecret returns the state with a secret for keys, unless it has one. Nodes
// that were registered without it have no keys, ever.
func (s State) WithSecret(secret Key) State {
	if s.Secret == (Key{}) {
		s.Secret, s.KeyedFrom = secret, s.NextIncarnation
	}
	return s
}

// keyed tells whether a node has keys.
func (s *State) keyed(m Member) bool {
	return s.Secret != (Key{}) && m.Incarnation >= s.KeyedFrom && m.FeatureLevel >= KeyLevel
}

// key is what two incarnations share. That of one with itself it shares with the
// registry. All inputs are of one length, so a plain hash is enough.
func (s *State) key(a, b uint64) Key {
	in := make([]byte, 0, len(s.Secret)+16)
	in = append(in, s.Secret[:]...)
	in = binary.LittleEndian.AppendUint64(in, min(a, b))
	in = binary.LittleEndian.AppendUint64(in, max(a, b))
	sum := sha256.Sum256(in)
	return Key(sum[:len(Key{})])
}

// OwnKey is what a node shares with the registry.
func (g *Group) OwnKey(incarnation uint64) Key { return g.state.key(incarnation, incarnation) }

// shows tells whether a request comes from the node that it names, which has keys.
func (g *Group) shows(from From, m Member) bool {
	own := g.OwnKey(m.Incarnation)
	return g.state.keyed(m) && subtle.ConstantTimeCompare(own[:], from.Key[:]) == 1
}

// keysFor returns the keys of a node with itself and with all that d names, nil if it has none or
// has not shown that it is that node.
func (g *Group) keysFor(from From, m Member, d *Directive) map[uint64]Key {
	if !g.shows(from, m) {
		return nil
	}
	keys := map[uint64]Key{m.Incarnation: from.Key}
	add := func(members []Member) {
		for _, other := range members {
			if g.state.keyed(other) {
				keys[other.Incarnation] = g.state.key(m.Incarnation, other.Incarnation)
			}
		}
	}
	for _, v := range d.Views {
		add(v.Members)
	}
	if d.Attempt != nil {
		add(d.Attempt.View.Members)
	}
	add(d.Joining)
	return keys
}

// Is tells whether a request comes from the node that it names: it shows the node's key. One
// without keys, of an earlier release, cannot show that. A request of a node that is not known
// changes nothing.
func (g *Group) Is(from From) bool {
	n := g.known(from)
	return n == nil || g.shows(from, n.member)
}

// MayLeave tells whether a request to leave, by force or not, may come from the node that
// it names: the node shows its key. One without keys is of an earlier release, and is
// believed, unless it is the last member and forced, so that the group's state would go.
// (That release closes every node by force.) A request of a node that is not known changes
// nothing.
func (g *Group) MayLeave(from From, force bool) bool {
	n := g.known(from)
	if n == nil || g.shows(from, n.member) {
		return true
	}
	return !g.state.keyed(n.member) && (!force || len(g.committed().Members) > 1)
}
