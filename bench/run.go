package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/bench/workload"
	"github.com/seed-8247e700/dsm/internal/check"
)

const (
	// graceTimeout is how long operations in flight at the end may take before
	// their outcome counts as unknown.
	graceTimeout = 10 * time.Second

	// drainTimeout is how long nodes may take to deliver what clients were
	// told, once nobody asks for more.
	drainTimeout = 30 * time.Second
)

// wholeBytes is up to how many bytes values are kept whole for what transactions append.
const wholeBytes = 64 << 10

// loadBegins is what people are told when the variables are loaded.
const loadBegins = "the load begins"

// errTooLate ends operations that are still in flight some time after the end.
var errTooLate = errors.New("not answered in time")

// Run makes a run. It ends early when the context does, and then still checks
// and reports what there is. An error means that there is nothing to report;
// one that wraps ErrConfig, that the Config or its files are wrong.
func Run(ctx context.Context, cfg Config, env program.Env) (*report.Report, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	env = env.OrNowhere()
	out, err := openFiles(&cfg)
	if err != nil {
		return nil, err
	}
	r := &run{cfg: cfg, env: env, clock: load.NewClock(), feeds: &cluster.Feeds{}, files: out}
	rep, err := r.onSystem(ctx, startSystem)
	return rep, errors.Join(err, out.close())
}

// startFunc starts the group that a Config asks for. The deliveries of its
// nodes go to feeds.
type startFunc func(ctx context.Context, cfg *Config, env program.Env, s *cluster.Feeds) (system, check.Options, error)

// run is a run under way.
type run struct {
	cfg     Config
	env     program.Env
	clock   load.Clock
	feeds   *cluster.Feeds
	files   *files
	figures *report.Figures
	checker *check.Checker
	auditor *auditor
	clients load.Clients
	plan    load.Schedule
	watch   *watch
	watches *watchers // nil without watchers

	expiries *expiries // nil if nothing expires

	keys      *load.Keyspace
	invariant workload.Invariant // of the workload; nil: it has none

	injector *injector // nil without faults
	meter    *meter    // nil if nobody tells what the run costs

	prepared    bool // the variables are loaded: load may begin
	interrupted bool
	failed      []string // what else fails the run
}

