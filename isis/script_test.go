package isis_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/isis/isistest"
)

// TestScripts runs the scripts in testdata, which read like the figures of the
// papers: who sends what, and what that makes others send and deliver. A script
// names nodes n1, n2 ...; message 3 of n1 is n1/3. Commands:
//
//	group n1 n2 n3 [agreed] [window=N] [batch=N] [undelivered=N] [undelivered-bytes=N] [direct=N]   a group in view 1
//	submit n1 a b [held]     submits commands and ends the turn; held: does not end it
//	deliver n1 n2 [N] [held] delivers the oldest N messages (1) from n1 to n2
//	deliver all              delivers everything, link by link
//	turn n1                  ends a turn
//	acks n1                  sends the acknowledgements that wait for company
//	probe n1 3, vouched n1   sends probe 3; the last probe that all others have answered
//	leave n1, stay n1        delivers safely from now on, or again as the group does
//	idle n1                  whether n1 is idle
//	crash n1                 stops n1; what it has sent can still be delivered
//	lose n1 n2               loses what n1, which has crashed, has sent to n2
//	attempt 2 base=1 leader=n2 n2 n3   names an attempt; it becomes known by wedge
//	wedge 2 n2 n3            tells nodes of the attempt
//	commit 2 n2 n3           tells nodes that the attempt's view is committed
//	join n4, observe n4 n1, follow n4 [N]   a joiner, its donor, what it has streamed
//	skip n4                  loses the oldest delivery that n4's donor has streamed
//	inject n1 n2 KIND [view=N] [seq=N] [priority=N] [count=N] [acks=(N,N)]   a message made up
//	state n1 ...             what nodes hold
//
// A message that is refused must leave the node as it was.
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			s := &script{}
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				s.out.Reset()
				s.t = t
				s.run(d)
				if s.out.Len() == 0 {
					return "ok\n"
				}
				return s.out.String()
			})
		})
	}
}

// script is a group driven by a script.
type script struct {
	t *testing.T
	isistest.Group
	logs     map[*isistest.Node]string // commands delivered, a letter each
	attempts map[uint64]isis.Attempt
	out      strings.Builder
}

func (s *script) printf(format string, args ...any) { fmt.Fprintf(&s.out, format, args...) }

func (s *script) run(d *datadriven.TestData) {
	var names []string
	for _, arg := range d.CmdArgs {
		if len(arg.Vals) == 0 {
			names = append(names, arg.Key)
		}
	}
	held := slices.Contains(names, "held")
	names = slices.DeleteFunc(names, func(name string) bool { return name == "held" })
	switch d.Cmd {
	case "group":
		s.group(d, names)
	case "deliver":
		s.deliver(names, held)
	case "submit", "turn", "acks", "probe", "leave", "stay":
		s.member(d.Cmd, s.find(names[0]), names[1:], held)
	case "vouched":
		s.printf("%d\n", s.find(names[0]).Core.Vouched())
	case "idle":
		s.printf("%v\n", s.find(names[0]).Core.Idle())
	case "state":
		for _, name := range names {
			s.printf("%s", s.state(s.find(name)))
		}
	case "inject":
		s.inject(d, names)
	case "join", "observe", "follow", "skip":
		s.joiner(d.Cmd, names)
	default:
		s.membership(d, names)
	}
}

// member has a node do something, and ends its turn unless it is held.
func (s *script) member(cmd string, n *isistest.Node, args []string, held bool) {
	switch cmd {
	case "submit":
		for _, command := range args {
			if !n.Core.Submit([]byte(command)) {
				s.printf("%s refuses %s\n", n.ID.ID, command)
			}
		}
	case "acks":
		n.Core.SendAcks()
	case "probe":
		n.Core.Probe(number(args[0]))
	case "leave", "stay":
		n.Core.DeliverSafely(cmd == "leave")
	}
	s.turn(n, held)
}

