package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/check"
)

const (
	// graceTimeout is how long operations in flight at the end may take before
	// their outcome counts as unknown.
	graceTimeout = 10 * time.Second

	// drainTimeout is how long nodes may take to deliver what clients were
	// told, once nobody asks for more.
	drainTimeout = 30 * time.Second

	// sessionsAtATime is how many sessions are opened, or closed, at once.
	sessionsAtATime = 64

	// setUpTimeout bounds the start of a group and of the sessions.
	setUpTimeout = 60 * time.Second
)

// loadBegins is what people are told when the variables are loaded.
const loadBegins = "the load begins"

// ErrInterrupted says that the context ended before there was a group under
// load, and anything to report.
var ErrInterrupted = errors.New("bench: interrupted before anything was measured")

// errTooLate ends operations that are still in flight some time after the end.
var errTooLate = errors.New("not answered in time")

// Env is where a run happens.
type Env struct {
	// Notices takes progress and what the nodes have to say, those in processes of
	// their own too. It must not block, or they would stand still. Default: nowhere.
	Notices io.Writer
	// Progress is a terminal on which a progress bar is drawn. Default: none.
	Progress *os.File
	// Profiles that the processes of a run take, each in files of its own, whose
	// names end with its name. Default: none.
	Profiles Profiles
}

// orNowhere is e with its default.
func (e Env) orNowhere() Env {
	if e.Notices == nil {
		e.Notices = io.Discard
	}
	return e
}

// notice tells people what goes on. That they cannot be told stops nothing.
func (e Env) notice(format string, args ...any) {
	_, _ = fmt.Fprintf(e.Notices, "dsmbench: "+format+"\n", args...)
}

// Run makes a run. It ends early when the context does, and then still checks
// and reports what there is. An error means that there is nothing to report;
// one that wraps ErrConfig, that the Config or its files are wrong.
func Run(ctx context.Context, cfg Config, env Env) (*Report, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	env = env.orNowhere()
	out, err := openFiles(&cfg)
	if err != nil {
		return nil, err
	}
	r := &run{cfg: cfg, env: env, clock: newClock(), feeds: &feeds{}, files: out}
	report, err := r.onSystem(ctx, startSystem)
	return report, errors.Join(err, out.close())
}

// startFunc starts the group that a Config asks for. The deliveries of its
// nodes go to feeds.
type startFunc func(ctx context.Context, cfg *Config, env Env, s *feeds) (system, check.Options, error)

// run is a run under way.
type run struct {
	cfg     Config
	env     Env
	clock   clock
	feeds   *feeds
	files   *files
	figures *figures
	checker *check.Checker
	auditor *auditor
	clients []*worker
	plan    schedule
	watch   *watch

	injector *injector // nil without faults
	meter    *meter    // nil if nobody tells what the run costs

	prepared    bool // the variables are loaded: load may begin
	interrupted bool
	failed      []string // what else fails the run
}

