package server

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// deliveryLog is what one node has told of its deliveries.
type deliveryLog struct {
	mu       sync.Mutex
	position uint64  // of the last command delivered, or of the snapshot
	begun    *uint64 // where a generation began that it is in from the beginning
	messages map[uint64]wire.Delivery
	faults   []string
	arrived  chan struct{} // closed at the next delivery
}

func newDeliveryLog() *deliveryLog {
	return &deliveryLog{messages: map[uint64]wire.Delivery{}, arrived: make(chan struct{})}
}

func (l *deliveryLog) deliver(d *wire.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.First != l.position+1 {
		l.faults = append(l.faults, fmt.Sprintf("position %d follows %d", d.First, l.position))
	}
	l.position = d.First + uint64(d.Count) - 1
	if _, again := l.messages[d.First]; again {
		l.faults = append(l.faults, fmt.Sprintf("position %d was delivered twice", d.First))
	}
	l.messages[d.First] = *d
	close(l.arrived)
	l.arrived = make(chan struct{})
}

// await returns the delivery that begins at a position, once it is here.
func (l *deliveryLog) await(t *testing.T, first uint64) (d wire.Delivery) {
	t.Helper()
	eventually(t, "a delivery", func() (known bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		d, known = l.messages[first]
		return known
	})
	return d
}

// snapshot notes that the node has loaded the state at a position.
func (l *deliveryLog) snapshot(position uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for first := range l.messages {
		if first > position { // of a state that it did not keep
			delete(l.messages, first)
		}
	}
	l.position = position
}

// begin notes that the node is in a generation that begins at a position.
func (l *deliveryLog) begin(position uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun != nil && position <= *l.begun || position < l.position {
		l.faults = append(l.faults, fmt.Sprintf("a generation begins at %d, after position %d", position, l.position))
	}
	l.position = position
	if l.begun == nil {
		l.begun = &position
	}
}

// commands returns what was delivered, by position.
func (l *deliveryLog) commands(t *testing.T) map[uint64]wire.Command {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	commands := map[uint64]wire.Command{}
	for first, d := range l.messages {
		rest := d.Payload
		for i := range d.Count {
			c, after, err := wire.DecodeCommand(rest)
			if err != nil {
				t.Fatalf("position %d: %v", first+uint64(i), err)
			}
			commands[first+uint64(i)], rest = c, after
		}
	}
	return commands
}

// compareLogs fails unless the logs are gap-free, and equal where both are.
func compareLogs(t *testing.T, logs map[string]*deliveryLog) {
	t.Helper()
	type source struct {
		node string
		d    wire.Delivery
	}
	order := map[uint64]source{}
	var begun []uint64
	for node, l := range logs {
		l.mu.Lock()
		for _, fault := range l.faults {
			t.Errorf("%s: %s", node, fault)
		}
		if l.begun != nil {
			begun = append(begun, *l.begun)
		}
		for first, d := range l.messages {
			other, known := order[first]
			if !known {
				order[first] = source{node, d}
				continue
			}
			o := other.d
			if o.View != d.View || o.Sender != d.Sender || o.Incarnation != d.Incarnation || o.Seq != d.Seq ||
				o.Count != d.Count || !bytes.Equal(o.Payload, d.Payload) || !bytes.Equal(o.Effects, d.Effects) {
				t.Errorf("position %d: %s delivered %s#%d %d/%d with %d commands, %s delivered %s#%d %d/%d with %d commands", first,
					node, d.Sender, d.Incarnation, d.View, d.Seq, d.Count, other.node, o.Sender, o.Incarnation, o.View, o.Seq, o.Count)
			}
		}
		l.mu.Unlock()
	}
	firsts := make([]uint64, 0, len(order))
	for first := range order {
		firsts = append(firsts, first)
	}
	slices.Sort(firsts)
	if len(firsts) == 0 {
		return
	}
	next := firsts[0] // if no log has the beginning
	if len(begun) > 0 {
		next = slices.Min(begun) + 1
	}
	for _, first := range firsts {
		if first != next {
			t.Fatalf("the nodes' orders do not fit: %s has a message at %d, where %d was expected", order[first].node, first, next)
		}
		next += uint64(order[first].d.Count)
	}
}