// onSystem starts the group, loads it, and stops it.
func (r *run) onSystem(ctx context.Context, start startFunc) (rep *report.Report, err error) {
	setUp, cancel := context.WithTimeout(ctx, cluster.SetUpTimeout)
	defer cancel()
	sys, options, err := start(setUp, &r.cfg, r.env, r.feeds)
	if err != nil && ctx.Err() != nil {
		return nil, program.ErrInterrupted // whatever else ended with it
	}
	if err != nil {
		return nil, fmt.Errorf("bench: starting the group: %w", err)
	}
	defer func() {
		if rep != nil {
			r.ended(sys, rep)
		} else {
			err = errors.Join(err, sys.Stop())
		}
	}()

	options.Age = cmp.Or(options.Age, cluster.ReadAge(cluster.Detection()))
	r.figures = report.NewFigures()
	stopWatchers, err := r.prepare(ctx, sys, &options)
	if err != nil {
		return nil, err
	}
	defer stopWatchers()
	r.checker = check.New(options)
	r.auditor = newAuditor(r.clock, r.feeds, r.checker, r.figures, r.files)
	r.auditor.invariant, r.auditor.expiries = r.invariant, r.expiries
	r.watch = newWatch(r.env, r.clock)
	r.auditor.forgotten = func() { r.watch.forget(0) }
	defer r.watch.start(sys)()
	r.clients = load.NewClients(r.cfg.Clients, r.cfg.Async, r.clock, r.keys, func(int) load.Book { return r.auditor.addClient(r.cfg.Clients) })
	for _, c := range r.clients {
		c.Home = homeOf(sys, c.ID)
	}
	defer r.clients.Close(func(client int, err error) { r.env.Notice("closing the session of client %d: %v", client, err) })
	if b, ok := sys.(faulty); ok && r.cfg.Faults != "" {
		s, err := r.cfg.schedule()
		if err != nil {
			return nil, err
		}
		if r.cfg.Faults == RandomFaults {
			// Now, lest a run that hangs or is killed take it along.
			r.env.Notice("seed %d makes up --faults %q", r.cfg.Seed, s)
		}
		r.injector = newInjector(r.env, r.clock, b, s, r.cfg.slowLimit)
		r.auditor.outages.Excuse = r.injector.excuses
	}
	if b, ok := sys.(metered); ok && r.cfg.Faults == "" {
		r.meter = &meter{system: b}
		r.meter.before = r.meter.sample(true)
	}
	if err := r.clients.Open(setUp, sys); err != nil && ctx.Err() != nil {
		return nil, program.ErrInterrupted
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
	rep = r.report(digests)
	if _, stateless, _ := r.watch.state(); !stateless { // or nothing is left to tidy
		r.tidy(ctx, sys, r.keys, rep)
	}
	return rep, nil
}

// prepare makes what the workload of the run needs, and begins the watches that the Config
// asks for, until the function returned is called.
func (r *run) prepare(ctx context.Context, sys system, options *check.Options) (stop func(), err error) {
	row, err := workload.Find(r.cfg.Name)
	if err != nil {
		return nil, err
	}
	r.keys, r.invariant = row.Start(&r.cfg.Workload, options.Prefix)
	options.Scans = r.invariant != nil // which looks at the nodes by a scan at the end
	if row.Transactions {
		options.WholeBytes = wholeBytes
	}
	if err := r.watchExpiries(ctx, sys, options); err != nil {
		return nil, err
	}
	stop = r.startWatchers(ctx, sys, options)
	if r.invariant != nil {
		options.Command = r.invariant.Order
	}
	return stop, nil
}

// ended stops the group, and adds to the report what was lost after it was made.
// What was found stands all the same.
func (r *run) ended(sys system, rep *report.Report) {
	lost := r.watch.rest(sys)
	for _, l := range lost[len(rep.Lost):] {
		rep.Lost = append(rep.Lost, l)
		rep.Fail(l.Text())
	}
	switch err := sys.Stop(); {
	case errors.Is(err, cluster.ErrCrashed):
		rep.Fail(fmt.Sprintf("stopping the group: %v", err))
	case err != nil:
		rep.Notes = append(rep.Notes, fmt.Sprintf("stopping the group: %v", err))
	}
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

	r.env.Notice("loading %s", report.Count(r.cfg.Keys, "variable"))
	err := r.clients.Preload(ctx, r.cfg.Keys)
	if ctx.Err() != nil {
		r.interrupted = true
		return nil
	}
	if err != nil {
		return err
	}
	if r.watches != nil && !r.watches.caughtUp(ctx, r.cfg.Keys) {
		r.interrupted = true
		return nil
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
	r.env.Notice(loadBegins)
	begin := r.clock.Now()
	r.watch.begun(begin)
	r.plan = load.Schedule{
		Begin: begin,
		Count: begin + int64(r.cfg.Warmup),
		End:   begin + int64(r.cfg.Warmup) + int64(r.cfg.Duration),
		Rate:  r.cfg.Rate,
	}
	standing := func() string { return "" }
	if r.injector != nil {
		r.injector.start(r.plan.Count, r.plan.End)
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
	r.clients.Run(ctx, &r.plan)
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
		r.plan.End = min(r.plan.End, r.clock.Now()) // there was no load after that
	}
}

// clientsEnded reports whether all clients were ended: the group lost its state, or
// each client its node.
func (r *run) clientsEnded() bool {
	return !slices.ContainsFunc(r.clients, func(c *load.Worker) bool { return c.Ctx.Err() == nil })
}

// settle waits until the nodes have delivered everything, and compares their
// states. The context of the run may have ended; this goes on.
func (r *run) settle(sys system) []cluster.Digest {
	if _, stateless, _ := r.watch.state(); r.injector != nil && !stateless {
		r.failed = append(r.failed, r.injector.heal()...)
	}
	r.awaitExpiries()
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if r.groupIsGone() {
		cancel() // there is nothing to wait for
	}
	r.auditor.drain(ctx, 0)
	digests, err := sys.Digests(ctx)
	if err != nil {
		digests = []cluster.Digest{{Node: "the group", Err: err}}
	}
	position := uint64(0)
	for _, d := range digests {
		position = max(position, d.Position)
	}
	r.auditor.drain(ctx, position)
	if r.watches != nil {
		r.watches.settle(ctx, position)
	}
	if r.invariant != nil && r.prepared && position > 0 {
		r.lookAtReplicas(ctx, digests, position)
	}
	return digests
}

// groupIsGone reports whether the group has lost its state, or every node.
func (r *run) groupIsGone() bool {
	lost, stateless, _ := r.watch.state()
	return stateless || len(lost) >= r.cfg.Nodes && r.cfg.Target == ""
}

// seconds is how long operations counted.
func (r *run) seconds() float64 {
	return math.Max(0, time.Duration(r.plan.End-r.plan.Count).Seconds())
}
