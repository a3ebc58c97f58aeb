package isis

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestScripts runs the scripts in testdata, which read like the figures of the
// papers: who sends what, and what that makes others send and deliver. A script
// names nodes n1, n2 ...; message 3 of n1 is n1/3. Commands:
//
//	group n1 n2 n3 [agreed] [window=N] [batch=N] [undelivered=N] [undelivered-bytes=N]   a group in view 1
//	submit n1 a b [held]     submits commands and ends the turn; held: does not end it
//	deliver n1 n2 [N] [held] delivers the oldest N messages (1) from n1 to n2
//	deliver all              delivers everything, link by link
//	turn n1                  ends a turn
//	acks n1                  sends the acknowledgements that wait for company
//	probe n1 3, vouched n1   sends probe 3; the last probe that all others have answered
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
	t        *testing.T
	nodes    []*scripted // by incarnation - 1
	links    map[[2]*scripted][]Message
	attempts map[uint64]Attempt
	config   Config
	out      strings.Builder
}

type scripted struct {
	name   string
	node   *Node
	log    string // commands delivered, a letter each
	stream []Delivery
	donor  *scripted
	dead   bool
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
	case "submit":
		for _, command := range names[1:] {
			if !s.find(names[0]).node.Submit([]byte(command)) {
				s.printf("%s refuses %s\n", names[0], command)
			}
		}
		s.turn(s.find(names[0]), held)
	case "deliver":
		s.deliver(names, held)
	case "turn":
		s.turn(s.find(names[0]), false)
	case "acks":
		s.find(names[0]).node.SendAcks()
		s.turn(s.find(names[0]), false)
	case "probe":
		s.find(names[0]).node.Probe(number(names[1]))
		s.turn(s.find(names[0]), false)
	case "vouched":
		s.printf("%d\n", s.find(names[0]).node.Vouched())
	case "state":
		for _, name := range names {
			s.out.WriteString(s.state(s.find(name)))
		}
	case "inject":
		s.inject(d, names)
	case "join", "observe", "follow", "skip":
		s.joiner(d.Cmd, names)
	default:
		s.membership(d, names)
	}
}

// membership does what concerns views.
func (s *script) membership(d *datadriven.TestData, names []string) {
	switch d.Cmd {
	case "crash":
		s.find(names[0]).dead = true
	case "lose":
		delete(s.links, [2]*scripted{s.find(names[0]), s.find(names[1])})
	case "attempt":
		id := number(names[0])
		var leader string
		var base uint64
		d.ScanArgs(s.t, "leader", &leader)
		d.ScanArgs(s.t, "base", &base)
		a := Attempt{View: View{ID: id, Prev: base}, Leader: s.find(leader).node.cfg.Self}
		for _, name := range names[1:] {
			a.View.Members = append(a.View.Members, s.find(name).node.cfg.Self)
		}
		s.attempts[id] = a
	case "wedge":
		for _, name := range names[1:] {
			n := s.find(name)
			if !n.node.Wedge(s.attempts[number(names[0])]) {
				s.printf("%s does not take attempt %s\n", name, names[0])
			}
			s.turn(n, false)
		}
	case "commit":
		for _, name := range names[1:] {
			n := s.find(name)
			if err := n.node.Commit(s.attempts[number(names[0])].View); err != nil {
				s.printf("%s: %v\n", name, err)
			}
			s.turn(n, false)
		}
	default:
		s.t.Fatalf("unknown command %s", d.Cmd)
	}
}

func (s *script) group(d *datadriven.TestData, names []string) {
	*s = script{t: s.t, links: map[[2]*scripted][]Message{}, attempts: map[uint64]Attempt{}}
	d.MaybeScanArgs(s.t, "window", &s.config.Window)
	d.MaybeScanArgs(s.t, "batch", &s.config.MaxBatchCommands)
	d.MaybeScanArgs(s.t, "undelivered", &s.config.MaxUndelivered)
	d.MaybeScanArgs(s.t, "undelivered-bytes", &s.config.MaxUndeliveredBytes)
	d.MaybeScanArgs(s.t, "direct", &s.config.DirectAcks)
	s.config.Agreed = slices.Contains(names, "agreed")
	names = slices.DeleteFunc(names, func(name string) bool { return name == "agreed" })
	first := View{ID: 1}
	for _, name := range names {
		first.Members = append(first.Members, s.add(name).node.cfg.Self)
	}
	for _, n := range s.nodes {
		if err := n.node.Commit(first); err != nil {
			s.t.Fatal(err)
		}
		s.turn(n, false)
	}
	clear(s.links) // everybody knows of view 1
	s.out.Reset()
}

func (s *script) add(name string) *scripted {
	cfg := s.config
	cfg.Self = MemberID{ID: name, Incarnation: uint64(len(s.nodes) + 1)}
	n := &scripted{name: name, node: New(cfg)}
	s.nodes = append(s.nodes, n)
	return n
}

// find returns the latest incarnation of a name.
func (s *script) find(name string) *scripted {
	for _, n := range slices.Backward(s.nodes) {
		if n.name == name {
			return n
		}
	}
	s.t.Fatalf("no node %s", name)
	return nil
}