// membership does what concerns views.
func (s *script) membership(d *datadriven.TestData, names []string) {
	switch d.Cmd {
	case "crash":
		s.Stop(s.find(names[0]))
	case "lose":
		s.Truncate(s.link(names), 0)
	case "attempt":
		id := number(names[0])
		var leader string
		var base uint64
		d.ScanArgs(s.t, "leader", &leader)
		d.ScanArgs(s.t, "base", &base)
		a := isis.Attempt{View: isis.View{ID: id, Prev: base}, Leader: s.find(leader).ID, Full: d.HasArg("full")}
		for _, name := range names[1:] {
			a.View.Members = append(a.View.Members, s.find(name).ID)
		}
		s.attempts[id] = a
	case "wedge":
		for _, name := range names[1:] {
			n := s.find(name)
			if !n.Core.Wedge(s.attempts[number(names[0])]) {
				s.printf("%s does not take attempt %s\n", name, names[0])
			}
			s.Turn(n)
		}
	case "commit":
		for _, name := range names[1:] {
			n := s.find(name)
			if err := n.Core.Commit(s.attempts[number(names[0])].View); err != nil {
				s.printf("%s: %v\n", name, err)
			}
			s.Turn(n)
		}
	default:
		s.t.Fatalf("unknown command %s", d.Cmd)
	}
}

func (s *script) group(d *datadriven.TestData, names []string) {
	*s = script{t: s.t, logs: map[*isistest.Node]string{}, attempts: map[uint64]isis.Attempt{}}
	d.MaybeScanArgs(s.t, "window", &s.Config.Window)
	d.MaybeScanArgs(s.t, "batch", &s.Config.MaxBatchCommands)
	d.MaybeScanArgs(s.t, "undelivered", &s.Config.MaxUndelivered)
	d.MaybeScanArgs(s.t, "undelivered-bytes", &s.Config.MaxUndeliveredBytes)
	d.MaybeScanArgs(s.t, "direct", &s.Config.DirectAcks)
	s.Sent = func(from, to *isistest.Node, m *isis.Message) {
		s.printf("  %s > %s  %s\n", from.ID.ID, to.ID.ID, isistest.Describe(m, from, to))
	}
	s.Rejected = func(n *isistest.Node, err error) { s.printf("  %s rejects: %v\n", n.ID.ID, err) }
	s.Delivered = func(n *isistest.Node, d *isis.Delivery) {
		s.printf("  %s delivers %s/%d %q at %d\n", n.ID.ID, d.Sender.ID, d.Seq, d.Payload, d.First)
		s.logs[n] += string(d.Payload)
	}
	s.Entered = func(n *isistest.Node, v *isis.View) {
		s.printf("  %s enters view %d", n.ID.ID, v.ID)
		for _, m := range v.Members {
			s.printf(" %s", m.ID)
		}
		s.printf("\n")
	}
	s.Installed = func(n *isistest.Node, attempt uint64) {
		s.printf("  %s reports attempt %d installed\n", n.ID.ID, attempt)
	}
	for _, name := range names {
		if name == "agreed" {
			s.Config.Agreed = true
		}
	}
	for _, name := range names {
		if name != "agreed" {
			s.Start(name)
		}
	}
	if err := s.Form(); err != nil {
		s.t.Fatal(err)
	}
}

// find returns the latest incarnation of a name.
func (s *script) find(name string) *isistest.Node {
	for _, n := range slices.Backward(s.Nodes) {
		if n.ID.ID == name {
			return n
		}
	}
	s.t.Fatalf("no node %s", name)
	return nil
}

// link returns the link from the first node named to the second.
func (s *script) link(names []string) *isistest.Link {
	return s.find(names[0]).Links[s.find(names[1]).Index()]
}

// deliver delivers from one link, or from all until they are empty.
func (s *script) deliver(names []string, held bool) {
	if names[0] != "all" {
		count := uint64(1)
		if len(names) > 2 {
			count = number(names[2])
		}
		for range count {
			s.step(s.link(names), held)
		}
		return
	}
	for len(s.Busy) > 0 {
		for _, from := range s.Nodes {
			for _, l := range from.Links {
				for l.Len() > 0 {
					s.step(l, held)
				}
			}
		}
	}
}

