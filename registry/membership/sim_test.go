package membership

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// sim is a group together with nodes that behave as nodes should, except where
// a test says otherwise. Its steps are so short that nothing depends on them.
type sim struct {
	g     *Group
	saved State
	now   time.Duration
	pace  time.Duration // of the steps of run
	nodes []*simNode    // every run of every node, in order of registration
	cuts  map[[2]string]bool
	lost  map[[2]string]uint64 // links that are dead until both ends hear of a later attempt
	told  uint64               // revision that was pushed
	out   strings.Builder
	quiet bool // registry is away

	positions map[uint64]uint64 // by generation: the last that a node has delivered

	watch func(*simNode, Directive) // sees every directive before its node

	disk time.Duration // that a save takes; the registry answers nobody meanwhile

	// crash makes the registry crash instead of saving, and start again from
	// what was saved before.
	crash bool
}

type simNode struct {
	id       string
	inc      uint64
	group    uint64
	gen      uint64
	view     uint64
	wedged   uint64
	install  uint64
	latest   Directive
	heard    map[uint64]time.Duration
	nextBeat time.Duration
	base     uint64 // of its generation
	position uint64

	dead    bool
	mute    bool // the registry does not hear it, nor does it hear the registry
	deaf    bool // hears no peer
	stalled bool // answers no attempt
	loading bool // not ready

	slow           time.Duration // how long its payloads of a flush take
	feed, feedRate uint64        // of its report
	stuck          bool          // none come
	delay          time.Duration // how long it takes in each attempt, whatever came before
	began          time.Duration // the attempt
	since          time.Duration // when it began to wait for payloads, 0: not
	fetched        uint64
	lag            time.Duration // of its messages, until it has eased for as long
	easedAt        time.Duration // when it was told to ease, 0: it is not
	excluded       bool
	refused        bool
}

var errCrashed = errors.New("the registry crashed")

func newSim(settings Settings) *sim {
	s := &sim{cuts: make(map[[2]string]bool), lost: make(map[[2]string]uint64), positions: make(map[uint64]uint64), pace: 5 * time.Millisecond}
	s.saved = NewState(1, 0, settings.Over(DefaultSettings())).WithSecret(Key{1})
	s.g = New(s.saved, s.now)
	s.settle()
	return s
}

// settle saves and prints what has happened. It is false if the registry
// crashed before it could save, so that nobody gets an answer.
func (s *sim) settle() bool {
	if state, ok := s.g.Unsaved(); ok {
		if s.crash {
			s.crash = false
			s.restart()
			return false
		}
		s.now += s.disk
		s.saved = state
		s.g.Saved()
	}
	for _, e := range s.g.TakeEvents() {
		s.print(e)
	}
	return true
}

func (s *sim) print(e Event) {
	fmt.Fprintf(&s.out, "%v %s:", s.now, e.Kind)
	if e.Node.ID != "" {
		fmt.Fprintf(&s.out, " %s", e.Node)
	}
	if e.View.ID != 0 {
		fmt.Fprintf(&s.out, " %d after %d: %s", e.View.ID, e.View.Prev, names(e.View.Members))
	}
	if e.Leader.ID != "" {
		fmt.Fprintf(&s.out, ", led by %s", e.Leader)
	}
	if e.Reason != "" {
		fmt.Fprintf(&s.out, " (%s)", e.Reason)
	}
	s.out.WriteByte('\n')
}

// restart is a new registry process on the saved state.
func (s *sim) restart() {
	s.g = New(s.saved, s.now)
	s.told = 0
	s.settle()
}

func (s *sim) register(r Registration) (*simNode, error) {
	if r.PeerAddr == "" {
		r.PeerAddr, r.ClientAddr = r.ID+":7000", r.ID+":7000"
	}
	if r.FeatureLevel == 0 {
		r.FeatureLevel = BaseLevel
	}
	inc, err := s.g.Register(s.now, r)
	if !s.settle() {
		return nil, errCrashed
	}
	if err != nil {
		return nil, err
	}
	for _, n := range s.nodes {
		if n.inc == inc {
			return n, nil
		}
	}
	n := &simNode{id: r.ID, inc: inc, group: s.saved.Group, gen: s.saved.Generation, heard: make(map[uint64]time.Duration), nextBeat: s.now}
	s.nodes = append(s.nodes, n)
	s.tell(n)
	return n, nil
}

// prove registers a node as often as it takes to have its proof believed.
func (s *sim) prove(r Registration) (*simNode, error) {
	n, err := s.register(r)
	if in := new(InUseError); r.ProvedDead != 0 && errors.As(err, &in) {
		s.run(in.Detection - in.Silent)
		return s.register(r)
	}
	return n, err
}

// node returns the latest run of a node, or that which "id/incarnation" names.
func (s *sim) node(id string) *simNode {
	for _, n := range slices.Backward(s.nodes) {
		if n.id == id || fmt.Sprintf("%s/%d", n.id, n.inc) == id {
			return n
		}
	}
	return nil
}

func (s *sim) run(d time.Duration) {
	for end := s.now + d; s.now < end; {
		s.now += s.pace
		s.step()
	}
}

func (s *sim) step() {
	for _, n := range s.nodes {
		for _, o := range s.nodes {
			if n != o && !n.dead && !o.dead && !n.deaf && !s.cut(o, n) {
				n.heard[o.inc] = s.now
			}
		}
	}
	s.deliver()
	if s.quiet {
		return
	}
	s.g.Tick(s.now)
	s.settle()
	for _, n := range s.nodes {
		if n.reaches() && s.now >= n.nextBeat {
			s.beat(n, s.report(n))
		}
	}
	if r := s.g.Revision(); r != s.told {
		s.told = r
		for _, n := range s.nodes {
			if n.reaches() {
				s.tell(n)
			}
		}
	}
}

