package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// breakableFake is a fakeGroup that notes what is done to it, and answers nothing
// while the registry is away.
type breakableFake struct {
	*fakeGroup
	cluster.LossFeed
	begin  time.Time
	log    []string
	silent bool
	deaf   time.Duration // it stays silent after a fault
	broken error         // what whole returns
	rate   float64       // of the load
	end    error         // what Stop returns
	lost   bool          // n1 is when sessions are closed
	ends   time.Duration // of the run's context, after the load begins to count; 0: never
	// forgets says that a kill costs the group its state.
	forgets bool
	hangs   int // the session that gets no answer after the first fault, from 1; 0: none
}

func (g *breakableFake) start(ctx context.Context, cfg *Config, env program.Env, s *cluster.Feeds) (system, check.Options, error) {
	_, options, err := g.fakeGroup.start(ctx, cfg, env, s)
	return g, options, err
}

// Home is no node.
func (g *breakableFake) Home(int) string { return "" }

func (g *breakableFake) note(what string, f *fault.Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.log = append(g.log, fmt.Sprintf("%v %s %s", time.Since(g.begin), what, f))
}

func (g *breakableFake) Strike(f *fault.Fault) (mend func() error, err error) {
	g.note("strike", f)
	if f.Kind == fault.Reset {
		return nil, errors.New("there is no link")
	}
	if g.forgets && f.Kind == fault.Kill {
		g.LossFeed <- cluster.Loss{} // of the state
	}
	if f.Kind != fault.Slow {
		g.setSilent(f.Kind == fault.RegistryAway)
	}
	if f.For == 0 && f.Kind != fault.RegistryAway {
		return nil, nil
	}
	return func() error {
		g.note("mend", f)
		if f.Kind != fault.Slow {
			time.AfterFunc(g.deaf, func() { g.setSilent(false) })
		}
		return nil
	}, nil
}

func (g *breakableFake) setSilent(silent bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.silent = silent
}

// Stop ends the group.
func (g *breakableFake) Stop() error { return errors.Join(g.fakeGroup.Stop(), g.end) }

func (g *breakableFake) Whole(context.Context) error { return g.broken }

// Open begins a client's session.
func (g *breakableFake) Open(ctx context.Context, client int) (load.Memory, error) {
	m, err := g.fakeGroup.Open(ctx, client)
	return &silentMemory{m, g, client}, err
}

type silentMemory struct {
	load.Memory
	group  *breakableFake
	client int
}

// Close ends the session, when the report is made.
func (m *silentMemory) Close() error {
	if m.group.lost && m.client == 0 {
		m.group.LossFeed <- cluster.Loss{Node: "n1", Why: cluster.ErrCrashed}
	}
	return m.Memory.Close()
}

// Do waits while the group is silent.
func (m *silentMemory) Do(ctx context.Context, r *load.Request, a *load.Answer) {
	for {
		m.group.mu.Lock()
		silent, hangs := m.group.silent, m.client+1 == m.group.hangs && len(m.group.log) > 0
		m.group.mu.Unlock()
		if hangs {
			<-ctx.Done()
			a.Status, a.Err = history.Unknown, driver.ErrOutcomeUnknown
			return
		}
		if !silent {
			break
		}
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // in a bubble
	}
	m.Memory.Do(ctx, r, a)
}

// runBreakable makes a run of 10 s on a fake group, in a bubble.
func runBreakable(t *testing.T, faults string, spoil func(*breakableFake)) (*report.Report, []string) {
	t.Helper()
	var log []string
	var rep *report.Report
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Faults, cfg.Warmup, cfg.Duration = faults, time.Second, 10*time.Second
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		g := &breakableFake{fakeGroup: newFakeGroup(3), LossFeed: cluster.NewLossFeed()}
		g.delay = 50 * time.Millisecond
		// Each client preloads a fifth of the variables; a second of warm-up follows.
		g.begin = time.Now().Add(time.Duration(cfg.Keys/cfg.Clients)*g.delay + cfg.Warmup)
		if spoil != nil {
			spoil(g)
		}
		cfg.Rate = g.rate
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if g.ends > 0 {
			time.AfterFunc(time.Until(g.begin)+g.ends, cancel)
		}
		out, err := openFiles(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		r := &run{cfg: cfg, env: program.Env{Notices: t.Output()}, clock: load.NewClock(), feeds: &cluster.Feeds{}, files: out}
		if rep, err = r.onSystem(ctx, g.start); err != nil {
			t.Fatal(err)
		}
		log = g.log
	})
	return rep, log
}

