package member

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// pipe is a connection that has what was written, and nothing more for now.
type pipe struct {
	bytes.Buffer
	most int // bytes in one read, 0: all
}

func (p *pipe) Read(b []byte) (int, error) {
	if p.most > 0 && len(b) > p.most {
		b = b[:p.most]
	}
	n, err := p.Buffer.Read(b)
	if err == io.EOF { //nolint:errorlint // a buffer's, as it is
		err = wire.ErrAgain
	}
	return n, err
}

// transfer is a joiner's transfer without a network.
type transfer struct {
	*Transfer
	n      *node
	pipe   pipe
	frames *wire.FrameReader
}

// loading returns the transfer of a joiner that begins to load n1's state.
func loading(t *testing.T, o options) (*group, *transfer) {
	t.Helper()
	g := newGroup(t, 1)
	g.open()
	n := g.join(o)
	n.noDonor = true
	g.settle()
	tr := &transfer{Transfer: n.m.joiner.transfer, n: n}
	tr.frames = wire.NewFrameReader(&tr.pipe, MaxFrameBytes)
	return g, tr
}

// read has the transfer read what was written.
func (tr *transfer) read(frames ...[]byte) error {
	for _, f := range frames {
		tr.pipe.Write(f)
	}
	return tr.Read(tr.frames)
}

// taken has the member take what the transfer has.
func (tr *transfer) taken() (err error) {
	tr.n.do(func(m *Member) { err = m.Take(tr.Transfer) })
	return err
}

// load brings the transfer the whole state of n1.
func (tr *transfer) load(t *testing.T, between ...[]byte) {
	t.Helper()
	for _, f := range append(append(snapshot(t, tr.n.g.node("n1")), between...), frame(wire.FrameLoaded)) {
		if err := tr.read(f); err != nil {
			t.Fatal(err)
		}
	}
	if !tr.Work() {
		t.Fatal("there is no state")
	}
}

// snapshot is a node's state, in frames.
func snapshot(t *testing.T, n *node) [][]byte {
	t.Helper()
	s := n.m.reader.state.Load().Snapshot()
	defer s.Close()
	var frames [][]byte
	for more := true; more; {
		var b []byte
		var err error
		if b, more, err = s.Next(wire.BeginFrame(nil, wire.FrameChunk), 100); err != nil {
			t.Fatal(err)
		}
		frames = append(frames, wire.EndFrame(b, 0))
	}
	return frames
}

// delivery is a frame of a delivery of n1 at a position.
func delivery(first uint64, payload []byte) []byte {
	return wire.AppendDelivery(nil, &wire.Delivery{View: 1, Sender: "n1", Incarnation: 1, Seq: first, First: first, Count: 1, Effects: []byte{1}, Payload: payload})
}

// head is a frame that says where the donor is.
func head(position uint64) []byte {
	return frame(wire.FrameHead, binary.AppendUvarint(nil, position)...)
}

// Whom a transfer asks, and how.
func TestTransferGreets(t *testing.T) {
	_, tr := loading(t, options{})
	if d := tr.Donor(); d != (link.Peer{MemberID: isis.MemberID{ID: "n1", Incarnation: 1}, Addr: "n1:1"}) {
		t.Errorf("%+v", d)
	}
	want := wire.Hello{
		Role: wire.RoleObserve, MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion, Group: testGroup, Generation: 1, Extra: []byte{2},
	}
	if h := tr.Hello(); fmt.Sprint(h) != fmt.Sprint(want) {
		t.Errorf("%+v", h)
	}
	if tr.Patience() != JoinPatience {
		t.Errorf("patience %v", tr.Patience())
	}
	tr.load(t)
	if tr.Patience() != 0 {
		t.Errorf("patience %v for deliveries", tr.Patience())
	}
}