// onSystem starts the group, loads it, and stops it.
func (r *run) onSystem(ctx context.Context, start startFunc) (report *Report, err error) {
	setUp, cancel := context.WithTimeout(ctx, setUpTimeout)
	defer cancel()
	sys, options, err := start(setUp, &r.cfg, r.env, r.feeds)
	if err != nil && ctx.Err() != nil {
		return nil, ErrInterrupted // whatever else ended with it
	}
	if err != nil {
		return nil, fmt.Errorf("bench: starting the group: %w", err)
	}
	defer func() {
		if report != nil {
			r.ended(sys, report)
		} else {
			err = errors.Join(err, sys.Stop())
		}
	}()

	options.Age = cmp.Or(options.Age, readAge(detection()))
	r.figures = newFigures()
	r.checker = check.New(options)
	r.auditor = newAuditor(r.clock, r.feeds, r.checker, r.figures, r.files)
	r.watch = newWatch(r.env, r.clock)
	defer r.watch.start(sys)()
	defer r.closeSessions()
	keys := newKeyspace(&r.cfg, options.Prefix)
	if b, ok := sys.(faulty); ok && r.cfg.Faults != "" {
		s, err := r.cfg.schedule()
		if err != nil {
			return nil, err
		}
		if r.cfg.Faults == RandomFaults {
			// Now, lest a run that hangs or is killed take it along.
			r.env.notice("seed %d makes up --faults %q", r.cfg.Seed, s)
		}
		r.injector = newInjector(r.env, r.clock, b, s)
		r.auditor.outages.excuse = r.injector.excuses
	}
	if b, ok := sys.(metered); ok && r.cfg.Faults == "" {
		r.meter = &meter{system: b}
		r.meter.before = r.meter.sample(true)
	}
	if err := r.openSessions(setUp, sys, keys); err != nil && ctx.Err() != nil {
		return nil, ErrInterrupted
	} else if err != nil {
		return nil, err
	}
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	digests := r.settle(sys)
	if r.meter != nil {
		r.meter.after = r.meter.sample(true)
	}
	report = r.report(digests)
	if _, stateless, _ := r.watch.state(); !stateless { // or nothing is left to tidy
		r.tidy(ctx, sys, keys, report)
	}
	return report, nil
}

// ended stops the group, and adds to the report what was lost after it was made.
// What was found stands all the same.
func (r *run) ended(sys system, report *Report) {
	lost := r.watch.rest(sys)
	for _, l := range lost[len(report.Lost):] {
		report.Lost = append(report.Lost, l)
		report.fail(l.text())
	}
	switch err := sys.Stop(); {
	case errors.Is(err, errCrashed):
		report.fail(fmt.Sprintf("stopping the group: %v", err))
	case err != nil:
		report.Notes = append(report.Notes, fmt.Sprintf("stopping the group: %v", err))
	}
}

// openSessions opens the session of each client, some at a time.
func (r *run) openSessions(ctx context.Context, sys system, keys *keyspace) error {
	r.clients = make([]*worker, r.cfg.Clients)
	errs := make([]error, r.cfg.Clients)
	var group sync.WaitGroup
	slots := make(chan struct{}, sessionsAtATime)
	for i := range r.clients {
		c := &worker{
			id: i, clients: r.cfg.Clients, clock: r.clock,
			logbook: r.auditor.addClient(r.cfg.Clients),
			chooser: newGenerator(&r.cfg, keys, i), watch: r.watch, home: homeOf(sys, i),
			pipeline: newPipeline(r.cfg.Async),
		}
		r.clients[i] = c
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			errs[i] = c.open(ctx, sys)
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("bench: opening sessions: %w", firstOf(errs))
	}
	return nil
}

func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *worker) open(ctx context.Context, sys system) error {
	m, err := sys.Open(ctx, c.id)
	if err != nil {
		return err
	}
	c.memory = m
	c.session, err = m.Session(ctx)
	return err
}

// closeSessions closes them, some at a time. That one cannot be closed is no
// harm: it expires.
func (r *run) closeSessions() {
	var group sync.WaitGroup
	slots := make(chan struct{}, sessionsAtATime)
	for _, c := range r.clients {
		if c.memory == nil {
			continue
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := c.memory.Close(); err != nil {
				r.env.notice("closing the session of client %d: %v", c.id, err)
			}
		})
	}
	group.Wait()
}