// Faults begin and end when they should; what stands at the end of the load is
// mended then.
func TestInjector(t *testing.T) {
	rep, log := runBreakable(t, "kill:n1@1s,pause:n2@2s+1s,restart:n1@3s,cut:n1-n3@3s+1s,diskfull@9s+5s,registry@9500ms", nil)
	want := []string{
		"1s strike kill:n1@1s",
		"2s strike pause:n2@2s+1s",
		"3s mend pause:n2@2s+1s",
		"3s strike restart:n1@3s",
		"3s strike cut:n1-n3@3s+1s",
		"4s mend cut:n1-n3@3s+1s",
		"9s strike diskfull@9s+5s",
		"9.5s strike registry@9.5s",
		"10s mend diskfull@9s+5s",
		"10s mend registry@9.5s",
	}
	if !slices.Equal(log, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(log, "\n"), strings.Join(want, "\n"))
	}
	if !rep.Pass || rep.Faults == nil || len(rep.Faults.Faults) != 6 || len(rep.Faults.Seconds) < 10 {
		t.Errorf("failures %q, faults %+v", rep.Failures, rep.Faults)
	}
}

// A fault that costs more than it may fails the run, unless it overlaps another.
func TestOutageFails(t *testing.T) {
	for faults, want := range map[string]string{
		"registry@1s+2s":                       "",
		"registry@1s+3500ms":                   "registry@1s+3.5s: 3.5",
		"registry@1s+3500ms,pause:n1@4s+100ms": "",
	} {
		rep, _ := runBreakable(t, faults, nil)
		row := rep.Faults.Faults[0]
		failures := strings.Join(rep.Failures, "; ")
		if row.WithoutWrite < int64(1900*time.Millisecond) || row.Exceeds != (want != "") ||
			rep.Pass != (want == "") || !strings.HasPrefix(failures, want) {
			t.Errorf("%s: pass %v, failures %q, %+v", faults, rep.Pass, failures, row)
		}
	}
}

// While a link is slow, a fault may cost as much more as the group's data need on it. The
// slow link itself may, too.
func TestSlowLinksTakeTime(t *testing.T) {
	for faults, want := range map[string]string{
		"slow@500ms+8s=1KiB/s,registry@1s+3500ms":            "",
		"slow@500ms+700ms=1KiB/s,registry@1s+3500ms":         "",
		"registry@1s+3500ms,slow@2s+1s=1MiB/s":               "registry@1s+3.5s: 3.5",
		"registry@1s+3500ms,slow@2s+1s=1KiB/s":               "",
		"registry@1s+3500ms,slow@5s+1s=1KiB/s":               "registry@1s+3.5s: 3.5",
		"slow@500ms+8s=1MiB/s,registry@1s+3500ms":            "registry@1s+3.5s: 3.5",
		"slow@100ms+500ms=1KiB/s,registry@1s+3500ms":         "registry@1s+3.5s: 3.5",
		"slow@1s+8s=1KiB/s,slow@8s+1s=1KiB/s,pause:n1@9s+1s": "",
	} {
		rep, _ := runBreakable(t, faults, nil)
		if failures := strings.Join(rep.Failures, "; "); rep.Pass != (want == "") || !strings.HasPrefix(failures, want) {
			t.Errorf("%s: pass %v, failures %q, %+v", faults, rep.Pass, failures, rep.Faults.Faults)
		}
	}
}

// What a group may have under way is what clients wait for, as far as members send it.
func TestUnderWay(t *testing.T) {
	for _, test := range []struct {
		nodes, clients, async, value int
		want                         int64
	}{
		{4, 12, 0, 1 << 20, 12 * (1<<20 + commandBytes)},
		{4, 64, 0, 1 << 20, 4 * (memberBytes + 1<<20 + commandBytes)},
		{2, 3, 100, 100, 300 * (100 + commandBytes)},
	} {
		cfg := Config{Nodes: test.nodes, Clients: test.clients, Async: test.async}
		cfg.ValueBytes = test.value
		if got := cfg.underWay(); got != test.want {
			t.Errorf("%+v: %d", test, got)
		}
	}
}

