package membership

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestScripts runs the stories in testdata. Nodes behave by themselves; the
// commands say what happens to them:
//
//	start [min=N] [delivery=agreed] [detection=DURATION] [attempt=DURATION]
//	                            a registry without nodes
//	      [long]                      steps are ten times as long, for a story of an hour
//	register ID [proof=INC] [loading] [group=N] [nonce=N] [level=N]
//	run DURATION
//	kill ID, mute ID, deaf ID, stall ID, stick ID (payloads do not come); heal ID undoes all but kill
//	slow ID DURATION                  how long its payloads of a flush take
//	delay ID DURATION                 how long it takes in each attempt
//	feed ID MIB KIB                   how much waits at it for a joiner, and goes to it in a second
//	lag ID DURATION                   of its messages; it takes as long to ease
//	cut A B / mend A B                the link between two nodes
//	lose A B                          it dies: the next attempt at both makes it anew
//	leave ID [force]
//	stopped ID [force]                  it says that it has stopped; kill it before
//	away, then restart or resume      of the registry: its end, or its process held up
//	new-generation [force]
//	claim ID INSTALLED [wedged=N]     a heartbeat that claims an attempt installed
//	disk DURATION                     that a save takes from now on
//	directive ID, status
//
// ID is the latest run of a node, ID/INC an older one.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var s *sim
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "start" {
				s = startScript(t, d)
				return ""
			}
			s.out.Reset()
			if err := s.command(t, d); err != nil {
				fmt.Fprintf(&s.out, "error: %v\n", err)
			}
			return s.out.String()
		})
	})
}

func startScript(t *testing.T, d *datadriven.TestData) *sim {
	var settings Settings
	d.MaybeScanArgs(t, "min", &settings.MinMembers)
	for name, of := range map[string]*time.Duration{"detection": &settings.Detection, "attempt": &settings.AttemptTimeout} {
		var value string
		if d.MaybeScanArgs(t, name, &value); value != "" {
			duration, err := time.ParseDuration(value)
			if err != nil {
				t.Fatal(err)
			}
			*of = duration
		}
	}
	var delivery string
	d.MaybeScanArgs(t, "delivery", &delivery)
	settings.Delivery = Delivery(delivery)
	s := newSim(settings)
	if d.HasArg("long") {
		s.pace *= 10
	}
	return s
}

func (s *sim) command(t *testing.T, d *datadriven.TestData) error {
	first := ""
	if len(d.CmdArgs) > 0 {
		first = d.CmdArgs[0].Key
	}
	switch d.Cmd {
	case "register":
		r := Registration{ID: first}
		d.MaybeScanArgs(t, "proof", &r.ProvedDead)
		d.MaybeScanArgs(t, "group", &r.Group)
		d.MaybeScanArgs(t, "nonce", &r.Nonce)
		var level uint64
		d.MaybeScanArgs(t, "level", &level)
		r.FeatureLevel = uint32(level)
		n, err := s.register(r)
		if err == nil {
			n.loading = d.HasArg("loading")
			fmt.Fprintf(&s.out, "%s is incarnation %d\n", n.id, n.inc)
		}
		return err
	case "run":
		duration, err := time.ParseDuration(first)
		s.run(duration)
		return err
	case "disk":
		duration, err := time.ParseDuration(first)
		s.disk = duration
		return err
	case "slow", "lag", "delay":
		duration, err := time.ParseDuration(d.CmdArgs[1].Key)
		n := s.node(first)
		*map[string]*time.Duration{"slow": &n.slow, "lag": &n.lag, "delay": &n.delay}[d.Cmd] = duration
		return err
	case "feed":
		mib, err := strconv.ParseUint(d.CmdArgs[1].Key, 10, 64)
		if err != nil {
			return err
		}
		kib, err := strconv.ParseFloat(d.CmdArgs[2].Key, 64)
		n := s.node(first)
		n.feed, n.feedRate = mib<<20, uint64(kib*1024)
		return err
	case "cut", "mend":
		second := d.CmdArgs[1].Key
		s.cuts[[2]string{first, second}] = d.Cmd == "cut"
		s.cuts[[2]string{second, first}] = d.Cmd == "cut"
	case "lose":
		s.lose(first, d.CmdArgs[1].Key)
	case "leave":
		err := s.g.Leave(s.now, s.node(first).from(), d.HasArg("force"), "asked to")
		s.settle()
		return err
	case "stopped":
		err := s.g.Stopped(s.now, s.node(first).from(), d.HasArg("force"))
		s.settle()
		return err
	case "away":
		s.quiet = true
	case "restart":
		s.quiet = false
		s.restart()
	case "resume":
		s.quiet = false
	case "new-generation":
		_, err := s.g.NewGeneration(s.now, d.HasArg("force"))
		s.settle()
		return err
	case "claim":
		installed, err := strconv.ParseUint(d.CmdArgs[1].Key, 10, 64)
		n := s.node(first)
		wedged := n.wedged
		d.MaybeScanArgs(t, "wedged", &wedged)
		s.beat(n, Report{View: n.view, Wedged: wedged, Installed: installed})
		return err
	case "directive":
		s.printDirective(s.node(first))
	case "status":
		s.printStatus()
	default:
		return s.fault(t, d.Cmd, s.node(first))
	}
	return nil
}

func (s *sim) fault(t *testing.T, fault string, n *simNode) error {
	switch fault {
	case "kill":
		n.dead = true
	case "mute":
		n.mute = true
	case "deaf":
		n.deaf = true
	case "stall":
		n.stalled = true
	case "stick":
		n.stuck = true
	case "heal":
		n.mute, n.deaf, n.stalled, n.loading, n.stuck = false, false, false, false, false
		n.slow, n.delay = 0, 0
	default:
		t.Fatalf("unknown command %q", fault)
	}
	return nil
}

func (s *sim) printDirective(n *simNode) {
	d, err := s.g.Directive(n.from(), n.view)
	if err != nil {
		fmt.Fprintf(&s.out, "refused: %v\n", err)
		return
	}
	for _, v := range d.Views {
		fmt.Fprintf(&s.out, "view %d after %d: %s\n", v.ID, v.Prev, names(v.Members))
	}
	if d.Attempt != nil {
		fmt.Fprintf(&s.out, "attempt %d after %d: %s, leader %d\n", d.Attempt.View.ID, d.Attempt.View.Prev, names(d.Attempt.View.Members), d.Attempt.Leader)
	}
	if len(d.Joining) > 0 {
		fmt.Fprintf(&s.out, "joining: %s\n", names(d.Joining))
	}
	if d.Pace > 0 {
		fmt.Fprintf(&s.out, "pace %d\n", d.Pace)
	}
	if d.Ease {
		s.out.WriteString("ease\n")
	}
	if d.Excluded {
		s.out.WriteString("excluded\n")
	}
	if d.Reason != "" {
		fmt.Fprintf(&s.out, "reason: %s\n", d.Reason)
	}
}

func (s *sim) printStatus() {
	fmt.Fprintln(&s.out, s.members())
	for _, n := range s.g.Status(s.now).Nodes {
		fmt.Fprintf(&s.out, "%s rank %d %s\n", n.Member, n.Rank, n.State)
	}
}
