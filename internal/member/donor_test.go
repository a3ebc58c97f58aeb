package member

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// queue is a joiner's queue that a test fills, and what its calls were.
type queue struct {
	parts  [][]byte
	waits  int // bytes, besides
	lost   error
	spares [][]byte
	waited []bool
}

func (q *queue) Take(spare []byte, wait bool) ([]byte, error) {
	q.spares, q.waited = append(q.spares, spare), append(q.waited, wait)
	if q.lost != nil {
		return nil, q.lost
	}
	if len(q.parts) == 0 {
		return nil, nil
	}
	b := q.parts[0]
	q.parts = q.parts[1:]
	return b, nil
}

func (q *queue) Waiting() int { return q.waits }

// donating returns a member with some values, and a donor of it.
func donating(t *testing.T, values, chunk int) (*group, *node, *Donor) {
	t.Helper()
	g := newGroupWith(t, 1, options{chunk: chunk})
	g.open()
	n := g.node("n1")
	for i := range values {
		n.write(g.set(fmt.Sprint(i), strings.Repeat("v", 100)), &client{})
	}
	var d *Donor
	n.do(func(m *Member) {
		m.remember([]membership.Member{named(99)})
		d = m.Donate(99, &queue{})
	})
	if d == nil {
		t.Fatal("it does not donate")
	}
	t.Cleanup(d.Close)
	return g, n, d
}

// step is what a Donor says next: the kind of the frame, "part" for one of the queue, a
// pause, or nothing.
func (d *Donor) next(t *testing.T, q *queue) string {
	t.Helper()
	d.feed = q
	b, pause, err := d.Next()
	switch {
	case err != nil:
		return err.Error()
	case pause > 0 && b == nil:
		return pause.String()
	case b == nil:
		return "nothing"
	case bytes.HasPrefix(b, []byte("part")):
		return string(b)
	}
	kind, body, err := wire.NewFrameReader(bytes.NewReader(b), 1<<20).Next()
	if err != nil {
		t.Fatal(err)
	}
	switch kind {
	case wire.FrameChunk:
		return "chunk"
	case wire.FrameLoaded:
		return "loaded"
	case wire.FrameHead:
		position, _ := binary.Uvarint(body)
		return fmt.Sprintf("head %d", position)
	}
	return fmt.Sprintf("kind %d", kind)
}

func (d *Donor) expect(t *testing.T, q *queue, want ...string) {
	t.Helper()
	for i, w := range want {
		if got := d.next(t, q); got != w {
			t.Fatalf("step %d of %q: %s", i, want, got)
		}
	}
}

// The state goes out in chunks, with all deliveries that wait between them; then, with
// little waiting, where the head is, after each part of the deliveries.
func TestDonorsOrder(t *testing.T) {
	g, _, d := donating(t, 20, 1000)
	q := &queue{parts: [][]byte{[]byte("part 1"), []byte("part 2")}}
	if !d.Loading() {
		t.Error("it is not loading")
	}
	d.expect(t, q, "chunk", "part 1", "part 2", "chunk")
	q.parts = [][]byte{[]byte("part 3")}
	d.expect(t, q, "part 3")
	if d.delivered != 3*len("part 1") {
		t.Errorf("%d bytes are delivered between the chunks", d.delivered)
	}
	for {
		step := d.next(t, q)
		if step == "loaded" {
			break
		}
		if step != "chunk" {
			t.Fatal(step)
		}
		if !d.Loading() {
			t.Fatal("it is not loading")
		}
	}
	if d.Loading() || slices.Contains(q.waited, true) {
		t.Error("it is still loading, or has waited")
	}
	d.expect(t, q, "head 21", "nothing", "nothing")
	if !q.waited[len(q.waited)-1] {
		t.Error("it does not wait for deliveries")
	}
	q.parts = [][]byte{[]byte("part 4"), []byte("part 5")}
	g.node("n1").write(session(), &client{})
	d.expect(t, q, "part 4", "head 22", "part 5", "head 22", "nothing")
	q.parts, q.waits = [][]byte{[]byte("part 6")}, closeBytes+1
	d.expect(t, q, "part 6", "nothing")
	q.parts, q.waits = [][]byte{[]byte("part 7")}, closeBytes
	d.expect(t, q, "part 7", "head 22")
}