// A run that ends with the state of its group reports the time of the load that there
// was, and judges no fault.
func TestLostStateEndsTheLoad(t *testing.T) {
	rep, log := runBreakable(t, "pause:n1@500ms+100ms,kill:n2@2s,kill:n3@9s", func(g *breakableFake) { g.forgets = true })
	if rep.Seconds < 2 || rep.Seconds > 2.5 || len(log) != 3 {
		t.Errorf("%v s of load, %q happened", rep.Seconds, log)
	}
	if rep.Pass || len(rep.Failures) != 1 || !strings.HasPrefix(rep.Failures[0], fault.ErrStateLost.Error()) || rep.Interrupted {
		t.Errorf("pass %v, failures %q, interrupted %v", rep.Pass, rep.Failures, rep.Interrupted)
	}
	if want := "the group lost its state after 2 of 3 faults: what they cost is not judged"; rep.Faults.Verdict != want {
		t.Errorf("verdict %q, want %q", rep.Faults.Verdict, want)
	}
	for i, want := range []string{"not judged", fault.ErrStateLost.Error(), "did not happen"} {
		if row := rep.Faults.Table().Rows[i]; row[len(row)-1] != want {
			t.Errorf("%q, want %q", row, want)
		}
	}
}

// A run that is interrupted says how many of its faults it has passed.
func TestInterruptedBetweenFaults(t *testing.T) {
	rep, _ := runBreakable(t, "pause:n1@1s+1s,pause:n2@8s+1s", func(g *breakableFake) { g.ends = 4 * time.Second })
	if got, want := rep.Verdict(), "PASS (interrupted: 1 of 2 faults happened)"; got != want || !rep.Interrupted {
		t.Errorf("verdict %q, want %q; failures %q", got, want, rep.Failures)
	}
}

// Faults excuse an operation that found the group in trouble, or getting over it,
// and not one that had time enough without any.
func TestExcuses(t *testing.T) {
	i := newInjector(program.Env{}, load.NewClock(), nil, make(fault.Schedule, 4), nil)
	ms := int64(time.Millisecond)
	for n, m := range [][2]int64{{10_000, 10_000}, {20_000, 22_000}, {21_000, 26_000}, {40_000, -1}} {
		i.marks[n].begun = m[0] * ms
		i.marks[n].ended = max(m[1]*ms, -1)
	}
	for _, test := range []struct {
		from, to int64
		want     bool
	}{
		{1_000, 1_001, false},   // before all
		{6_000, 10_001, false},  // long before
		{9_000, 10_001, true},   // into one
		{13_000, 13_500, true},  // soon after
		{13_001, 13_500, false}, // not soon
		{9_000, 30_001, false},  // from 13 s to 20 s nothing stood in its way
		{19_000, 29_000, true},
		{19_000, 29_001, false},
		{26_000, 41_000, false}, // it had from 26 s to 40 s
		{38_000, 90_000, true},  // one that has not ended
		{50_000, 90_000, true},
	} {
		if got := i.excuses(test.from*ms, test.to*ms); got != test.want {
			t.Errorf("from %d to %d ms: %v", test.from, test.to, got)
		}
	}
}

// An operation that a slow link held up has more time after it.
func TestExcusesAfterSlowLinks(t *testing.T) {
	s := fault.Schedule{{Kind: fault.Slow, Rate: 5}}
	i := newInjector(program.Env{}, load.NewClock(), nil, s, func(rate int64) time.Duration { return time.Duration(rate) * time.Second })
	i.marks[0].begun, i.marks[0].ended = 0, int64(10*time.Second)
	for to, want := range map[time.Duration]bool{9 * time.Second: true, 18 * time.Second: true, 18*time.Second + 1: false} {
		if got := i.excuses(int64(5*time.Second), int64(to)); got != want {
			t.Errorf("to %v: %v", to, got)
		}
	}
	if i.excuses(int64(18*time.Second)+1, int64(20*time.Second)) {
		t.Error("one that began long after it is excused")
	}
}

// A handle that never goes elsewhere fails the run, however well others do.
func TestClientThatHangsFails(t *testing.T) {
	rep, _ := runBreakable(t, "reset:n1-n2@1s,registry@2s+100ms", func(g *breakableFake) { g.hangs = 3 })
	if failures := strings.Join(rep.Failures, "; "); !strings.Contains(failures, "1 error that no fault excuses, such as: client 2, after 1") {
		t.Errorf("failures %q", failures)
	}
}

