package membership

import (
	"cmp"
	"slices"
	"time"
)

// Group is one group's membership. It is not safe for concurrent use.
type Group struct {
	state   State
	saved   State // what the store is known to have
	unsaved bool

	nodes     map[uint64]*node // members of the committed view and joiners, by incarnation
	departed  departed
	penalties map[string]penalty // ids that failed to join

	now         time.Duration // of the latest step
	since       time.Duration // nothing before this counts as silence
	heldUp      time.Duration // when a step last came a heartbeat interval late, or later
	heldFor     time.Duration // how late it came: what waited meanwhile is so old
	heardAny    time.Duration // when a member was last heard
	deadline    time.Duration // of the attempt
	began       time.Duration // the attempt; 0: it teaches nothing about how long one takes
	spares      sparing       // of the plan of the attempt
	lookAgain   time.Duration // when to look for a plan that spares nobody
	untold      bool          // the attempt has just been saved
	periods     int           // by how many doublings its time is longer than that of the settings
	vain        int           // attempts since the last commit that failed and nobody was to blame for
	paid        bool          // a joiner was blamed since then
	allowance   time.Duration // what the attempt may take at least, for joiners that failed before
	trials      trials
	easing      bool // a planned change waits for members to have less under way
	easeUntil   time.Duration
	pacing      pacing
	blamed      uint64 // the attempt whose time was up last
	gathering   bool   // a joiner is ready and waits for company
	gatherUntil time.Duration

	exhausted bool   // it was told that there can be no new generation
	changes   uint32 // lower half of the revision
	events    []Event
}

// node is the volatile side of a member or joiner.
type node struct {
	member Member
	heard  time.Duration // when it last registered or sent a heartbeat
	// registered is when it did, or when the registry started.
	registered time.Duration
	beats      uint64 // heartbeats
	report     Report
	reportAt   time.Duration
	claimed    bool          // a successor has said that it is dead,
	claimedAt  time.Duration // at this time, and it was not heard between that and the latest claim
	joined     time.Duration // when the view was committed that added it, 0: before the registry started
	leaving    bool
	forced     bool // leave even below the minimum size
	// unanswered is an attempt that the node let pass. Until it reports to be
	// wedged for that or a later one, attempts do without it. 0: none.
	unanswered uint64
	// fetched is that of its report when the time of the attempt began, looked at the last look
	// for a better one.
	fetched, looked uint64
	// exclusion is why the current attempt does without it, for people.
	exclusion string
}

// From names the sender of a heartbeat or the reader of a directive, and the
// group that it believes it is in.
type From struct {
	ID          string
	Incarnation uint64
	Group       uint64
	Generation  uint64
	Key         Key // that it shares with the registry; zero: it has none
}

// Report is what a node tells in a heartbeat.
type Report struct {
	View      uint64 // the view it is in, 0: none
	Wedged    uint64 // attempt it is wedged for or, for a joiner, takes part in; 0: none
	Installed uint64 // attempt it leads and whose cut every member holds; 0: none
	Ready     bool   // a joiner: it holds the state up to near the head
	Observed  uint64 // a joiner: the member it observes

	// How a flush goes, and how long one would take.
	Fetched uint64        // bytes of payloads that came in flushes, in all
	Acked   uint64        // attempt whose cut it has acknowledged; 0: none
	Lag     time.Duration // for how long its oldest message that is not delivered has been under way
	Eased   bool          // it has at most one message under way

	// How far behind joiners are that this member gives the state to.
	Feed     uint64 // bytes of deliveries that wait for the one that is furthest behind
	FeedRate uint64 // bytes a second that go to it; 0: there is none

	Peers []Peer // what it hears of others; for a joiner, nodes with a proved link
	Figures
}

// Figures are what a node counts, in its reports and in its NodeStatus.
type Figures struct {
	Position uint64 // of its last delivered command
	Clients  uint32 // connections; the host counts them
	Queue    uint32 // commands that wait, and messages held back
}

// Peer is what a node hears of another.
type Peer struct {
	Incarnation uint64
	Silent      time.Duration // for how long nothing was heard, or a PROPOSE stood unanswered, when the report was sent
}