// cut tells whether nothing comes from one node to another.
func (s *sim) cut(from, to *simNode) bool {
	ends := [2]string{from.id, to.id}
	lost, ok := s.lost[ends]
	return s.cuts[ends] || ok && min(from.wedged, to.wedged) <= lost
}

// lose has the link between two nodes die.
func (s *sim) lose(a, b string) {
	last := max(s.node(a).wedged, s.node(b).wedged)
	s.lost[[2]string{a, b}], s.lost[[2]string{b, a}] = last, last
}

// deliver has every node that is in a view deliver a command.
func (s *sim) deliver() {
	for _, n := range s.nodes {
		if n.view != 0 && !n.dead && !n.excluded && !n.refused {
			n.position = max(s.positions[n.gen], n.base) + 1
			s.positions[n.gen] = n.position
		}
	}
}

func (n *simNode) reaches() bool { return !n.dead && !n.mute && !n.excluded && !n.refused }

func (n *simNode) from() From {
	return From{ID: n.id, Incarnation: n.inc, Group: n.group, Generation: n.gen}
}

func (s *sim) beat(n *simNode, r Report) {
	n.nextBeat = s.now + s.saved.Settings.Heartbeat
	err := s.g.Heartbeat(s.now, n.from(), r)
	if !s.settle() {
		return
	}
	if err != nil {
		n.refused = true
		fmt.Fprintf(&s.out, "%v %s#%d refused: %v\n", s.now, n.id, n.inc, err)
		return
	}
	s.tell(n)
}

// report is what a node sees, told from the newest directive it has.
func (s *sim) report(n *simNode) Report {
	r := Report{View: n.view, Wedged: n.wedged, Installed: n.install, Figures: Figures{Position: n.position}, Fetched: n.fetched, Lag: n.lag, Feed: n.feed, FeedRate: n.feedRate}
	if s.acked(n) {
		r.Acked = n.wedged
	}
	r.Eased = n.easedAt != 0 && s.now-n.easedAt >= n.lag
	var peers []Member
	for _, v := range n.latest.Views {
		peers = v.Members
	}
	joiner := n.view == 0
	if joiner {
		r.Ready = !n.loading
		peers = slices.Concat(peers, n.latest.Joining)
		if len(peers) > 0 {
			r.Observed = peers[0].Incarnation
		}
	}
	for _, m := range peers {
		at, ok := n.heard[m.Incarnation]
		if m.Incarnation != n.inc && (ok || !joiner) {
			r.Peers = append(r.Peers, Peer{Incarnation: m.Incarnation, Silent: s.now - at})
		}
	}
	return r
}

// acked tells whether a node holds all payloads of the flush that it takes part in.
func (s *sim) acked(n *simNode) bool {
	return n.wedged > n.view && !n.stuck && s.now-n.since >= n.slow && s.now-n.began >= n.delay
}

// tell gives a node its directive, and the node obeys.
func (s *sim) tell(n *simNode) {
	d, err := s.g.Directive(n.from(), n.view)
	if err != nil {
		n.refused = true
		fmt.Fprintf(&s.out, "%v %s#%d refused: %v\n", s.now, n.id, n.inc, err)
		return
	}
	if s.watch != nil {
		s.watch(n, d)
	}
	if len(d.Views) == 0 {
		d.Views = n.latest.Views
	}
	if d.Generation != n.gen {
		n.view, n.wedged, n.install = 0, 0, 0
	}
	n.latest, n.gen, n.base = d, d.Generation, d.Base
	if d.Excluded {
		n.excluded = true
		fmt.Fprintf(&s.out, "%v %s#%d told: excluded (%s)\n", s.now, n.id, n.inc, d.Reason)
		return
	}
	for _, v := range d.Views {
		if v.Has(n.inc) && v.ID > n.view {
			n.view, n.since = v.ID, 0
			for _, m := range v.Members {
				n.heard[m.Incarnation] = max(n.heard[m.Incarnation], s.now)
			}
		}
	}
	if !d.Ease {
		n.easedAt = 0
	} else if n.easedAt == 0 {
		n.easedAt = s.now
	}
	s.takePart(n)
}

// takePart wedges a node for the attempt and, if it leads, finds out whether
// every member has taken part.
func (s *sim) takePart(n *simNode) {
	a := n.latest.Attempt
	if a == nil || n.stalled || a.View.ID <= n.view {
		return
	}
	if n.since == 0 {
		n.since = s.now
	}
	if !n.stuck && s.now-n.since < n.slow {
		n.fetched = uint64(s.now - n.since)
	}
	if n.wedged < a.View.ID {
		n.wedged, n.began = a.View.ID, s.now
		n.nextBeat = s.now
		for _, o := range s.nodes {
			if o != n && o.latest.Attempt != nil && o.latest.Attempt.View.ID == a.View.ID && o.latest.Attempt.Leader == o.inc {
				s.takePart(o)
			}
		}
	}
	if a.Leader != n.inc {
		return
	}
	all := !slices.ContainsFunc(a.View.Members, func(m Member) bool {
		i := slices.IndexFunc(s.nodes, func(o *simNode) bool { return o.inc == m.Incarnation })
		o := s.nodes[i]
		return o.dead || o.wedged != a.View.ID || !s.acked(o) || s.cut(n, o) || s.cut(o, n)
	})
	if all && n.install < a.View.ID {
		n.install = a.View.ID
		n.nextBeat = s.now
	}
}

// members names the committed view.
func (s *sim) members() string {
	v, _ := s.saved.Committed()
	return fmt.Sprintf("generation %d, view %d after %d: %s", s.saved.Generation, v.ID, v.Prev, names(v.Members))
}