// A group that stays silent when faults that overlap are over fails the run.
func TestOutageAfterFaultsFails(t *testing.T) {
	rep, _ := runBreakable(t, "pause:n1@500ms+3s,registry@1s+2s", func(g *breakableFake) { g.deaf = 4 * time.Second })
	failures := strings.Join(rep.Failures, "; ")
	if last := rep.Faults.Faults[1]; !last.Exceeds || last.AfterWrite < int64(3*time.Second) ||
		!strings.HasPrefix(failures, "after registry@1s+2s and what overlaps it: 3.") {
		t.Errorf("failures %q, %+v", failures, rep.Faults.Faults)
	}
}

// What could not be made, and a group that does not heal, fail the run.
func TestFaultsFail(t *testing.T) {
	rep, _ := runBreakable(t, "reset:n1-n2@1s", func(g *breakableFake) { g.broken = errors.New("n2 is not back") })
	failures := strings.Join(rep.Failures, "; ")
	if rep.Pass || !strings.Contains(failures, "reset:n1-n2@1s: there is no link") || !strings.Contains(failures, "did not heal: n2 is not back") {
		t.Errorf("pass %v, failures %q", rep.Pass, failures)
	}
}

// A process that panics while the group is stopped, or between the report and that,
// fails the run; other complaints are told.
func TestLateCrashFails(t *testing.T) {
	for _, test := range []struct {
		end  error
		lost bool
		want string
	}{
		{fmt.Errorf("process n2: %w: exit status 2", cluster.ErrCrashed), false, "stopping the group: process n2: it crashed"},
		{nil, true, "node n1 was lost, "},
		{errors.New("a lock is held"), false, ""},
	} {
		rep, _ := runBreakable(t, "reset:n1-n2@1s", func(g *breakableFake) { g.end, g.lost = test.end, test.lost })
		failures := strings.Join(rep.Failures, "; ")
		if _, rest, _ := strings.Cut(failures, "there is no link"); !strings.HasPrefix(rest, "; "+test.want) && rest != test.want {
			t.Errorf("failures %q, want %q", failures, test.want)
		}
		if rep.Pass || len(rep.Lost) > 0 != test.lost {
			t.Errorf("pass %v, lost %+v", rep.Pass, rep.Lost)
		}
	}
}

// A load so slow that its last operation is due long before the end does not keep
// the last faults from happening.
func TestSlowLoadHasAllFaults(t *testing.T) {
	rep, log := runBreakable(t, "pause:n1@9900ms+1s", func(g *breakableFake) { g.rate = 0.5 })
	if want := []string{"9.9s strike pause:n1@9.9s+1s", "10s mend pause:n1@9.9s+1s"}; !slices.Equal(log, want) {
		t.Errorf("%q happened, want %q; failures %q", log, want, rep.Failures)
	}
}

// A fault that did not happen fails a run that was not interrupted.
func TestFaultThatDidNotHappenFails(t *testing.T) {
	f := &report.FaultReport{Faults: []report.FaultRow{{Fault: "reset:n1-n2@9s", Seconds: -1}}}
	if got := f.Failures(false); len(got) != 1 || got[0] != "reset:n1-n2@9s: it did not happen" {
		t.Errorf("failures %q", got)
	}
	if got := f.Failures(true); len(got) > 0 {
		t.Errorf("interrupted, and failures %q", got)
	}
}

// An acknowledged write that vanishes in a fault is found.
func TestFaultsHideNoLoss(t *testing.T) {
	rep, _ := runBreakable(t, "registry@2s+1s,kill:n2@5s", func(g *breakableFake) {
		lost := false
		g.split = func(_ string, d *wire.Delivery) bool {
			cmd, _, err := wire.DecodeCommand(d.Payload)
			if err == nil && cmd.Op == wire.OpSet && g.position > 200 && !lost {
				lost = true
				d.Effects[0] = 0 // it has an effect at no node
			}
			return true
		}
	})
	if rep.Pass || !slices.ContainsFunc(rep.Checks, func(c check.Result) bool { return !c.Pass() }) {
		t.Errorf("pass %v, checks %+v", rep.Pass, rep.Checks)
	}
}
