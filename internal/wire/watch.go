package wire

import (
	"encoding/binary"
	"strings"

	"github.com/seed-8247e700/dsm/internal/wire/codec"
)

// WatchQuery asks for the changes of the variables in a range. A RequestWatch carries it,
// encoded, as its Key. The reply has the position that the watch begins after; FrameEvents
// frames follow, on the same connection.
type WatchQuery struct {
	Watch    uint64 // its number on the connection, by which events name it
	From, To string // keys from From on and below To; To "": without an upper bound
	Flags    WatchFlags
	After    uint64 // with WatchAfter: the position after which the watch begins
	Credit   uint64 // bytes of events that may be sent before more is granted
}

// WatchFlags are options of a watch.
type WatchFlags uint8

// The options of a watch.
const (
	WatchAfter WatchFlags = 1 << iota // begin after a position, not now
	WatchOld                          // changes have the value of before

	watchFlags = WatchAfter | WatchOld
)

// Append appends the encoding of q.
func (q *WatchQuery) Append(dst []byte) []byte {
	dst = append(dst, byte(q.Flags))
	dst = binary.AppendUvarint(dst, q.Watch)
	dst = binary.AppendUvarint(dst, q.After)
	dst = binary.AppendUvarint(dst, q.Credit)
	dst = appendBytes(dst, q.From)
	return append(dst, q.To...)
}

// DecodeWatchQuery reads what Append has written. The strings alias b.
func DecodeWatchQuery(b []byte) (WatchQuery, error) {
	cur := codec.NewReader(b)
	q := WatchQuery{Flags: WatchFlags(cur.Uint8()), Watch: cur.Uvarint(), After: cur.Uvarint(), Credit: cur.Uvarint()}
	q.From = aliasString(cur.Bytes())
	q.To = aliasString(cur.Rest())
	if err := end(&cur); err != nil {
		return WatchQuery{}, err
	}
	if q.Flags&^watchFlags != 0 || q.Flags&WatchAfter == 0 && q.After != 0 {
		return WatchQuery{}, ErrMalformed
	}
	return q, nil
}

// EventKind says what an event tells of.
type EventKind uint8

// The kinds of events.
const (
	EventPut      EventKind = 1 // a variable was written
	EventDelete   EventKind = 2 // a variable was deleted
	EventExpire   EventKind = 3 // a variable has expired
	EventProgress EventKind = 4 // all changes up to Position have been sent
	EventEnded    EventKind = 5 // the watch has ended: Status says why; Value is a text for people
)

// Event is what a watch tells of. Which fields count depends on the Kind.
type Event struct {
	Kind       EventKind
	Status     Status // EventEnded
	Last       bool   // no other event of the watch at this position follows
	Position   uint64 // of the change; EventEnded: all changes up to it were sent
	Key        string
	Value      []byte
	OldVersion uint64 // 0: the variable did not exist, or the watch does not ask
	Old        []byte
}

// Keep copies the bytes of an event, which are somebody else's. Empty values are not nil
// afterwards.
func (e *Event) Keep() {
	n := len(e.Value)
	values := append(append(make([]byte, 0, n+len(e.Old)), e.Value...), e.Old...)
	e.Key, e.Value, e.Old = strings.Clone(e.Key), values[:n:n], values[n:]
}

// EventBytes is what an event counts for beside its key and its values, against what was
// granted to its watch. Nodes and clients must count alike.
const EventBytes = 16

// Bits beside the kind of an event.
const (
	eventLast = 1 << 6
	eventOld  = 1 << 7
)

// AppendEvent appends an event for some watches, as a part of a FrameEvents frame.
func AppendEvent(dst []byte, watches []uint64, e *Event) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(watches)))
	for _, id := range watches {
		dst = binary.AppendUvarint(dst, id)
	}
	head := byte(e.Kind)
	if e.Last {
		head |= eventLast
	}
	if e.OldVersion != 0 {
		head |= eventOld
	}
	dst = append(dst, head)
	dst = binary.AppendUvarint(dst, e.Position)
	switch e.Kind {
	case EventPut:
		dst = appendBytes(appendBytes(dst, e.Key), e.Value)
	case EventDelete, EventExpire:
		dst = appendBytes(dst, e.Key)
	case EventEnded:
		dst = appendBytes(append(dst, byte(e.Status)), e.Value)
	case EventProgress:
	}
	if e.OldVersion != 0 {
		dst = appendBytes(binary.AppendUvarint(dst, e.OldVersion), e.Old)
	}
	return dst
}

// EventReader reads the events of a FrameEvents frame. The bytes of an event alias the
// frame, and the watches are valid until the next event.
type EventReader struct {
	reader  codec.Reader
	watches []uint64
}

// Reset begins with the body of a frame.
func (r *EventReader) Reset(body []byte) { r.reader = codec.NewReader(body) }

// Next returns the next event and its watches, or false if there is none. After the last,
// Bad reports whether the frame was malformed.
func (r *EventReader) Next() (watches []uint64, e Event, ok bool) {
	cur := &r.reader
	if cur.Bad() || cur.Len() == 0 {
		return nil, Event{}, false
	}
	r.watches = r.watches[:0]
	n := cur.Count(1)
	for range n {
		r.watches = append(r.watches, cur.Uvarint())
	}
	head := cur.Uint8()
	e = Event{Kind: EventKind(head &^ (eventLast | eventOld)), Last: head&eventLast != 0, Position: cur.Uvarint()}
	changes := false // the kind may have the value of before
	switch e.Kind {
	case EventPut:
		e.Key, e.Value = aliasString(cur.Bytes()), cur.Bytes()
		changes = true
	case EventDelete, EventExpire:
		e.Key = aliasString(cur.Bytes())
		changes = true
	case EventEnded:
		e.Status, e.Value = Status(cur.Uint8()), cur.Bytes()
	case EventProgress:
	default:
		cur.Fail()
	}
	if head&eventOld != 0 {
		e.OldVersion, e.Old = cur.Uvarint(), cur.Bytes()
		if !changes || e.OldVersion == 0 {
			cur.Fail()
		}
	}
	if n == 0 || cur.Bad() {
		cur.Fail()
		return nil, Event{}, false
	}
	return r.watches, e, true
}

// Bad reports whether what was read so far is malformed.
func (r *EventReader) Bad() bool { return r.reader.Bad() }

// AppendCredit appends the Key of a RequestCredit: more bytes for a watch.
func AppendCredit(dst []byte, watch, bytes uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, watch), bytes)
}

// DecodeCredit reads what AppendCredit has written.
func DecodeCredit(b []byte) (watch, bytes uint64, err error) {
	cur := codec.NewReader(b)
	watch, bytes = cur.Uvarint(), cur.Uvarint()
	return watch, bytes, end(&cur)
}