// deliver delivers from one link, or from all until they are empty.
func (s *script) deliver(names []string, held bool) {
	if names[0] != "all" {
		link := [2]*scripted{s.find(names[0]), s.find(names[1])}
		count := 1
		if len(names) > 2 {
			count = int(number(names[2]))
		}
		for range count {
			s.step(link, held)
		}
		return
	}
	for busy := true; busy; {
		busy = false
		for _, from := range s.nodes {
			for _, to := range s.nodes {
				for link := [2]*scripted{from, to}; len(s.links[link]) > 0; busy = true {
					s.step(link, held)
				}
			}
		}
	}
}

func (s *script) step(link [2]*scripted, held bool) {
	from, to := link[0], link[1]
	if len(s.links[link]) == 0 {
		s.printf("nothing is on its way from %s to %s\n", from.name, to.name)
		return
	}
	m := s.links[link][0]
	s.links[link] = s.links[link][1:]
	if to.dead {
		return
	}
	s.printf("%s < %s  %s\n", to.name, from.name, s.describe(&m, from, to))
	s.take(from, to, &m)
	s.turn(to, held)
}

// take steps a message, and holds that a violation changes nothing.
func (s *script) take(from, to *scripted, m *Message) {
	before := s.state(to)
	if err := to.node.Step(from.node.cfg.Self, m); err != nil {
		s.printf("   %v\n", err)
		if after := s.state(to); after != before {
			s.t.Errorf("a violation has changed the state from\n%sto\n%s", before, after)
		}
	}
}

// turn ends a node's turn, as its owner does.
func (s *script) turn(n *scripted, held bool) {
	if held {
		return
	}
	ready := n.node.Ready()
	for i := range ready.Messages {
		e := &ready.Messages[i]
		m := e.Message
		m.Acks = slices.Clone(m.Acks)
		to := s.nodes[e.To.Incarnation-1]
		s.printf("  %s > %s  %s\n", n.name, to.name, s.describe(&m, n, to))
		link := [2]*scripted{n, to}
		if !to.dead {
			s.links[link] = append(s.links[link], m)
		}
	}
	for i := range ready.Deliveries {
		d := ready.Deliveries[i]
		s.printf("  %s delivers %s/%d %q at %d\n", n.name, d.Sender.ID, d.Seq, d.Payload, d.First)
		n.log += string(d.Payload)
		for _, f := range s.nodes {
			if f.donor == n {
				f.stream = append(f.stream, d)
			}
		}
	}
	for _, v := range ready.Entered {
		s.printf("  %s enters view %d %s\n", n.name, v.ID, memberNames(v.Members))
	}
	if ready.Installed != 0 {
		s.printf("  %s reports attempt %d installed\n", n.name, ready.Installed)
	}
	for _, err := range ready.Rejected {
		s.printf("  %s rejects: %v\n", n.name, err)
	}
}

func (s *script) joiner(cmd string, names []string) {
	switch cmd {
	case "join":
		s.add(names[0])
	case "observe":
		n, donor := s.find(names[0]), s.find(names[1])
		n.log, n.donor, n.stream = donor.log, donor, nil
		n.node.Observe(uint64(len(n.log)), donor.node.cfg.Self)
		s.turn(n, false)
	case "skip":
		n := s.find(names[0])
		n.stream = n.stream[1:]
	default:
		n := s.find(names[0])
		count := len(n.stream)
		if len(names) > 1 {
			count = int(number(names[1]))
		}
		for range count {
			d := n.stream[0]
			n.stream = n.stream[1:]
			applies, err := n.node.Observed(d.View, d.First, d.Count)
			s.printf("%s hears %s/%d %q at %d, applies: %v\n", n.name, d.Sender.ID, d.Seq, d.Payload, d.First, applies)
			if err != nil {
				s.printf("   %v\n", err)
			}
			if applies {
				n.log += string(d.Payload)
			}
			s.turn(n, false)
		}
	}
}

// inject steps a message that nobody sent.
func (s *script) inject(d *datadriven.TestData, names []string) {
	from, to := s.find(names[0]), s.find(names[1])
	m := Message{View: 1, Count: 1}
	for kind := range KindStable + 1 {
		if kind.String() == names[2] {
			m.Kind = kind
			break
		}
	}
	d.MaybeScanArgs(s.t, "view", &m.View)
	d.MaybeScanArgs(s.t, "seq", &m.Seq)
	d.MaybeScanArgs(s.t, "priority", &m.Priority)
	d.MaybeScanArgs(s.t, "count", &m.Count)
	if acks, ok := d.Arg("acks"); ok {
		for _, v := range acks.Vals {
			m.Acks = append(m.Acks, number(v))
		}
	}
	switch m.Kind {
	case KindFlushState:
		m.State = &FlushState{Entries: s.entries(d)}
	case KindCut:
		m.Cut = &Cut{Members: to.node.view.Members, Entries: s.entries(d)}
		d.MaybeScanArgs(s.t, "base", &m.Cut.Base)
	}
	s.take(from, to, &m)
	s.turn(to, false)
}

// entries reads entry=(sender rank, seq, priority, count, held or final).
func (s *script) entries(d *datadriven.TestData) []Entry {
	arg, ok := d.Arg("entry")
	if !ok {
		return nil
	}
	v := arg.Vals
	return []Entry{{
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