// load preloads the variables, then puts the group under load, while the
// auditor reads along.
func (r *run) load(ctx context.Context) error {
	audit, stopAudit := context.WithCancel(context.Background())
	var auditing sync.WaitGroup
	auditing.Go(func() { r.auditor.run(audit) })
	defer auditing.Wait()
	defer stopAudit()

	// Operations end with their own context, some time after the load.
	ops, cancelOps := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancelOps(nil)
	tooLate := func() { cancelOps(errTooLate) }
	grace := context.AfterFunc(ctx, func() { time.AfterFunc(graceTimeout, tooLate) })
	r.watch.clients(ops, cancelOps, r.clients)
	defer grace()

	r.env.notice("loading %s", count(r.cfg.Keys, "variable"))
	errs := make([]error, len(r.clients))
	r.everyClient(func(c *worker) {
		own, cancel := context.WithCancel(c.ctx)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		errs[c.id] = c.preload(own, r.cfg.Keys)
	})
	if ctx.Err() != nil {
		r.interrupted = true
		return nil
	}
	if err := firstOf(errs); err != nil {
		return err
	}
	r.prepared = true
	late := time.AfterFunc(r.cfg.Warmup+r.cfg.Duration+graceTimeout, tooLate)
	defer late.Stop()
	r.underLoad(ctx, ops)
	return nil
}

// underLoad has the clients do what the Config says, and faults happen. ops ends
// when no client can go on.
func (r *run) underLoad(ctx, ops context.Context) {
	r.env.notice(loadBegins)
	begin := r.clock.now()
	r.watch.begun(begin)
	r.plan = schedule{
		begin: begin,
		count: begin + int64(r.cfg.Warmup),
		end:   begin + int64(r.cfg.Warmup) + int64(r.cfg.Duration),
		rate:  r.cfg.Rate,
	}
	standing := func() string { return "" }
	if r.injector != nil {
		r.injector.start(r.plan.count, r.plan.end)
		defer r.injector.finish()
		standing = r.injector.standing
	}
	weighing, stopWeighing := context.WithCancel(ctx)
	defer stopWeighing()
	var weigher sync.WaitGroup
	if r.meter != nil {
		weigher.Go(func() { r.meter.watch(weighing, r.clock, &r.plan) })
	}
	progress := showProgress(r.env, &r.cfg, &r.auditor.total, standing)
	r.everyClient(func(c *worker) {
		if r.cfg.Rate > 0 {
			c.openLoop(c.ctx, ctx, &r.plan)
		} else {
			c.closedLoop(c.ctx, ctx, &r.plan)
		}
	})
	if r.injector != nil {
		r.injector.await(ctx, ops) // with a low rate the clients may be done early
	}
	if r.clientsEnded() {
		stopWeighing() // the end may be far away
	}
	weigher.Wait()
	progress.finish()
	r.interrupted = ctx.Err() != nil
	if r.interrupted || r.clientsEnded() {
		r.plan.end = min(r.plan.end, r.clock.now()) // there was no load after that
	}
}

// clientsEnded reports whether all clients were ended: the group lost its state, or
// each client its node.
func (r *run) clientsEnded() bool {
	return !slices.ContainsFunc(r.clients, func(c *worker) bool { return c.ctx.Err() == nil })
}

func (r *run) everyClient(f func(*worker)) {
	var group sync.WaitGroup
	for _, c := range r.clients {
		group.Go(func() { f(c) })
	}
	group.Wait()
}

// settle waits until the nodes have delivered everything, and compares their
// states. The context of the run may have ended; this goes on.
func (r *run) settle(sys system) []digest {
	if _, stateless, _ := r.watch.state(); r.injector != nil && !stateless {
		r.failed = append(r.failed, r.injector.heal()...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if lost, stateless, _ := r.watch.state(); stateless || len(lost) >= r.cfg.Nodes && r.cfg.Target == "" {
		cancel() // there is nothing to wait for
	}
	r.auditor.drain(ctx, 0)
	digests, err := sys.Digests(ctx)
	if err != nil {
		digests = []digest{{node: "the group", err: err}}
	}
	position := uint64(0)
	for _, d := range digests {
		position = max(position, d.position)
	}
	r.auditor.drain(ctx, position)
	return digests
}

// seconds is how long operations counted.
func (r *run) seconds() float64 {
	return math.Max(0, time.Duration(r.plan.end-r.plan.count).Seconds())
}