// No head is said at first either if much waits.
func TestNoHeadAtFirst(t *testing.T) {
	_, _, d := donating(t, 1, 0)
	q := &queue{waits: closeBytes + 1}
	d.expect(t, q, "chunk", "loaded", "nothing")
}

// The default of a chunk's size is what a frame reader keeps room for.
func TestChunkBytes(t *testing.T) {
	if n := newGroup(t, 1).node("n1"); n.m.chunkBytes != 256<<10-5 {
		t.Errorf("%d", n.m.chunkBytes)
	}
	_, _, d := donating(t, 50, 1000)
	b, _, err := d.Next()
	if err != nil || len(b) > 1000 || len(b) < 800 {
		t.Errorf("a chunk of %d bytes, %v", len(b), err)
	}
}

// What was taken from the queue is handed back as spare, once.
func TestSpareIsHandedBack(t *testing.T) {
	_, _, d := donating(t, 1, 0)
	one, two := []byte("part 1"), []byte("part 2")
	q := &queue{parts: [][]byte{one, two}}
	d.expect(t, q, "chunk", "part 1", "part 2", "loaded", "head 2", "nothing", "nothing")
	want := [][]byte{nil, one, two, nil, nil}
	if len(q.spares) != len(want) {
		t.Fatalf("%d calls", len(q.spares))
	}
	for i := range want {
		if !bytes.Equal(q.spares[i], want[i]) || len(want[i]) > 0 && &q.spares[i][0] != &want[i][0] {
			t.Errorf("call %d: %q, want %q", i, q.spares[i], want[i])
		}
	}
}

// A queue that has ended ends the donor, in each step.
func TestQueueIsLost(t *testing.T) {
	_, _, d := donating(t, 1, 0)
	q := &queue{lost: errConnection}
	d.expect(t, q, "chunk", errConnection.Error())
	if d.delivered != 0 {
		t.Errorf("%d delivered", d.delivered)
	}
	_, _, d = donating(t, 1, 0)
	d.expect(t, &queue{}, "chunk", "loaded", "head 2")
	d.expect(t, q, errConnection.Error())
	if d.step != sendDeliveries {
		t.Error("it goes on")
	}
}

// A donor rests after a chunk if the group has other work, as long as the chunk took.
func TestDonorRests(t *testing.T) {
	g, n, d := donating(t, 60, 1000)
	q := &queue{}
	d.expect(t, q, "chunk")
	g.now += 500 * time.Microsecond // it is written
	d.expect(t, q, "chunk")         // nobody else works
	g.now += 600 * time.Microsecond
	n.write(session(), &client{})
	q.parts = [][]byte{[]byte("part")}
	d.expect(t, q, "part")
	g.now += time.Second // that was not the chunk
	sent, delivered := d.sent, d.delivered
	if delivered != 4 || sent < 1000 {
		t.Fatalf("%d sent, %d delivered", sent, delivered)
	}
	d.expect(t, q, donorPause(600*time.Microsecond, sent, delivered).String())
	n.write(session(), &client{}) // in the pause: it counts for the next chunk
	g.now += 50 * time.Millisecond
	d.expect(t, q, "chunk")
	if d.sent <= sent || d.sent > sent+1100 {
		t.Errorf("%d bytes are sent, after %d", d.sent, sent)
	}
	g.now += 100 * time.Microsecond
	d.expect(t, q, "300µs", "chunk")
	g.now += 100 * time.Microsecond
	d.expect(t, q, "chunk") // nobody has worked since
}

// However short its rest is.
func TestDonorRestsShortly(t *testing.T) {
	_, n, d := donating(t, 60, 1000)
	d.expect(t, &queue{}, "chunk")
	n.write(session(), &client{})
	d.timed, d.took, d.sent, d.delivered = false, 1, 1000, 750
	d.expect(t, &queue{}, "1ns", "chunk")
}