func (s *script) step(l *isistest.Link, held bool) {
	if l.Len() == 0 {
		s.printf("nothing is on its way from %s to %s\n", l.From.ID.ID, l.To.ID.ID)
		return
	}
	s.printf("%s < %s  %s\n", l.To.ID.ID, l.From.ID.ID, isistest.Describe(l.Oldest(), l.From, l.To))
	s.take(l.To, func() error { return s.Deliver(l) })
	s.turn(l.To, held)
}

// take has a node take a message, and holds that a violation changes nothing.
func (s *script) take(n *isistest.Node, step func() error) {
	before := s.state(n)
	if err := step(); err != nil {
		s.printf("   %v\n", err)
		if after := s.state(n); after != before {
			s.t.Errorf("a violation has changed the state from\n%sto\n%s", before, after)
		}
	}
}

func (s *script) state(n *isistest.Node) string {
	first, rest, _ := strings.Cut(n.Core.Dump(isistest.Counters, isistest.Entries), "\n")
	return fmt.Sprintf("%s: %s, log %q\n%s", n.ID.ID, first, s.logs[n], rest)
}

// turn ends a node's turn, unless it is held.
func (s *script) turn(n *isistest.Node, held bool) {
	if !held {
		s.Turn(n)
	}
}

func (s *script) joiner(cmd string, names []string) {
	switch cmd {
	case "join":
		s.Start(names[0])
	case "observe":
		n, donor := s.find(names[0]), s.find(names[1])
		s.logs[n] = s.logs[donor]
		n.Observe(donor)
		s.Turn(n)
	case "skip":
		n := s.find(names[0])
		n.Stream = n.Stream[1:]
	default:
		n := s.find(names[0])
		count := uint64(len(n.Stream))
		if len(names) > 1 {
			count = number(names[1])
		}
		for range count {
			d, applies, err := n.Follow()
			s.printf("%s hears %s/%d %q at %d, applies: %v\n", n.ID.ID, d.Sender.ID, d.Seq, d.Payload, d.First, applies)
			if err != nil {
				s.printf("   %v\n", err)
			}
			if applies {
				s.logs[n] += string(d.Payload)
			}
			s.Turn(n)
		}
	}
}

// inject steps a message that nobody sent.
func (s *script) inject(d *datadriven.TestData, names []string) {
	from, to := s.find(names[0]), s.find(names[1])
	m := isis.Message{View: 1, Count: 1}
	for kind := range isis.KindSupply + 1 {
		if kind.String() == names[2] {
			m.Kind = kind
			break
		}
	}
	d.MaybeScanArgs(s.t, "view", &m.View)
	d.MaybeScanArgs(s.t, "seq", &m.Seq)
	d.MaybeScanArgs(s.t, "priority", &m.Priority)
	d.MaybeScanArgs(s.t, "count", &m.Count)
	size := int(m.Count)
	d.MaybeScanArgs(s.t, "bytes", &size)
	if m.Kind == isis.KindPropose {
		m.Payload = bytes.Repeat([]byte("x"), size)
	}
	if acks, ok := d.Arg("acks"); ok {
		for _, v := range acks.Vals {
			m.Acks = append(m.Acks, number(v))
		}
	}
	switch m.Kind {
	case isis.KindFlushState:
		m.State = &isis.FlushState{Entries: s.entries(d)}
	case isis.KindCut, isis.KindLeanCut:
		m.Cut = &isis.Cut{Members: to.Core.View().Members, Positions: make([]uint64, len(to.Core.View().Members)), Entries: s.entries(d)}
		d.MaybeScanArgs(s.t, "base", &m.Cut.Base)
	}
	s.take(to, func() error { return to.Core.Step(from.ID, &m) })
	s.Turn(to)
}

// entries reads entry=(sender rank, seq, priority, count, held or final).
func (s *script) entries(d *datadriven.TestData) []isis.Entry {
	arg, ok := d.Arg("entry")
	if !ok {
		return nil
	}
	v := arg.Vals
	return []isis.Entry{{
		Sender: uint32(number(v[0])), Seq: number(v[1]), Priority: number(v[2]), Count: uint32(number(v[3])),
		Final: v[4] == "final", Held: v[4] == "held", Payload: []byte("x"),
	}}
}

func number(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}