// The donor's answer is taken from the donor only.
func TestWelcome(t *testing.T) {
	_, tr := loading(t, options{})
	good := wire.Info{Group: testGroup, Generation: 1, NodeID: "n1", Incarnation: 1}
	for _, tc := range []struct {
		name   string
		change func(*wire.HelloReply)
		want   error
		text   string
	}{
		{"welcome", func(*wire.HelloReply) {}, nil, ""},
		{"it has not registered", func(r *wire.HelloReply) { r.Info.Incarnation, r.Info.Group = 0, 0 }, nil, ""},
		{"this node itself", func(r *wire.HelloReply) { r.Info.NodeID, r.Info.Incarnation = "n2", 2 }, ErrUnreached, "n1:1, advertised by n1#1, leads to this node itself: give n1 --advertise"},
		{"this node's incarnation at another", func(r *wire.HelloReply) { r.Info.NodeID, r.Info.Incarnation = "n3", 2 }, ErrUnreached, "n1:1, advertised by n1#1, is the address of n3#2"},
		{"another run of this node", func(r *wire.HelloReply) { r.Info.NodeID, r.Info.Incarnation = "n2", 3 }, ErrUnreached, "the address of n2#3"},
		{"another group", func(r *wire.HelloReply) { r.Info.Group = 0x99 }, ErrUnreached, "the address of n1 of another group (99)"},
		{"another group's node of this name", func(r *wire.HelloReply) { r.Info.Group, r.Info.NodeID, r.Info.Incarnation = 0x99, "n2", 2 }, ErrUnreached, "the address of n2 of another group (99)"},
		{"another run", func(r *wire.HelloReply) { r.Info.Incarnation = 9 }, ErrUnreached, "the address of n1#9"},
		{"another node", func(r *wire.HelloReply) { r.Info.NodeID = "n9" }, ErrUnreached, "the address of n9#1"},
		{"not reached", func(r *wire.HelloReply) { r.Status, r.Message = wire.StatusBadRequest, "why" }, ErrAdvertised, "Advertise: why"},
		{"refused", func(r *wire.HelloReply) { r.Status, r.Message = wire.StatusUnavailable, "why" }, nil, "server: the donor refuses: why"},
		{"another that refuses", func(r *wire.HelloReply) { r.Status, r.Info.NodeID = wire.StatusBadRequest, "n9" }, ErrUnreached, "the address of n9#1"},
	} {
		reply := wire.HelloReply{Info: good}
		tc.change(&reply)
		err := tr.Welcome(&reply)
		if err == nil != (tc.text == "") || err != nil && !strings.Contains(err.Error(), tc.text) || tc.want != nil && !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// A state comes however its bytes are cut.
func TestTransferAnyCut(t *testing.T) {
	for _, most := range []int{1, 2, 7, 0} {
		_, tr := loading(t, options{})
		tr.pipe.most = most
		for _, f := range snapshot(t, tr.n.g.node("n1")) {
			tr.pipe.Write(f)
		}
		tr.pipe.Write(delivery(2, session().Append(nil)))
		tr.pipe.Write(frame(wire.FrameLoaded))
		tr.pipe.Write(delivery(3, session().Append(nil)))
		tr.pipe.Write(head(3))
		for again := 0; tr.pipe.Len() > 0 || tr.frames.Buffered() || tr.Work(); again++ {
			if again > 10_000 {
				t.Fatal("it does not end")
			}
			if tr.Work() {
				if err := tr.taken(); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if err := tr.Read(tr.frames); err != nil && !errors.Is(err, wire.ErrAgain) {
				t.Fatal(err)
			}
		}
		if tr.n.position() != 3 || !tr.n.m.joiner.ready {
			t.Errorf("in reads of %d: at %d, ready: %v", most, tr.n.position(), tr.n.m.joiner.ready)
		}
	}
}

// What has been read is not touched by what is read next.
func TestDeliveryIsOwned(t *testing.T) {
	want := isis.Delivery{View: 1, Sender: isis.MemberID{ID: "n1", Incarnation: 1}, Seq: 5, First: 5, Count: 1, Payload: []byte("payload")}
	_, body, err := wire.NewFrameReader(bytes.NewReader(delivery(5, []byte("payload"))), 1000).Next()
	if err != nil {
		t.Fatal(err)
	}
	d, err := ownDelivery(body)
	clear(body)
	if err != nil || fmt.Sprint(isis.Delivery(d)) != fmt.Sprint(want) {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err = ownDelivery([]byte{1}); err == nil {
		t.Error("half a delivery is one")
	}
}

// Every frame in each phase.
func TestFramesInPhase(t *testing.T) {
	chunk := func(t *testing.T, tr *transfer) []byte { return snapshot(t, tr.n.g.node("n1"))[0] }
	for _, tc := range []struct {
		name      string
		frame     func(*testing.T, *transfer) []byte
		loading   error
		following error
	}{
		{"chunk", chunk, nil, wire.ErrMalformed},
		{"delivery", func(*testing.T, *transfer) []byte { return delivery(2, session().Append(nil)) }, nil, nil},
		{"half a delivery", func(*testing.T, *transfer) []byte { return frame(wire.FrameDelivery, 1) }, wire.ErrMalformed, wire.ErrMalformed},
		{"head", func(*testing.T, *transfer) []byte { return head(1) }, wire.ErrMalformed, nil},
		{"no head", func(*testing.T, *transfer) []byte { return frame(wire.FrameHead) }, wire.ErrMalformed, wire.ErrMalformed},
		{"half a head", func(*testing.T, *transfer) []byte { return frame(wire.FrameHead, 0x80) }, wire.ErrMalformed, wire.ErrMalformed},
		{"refusal", func(*testing.T, *transfer) []byte { return frame(wire.FrameRefused, refusedLagged, 'x') }, ErrDonorLagged, ErrDonorLagged},
		{"loaded", func(*testing.T, *transfer) []byte { return frame(wire.FrameLoaded) }, store.ErrFormat, wire.ErrMalformed},
		{"no state", func(*testing.T, *transfer) []byte { return frame(wire.FrameChunk, 1, 2, 3) }, store.ErrFormat, wire.ErrMalformed},
		{"another kind", func(*testing.T, *transfer) []byte { return frame(99) }, wire.ErrMalformed, wire.ErrMalformed},
	} {
		for _, following := range []bool{false, true} {
			_, tr := loading(t, options{lag: 1000})
			want := tc.loading
			if following {
				tr.load(t)
				if err := tr.taken(); err != nil {
					t.Fatal(err)
				}
				want = tc.following
			}
			err := tr.read(tc.frame(t, tr))
			if want == nil && err != nil || !errors.Is(err, want) {
				t.Errorf("%s, following %v: %v", tc.name, following, err)
			}
			if want == nil && following && !tr.Work() {
				t.Errorf("%s: there is nothing to take", tc.name)
			}
			if !following && (tr.Work() || tr.Patience() != JoinPatience && tc.name != "loaded") {
				t.Errorf("%s: there is something to take", tc.name)
			}
		}
	}
	_, tr := loading(t, options{})
	if err := tr.Read(wire.NewFrameReader(iotest.ErrReader(errConnection), 1)); !errors.Is(err, errConnection) {
		t.Errorf("%v", err)
	}
	tr.load(t)
	if err := tr.Read(wire.NewFrameReader(iotest.ErrReader(errConnection), 1)); !errors.Is(err, errConnection) {
		t.Errorf("%v", err)
	}
}

// A joiner gives a donor up whose group changes its state faster than it comes: when
// more than the bound waits, and what has come of the state.
func TestOutrun(t *testing.T) {
	const lag = 1000
	g, tr := loading(t, options{lag: lag})
	for i := range 5 {
		g.node("n1").write(g.set(fmt.Sprint(i), strings.Repeat("v", 50)), &client{})
	}
	chunks := snapshot(t, g.node("n1"))
	if len(chunks) < 3 {
		t.Fatalf("%d chunks", len(chunks))
	}
	size := 0
	for _, c := range chunks {
		size += len(c) - wire.FrameBytes
		if err := tr.read(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.read(delivery(2, make([]byte, lag))); err != nil {
		t.Fatal(err)
	}
	if err := tr.read(delivery(3, make([]byte, size))); err != nil {
		t.Fatalf("with as much as may wait: %v", err)
	}
	err := tr.read(delivery(4, make([]byte, 1)))
	if want := fmt.Sprintf("%v: %d bytes, and %d of the state", ErrOutrun, lag+size+1, size); !errors.Is(err, ErrOutrun) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// The head that a donor says makes a joiner ready that has come there, if it was said
// a moment ago.
func TestHead(t *testing.T) {
	write := session().Append(nil)
	for _, tc := range []struct {
		name   string
		frames [][]byte
		want   bool
	}{
		{"no head", [][]byte{delivery(2, write)}, false},
		{"there", [][]byte{head(1)}, true},
		{"there with a delivery", [][]byte{delivery(2, write), head(2)}, true},
		{"not there", [][]byte{head(2)}, false},
		{"past it", [][]byte{head(2), delivery(2, write), delivery(3, write)}, true},
		{"the latest counts", [][]byte{head(1), head(9)}, false},
	} {
		_, tr := loading(t, options{})
		tr.load(t)
		if err := tr.taken(); err != nil {
			t.Fatal(err)
		}
		if tr.n.m.joiner.ready || tr.head != headUnknown {
			t.Fatal("it is ready at once")
		}
		if err := tr.read(tc.frames...); err != nil {
			t.Fatal(err)
		}
		if !tr.Work() {
			t.Errorf("%s: nothing to take", tc.name)
		}
		if err := tr.taken(); err != nil || tr.n.m.joiner.ready != tc.want {
			t.Errorf("%s: ready: %v, %v", tc.name, !tc.want, err)
		}
		if tr.head != headUnknown || len(tr.burst) > 0 || tr.Work() {
			t.Errorf("%s: it is taken twice", tc.name)
		}
		// Once ready it stays so.
		if err := tr.read(head(math.MaxUint64 - 1)); err != nil {
			t.Fatal(err)
		}
		if err := tr.taken(); err != nil || tr.n.m.joiner.ready != tc.want {
			t.Errorf("%s: later: ready: %v, %v", tc.name, !tc.want, err)
		}
	}
}

// A head that the source was not drained after is old, and counts for nothing in the
// first ten seconds.
func TestOldHead(t *testing.T) {
	for _, tc := range []struct {
		after time.Duration
		want  bool
	}{{0, false}, {headPatience - 1, false}, {headPatience, true}} {
		g, tr := loading(t, options{})
		tr.load(t)
		if err := tr.taken(); err != nil {
			t.Fatal(err)
		}
		g.now += time.Second
		if err := tr.read(delivery(2, session().Append(nil))); err != nil { // the first read counts
			t.Fatal(err)
		}
		if err := tr.taken(); err != nil {
			t.Fatal(err)
		}
		if tr.began != g.now {
			t.Fatal("the time does not count from the first read")
		}
		g.now += tc.after
		b := head(1)
		tr.pipe.Write(b)
		tr.pipe.Write(delivery(3, make([]byte, 8<<10))[:8<<10-len(b)]) // all the room of the reader, and more to come
		if err := tr.read(); err != nil {
			t.Fatal(err)
		}
		if tr.frames.Drained() {
			t.Fatal("the source was drained")
		}
		if got := tr.head == 1; got != tc.want || tr.Work() != tc.want {
			t.Errorf("after %v: the head counts: %v", tc.after, got)
		}
	}
}

// One read takes all frames that are there, and a source that has nothing says so.
func TestOneBurst(t *testing.T) {
	_, tr := loading(t, options{})
	tr.load(t)
	if err := tr.taken(); err != nil {
		t.Fatal(err)
	}
	if err := tr.read(delivery(2, session().Append(nil)), delivery(3, session().Append(nil)), delivery(4, session().Append(nil))[:9]); err != nil {
		t.Fatal(err)
	}
	if len(tr.burst) != 2 {
		t.Errorf("%d in a burst", len(tr.burst))
	}
	burst := tr.burst
	if err := tr.taken(); err != nil || tr.n.position() != 3 {
		t.Fatalf("at %d, %v", tr.n.position(), err)
	}
	if burst[0].Payload != nil || burst[1].Payload != nil || cap(tr.burst) == 0 {
		t.Error("the burst keeps what was applied, or its memory is let go")
	}
	if err := tr.read(); !errors.Is(err, wire.ErrAgain) || tr.Work() {
		t.Errorf("%v", err)
	}
}

// While the state is on its way, it ends a read, and what comes after it waits.
func TestLoadedEndsARead(t *testing.T) {
	g, tr := loading(t, options{})
	if err := tr.read(append(snapshot(t, g.node("n1")), frame(wire.FrameLoaded), head(1))...); err != nil {
		t.Fatal(err)
	}
	if tr.state == nil || tr.restorer != nil || tr.head != headUnknown || !tr.Work() {
		t.Fatalf("%+v", tr.Transfer)
	}
	if err := tr.taken(); err != nil || tr.n.m.joiner.ready || tr.state != nil || tr.Work() {
		t.Fatalf("%v, %+v", err, tr.Transfer)
	}
	if err := tr.read(); err != nil || tr.head != 1 {
		t.Fatalf("%v, %+v", err, tr.Transfer)
	}
}