// It rests no more after the last chunk.
func TestDonorRestsNoMore(t *testing.T) {
	g, n, d := donating(t, 1, 0)
	d.expect(t, &queue{}, "chunk")
	n.write(session(), &client{})
	g.now += time.Millisecond
	d.expect(t, &queue{}, "loaded", "head 3")
}

// A donor rests as long as the state comes faster than it changes.
func TestDonorPause(t *testing.T) {
	for _, tc := range []struct {
		took            time.Duration
		sent, delivered int
		want            time.Duration
	}{
		{100 * time.Microsecond, 1000, 0, donorRest * 100 * time.Microsecond},
		{100 * time.Microsecond, 1000, 500, donorRest * 100 * time.Microsecond},
		{100 * time.Microsecond, 1000, 750, donorRest * 50 * time.Microsecond},
		{100 * time.Microsecond, 1000, 1000, 0},
		{100 * time.Microsecond, 1000, 2000, 0},
		{100 * time.Microsecond, 0, 0, 0},
		{100 * time.Microsecond, 2, 0, donorRest * 100 * time.Microsecond},
		{100 * time.Microsecond, 1, 0, 0},
		{time.Second, 1000, 0, mostDonorPause},
		{time.Second, 1000, 750, mostDonorPause / 2},
	} {
		if got := donorPause(tc.took, tc.sent, tc.delivered); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
	if mostDonorPause != 3906250*time.Nanosecond {
		t.Errorf("at most %v", mostDonorPause)
	}
}

// A member that is in no view, or damaged, does not donate. Nor does it to a node that the
// registry does not name, or that it has named before this view only.
func TestDonate(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	n.m.remember([]membership.Member{named(99)})
	gives := func(joiner uint64) bool {
		d := n.m.Donate(joiner, &queue{})
		if d != nil {
			d.Close()
		}
		return d != nil
	}
	if !gives(99) || gives(98) {
		t.Error("it donates to whom the registry does not name, or not to whom it does")
	}
	for id, want := range map[uint64]bool{1: false, 2: true} { // it is in view 1
		n.m.directive.latest.Attempt = &membership.Attempt{View: membership.View{ID: id}}
		if gives(99) != want {
			t.Errorf("it has heard of the attempt at view %d, and donates: %v", id, !want)
		}
	}
	n.m.directive.latest.Attempt = nil
	n.m.reader.inView.Store(false)
	if gives(99) {
		t.Error("it donates in no view")
	}
	n.m.reader.inView.Store(true)
	n.m.reader.damage.Store(&Damage{Err: errFlipped})
	if gives(99) {
		t.Error("it donates what is damaged")
	}
}

// Close lets go of the snapshot, once, and so does the end of it.
func TestDonorCloses(t *testing.T) {
	_, _, d := donating(t, 30, 1000)
	q := &queue{}
	d.expect(t, q, "chunk")
	snap := d.snap
	d.Close()
	d.Close()
	if d.Loading() {
		t.Error("it is loading")
	}
	if _, _, err := snap.Next(nil, 10); !errors.Is(err, store.ErrClosed) {
		t.Errorf("%v", err)
	}
	_, _, d = donating(t, 1, 0)
	snap = d.snap
	d.expect(t, q, "chunk", "loaded")
	if _, _, err := snap.Next(nil, 10); !errors.Is(err, store.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// A snapshot that is damaged ends the donor with what the joiner and the member are to
// be told.
func TestDonorOfDamage(t *testing.T) {
	_, n, d := donating(t, 3, 0)
	if n.m.reader.state.Load().Damage(0, 0) == "" {
		t.Fatal("there is nothing to be damaged")
	}
	b, pause, err := d.Next()
	if b != nil || pause != 0 || !errors.Is(err, store.ErrDigest) || !strings.HasPrefix(err.Error(), "server: snapshot: ") {
		t.Errorf("%q, %v, %v", b, pause, err)
	}
}