// New returns the group of a saved state, with every timer beginning at now.
// It changes the state (the count of boots), so the caller saves first of all.
func New(state State, now time.Duration) *Group {
	if n := len(state.Views); n > 1 {
		state.Views = slices.Clone(state.Views[n-1:]) // earlier releases kept 128
	}
	g := &Group{
		state:     state,
		saved:     state,
		nodes:     make(map[uint64]*node),
		penalties: make(map[string]penalty),
		now:       now,
		since:     now,
		heardAny:  now,
	}
	view, _ := state.Committed()
	for _, m := range view.Members {
		g.nodes[m.Incarnation] = &node{member: m, heard: now, registered: now}
	}
	if state.Attempt != nil {
		for _, m := range state.Attempt.View.Members {
			if !view.Has(m.Incarnation) {
				g.nodes[m.Incarnation] = &node{member: m, heard: now, registered: now}
			}
		}
		g.deadline = now + g.period()
		g.trials.begin(now)
	}
	g.state.Boot++
	g.raiseFloor(g.state.Base)
	g.changed()
	return g
}

// Unsaved returns the state to be saved, and false if the store has it.
func (g *Group) Unsaved() (State, bool) { return g.state, g.unsaved }

// Saved tells the group that the state which Unsaved returned is in the store.
func (g *Group) Saved() {
	g.untold = g.untold || g.state.Attempt != g.saved.Attempt
	g.saved, g.unsaved = g.state, false
}

// Tick lets time do its work: silent nodes, deadlines, gatherings. Call it
// several times per heartbeat interval. A registry that was held up for half
// of the detection time restarts its timers.
func (g *Group) Tick(now time.Duration) {
	g.advance(now)
	g.decide()
}

// Revision rises with every change of what nodes are told, over restarts too.
func (g *Group) Revision() uint64 { return g.state.Boot<<32 | uint64(g.changes) }

// advance moves the clock. A step that comes very late means that this process
// stood still, and then the silence was its own.
func (g *Group) advance(now time.Duration) {
	if now-g.now >= g.state.Settings.Detection/2 {
		g.since = now
	}
	if held := now - g.now; held >= max(g.state.Settings.Heartbeat, leastProofSilence) {
		g.heldUp, g.heldFor = now, held
	}
	before := g.now
	g.now = max(g.now, now)
	if g.untold && g.now-before > g.period()/8 {
		g.deadline = g.now + g.period() // nobody was told of the attempt while it was saved
	}
	g.untold = false
}

// changed notes a change of the durable state.
func (g *Group) changed() {
	g.unsaved = true
	g.changes++
}

// decide does everything that is due now.
func (g *Group) decide() {
	g.dropJoiners()
	if g.totalLoss() {
		g.recover()
	}
	if len(g.state.Views) == 0 {
		g.firstView()
	}
	if len(g.state.Views) == 0 {
		return
	}
	if g.state.Attempt != nil {
		g.watchAttempt()
		return
	}
	g.pace()
	next, ok := g.plan()
	if !ok || !next.differs() {
		g.gathering = false
		g.ease(false)
		return
	}
	if next.joinsOnly() && g.gather(next) || g.putOff(next) {
		return
	}
	g.gathering = false
	g.propose(next, 0)
}

// committed returns the committed view; a generation without one has none.
func (g *Group) committed() View {
	view, _ := g.state.Committed()
	return view
}

// joiners returns the nodes that are in no view, the first to register first.
func (g *Group) joiners() []*node {
	view := g.committed()
	var out []*node
	for _, n := range g.nodes {
		if !view.Has(n.member.Incarnation) {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b *node) int { return cmp.Compare(a.member.Incarnation, b.member.Incarnation) })
	return out
}

// silence is for how long the registry itself has not heard the node.
func (g *Group) silence(n *node) time.Duration {
	return g.now - max(n.heard, g.since)
}

func (n *node) wedgedFor(attempt uint64) bool {
	return n.report.Wedged >= attempt || n.report.Installed >= attempt || n.report.View >= attempt
}
