package driver

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// EventKind says what an Event of a watch tells of.
type EventKind uint8

// The kinds of events.
const (
	EventPut      EventKind = iota + 1 // the variable was written: Value is what it holds
	EventDelete                        // the variable was deleted
	EventExpire                        // the variable has expired
	EventInitial                       // with Initial: the variable exists
	EventSynced                        // with Initial: all variables that exist at Position have come
	EventProgress                      // with Progress: all changes up to Position have come
)

// String returns the kind's name, such as "put".
func (k EventKind) String() string {
	switch k {
	case EventPut:
		return "put"
	case EventDelete:
		return "delete"
	case EventExpire:
		return "expire"
	case EventInitial:
		return "initial"
	case EventSynced:
		return "synced"
	case EventProgress:
		return "progress"
	default:
		return fmt.Sprintf("EventKind(%d)", uint8(k))
	}
}

// Event is what a watch returns. Its bytes are shared with other watches and must not be
// changed: see [Value].
type Event struct {
	Kind     EventKind
	Key      string
	Value           // of EventPut and EventInitial. Version is the position of the write
	Position uint64 // in the group's order, at which this happened

	// Old is the value before the change, with the option WithOld. Its Version is 0 if the
	// variable did not exist.
	Old Value

	// Last is true for the last change of the watch at its position. A transaction changes
	// several variables at one position.
	Last bool
}

// WatchOption changes what a Watch returns: a [RangeOption], [From], [Initial], [WithOld] or
// [Progress].
type WatchOption interface {
	watch(c *watchConfig) error
}

type watchConfig struct {
	keyRange
	flags    wire.WatchFlags
	after    uint64
	initial  bool
	progress time.Duration
}

func (r RangeOption) watch(c *watchConfig) error { return c.take(r) }

type watchFrom uint64

// From begins a watch after a position: that of an event, of a write, or of a scan.
func From(position uint64) WatchOption { return watchFrom(position) }

func (f watchFrom) watch(c *watchConfig) error {
	c.after, c.flags = uint64(f), c.flags|wire.WatchAfter
	return nil
}

type watchFlag uint8

// Initial begins a watch with the variables that exist, as EventInitial, all at one
// position, and then EventSynced with that position. All changes after it follow.
var Initial WatchOption = watchFlag(0)

// WithOld has changes carry the value of before.
var WithOld WatchOption = watchFlag(1)

func (f watchFlag) watch(c *watchConfig) error {
	if f == 0 {
		c.initial = true
	} else {
		c.flags |= wire.WatchOld
	}
	return nil
}

type watchProgress time.Duration

// Progress has the watch return an EventProgress when nothing has changed for about d, which
// is at least a second: to save a position that is not far back.
func Progress(d time.Duration) WatchOption { return watchProgress(d) }

func (p watchProgress) watch(c *watchConfig) error {
	c.progress = time.Duration(p)
	if c.progress < time.Second {
		return fmt.Errorf("%w: Progress of %v, at least 1s", ErrOption, c.progress)
	}
	return nil
}

// Watch returns the changes of the variables in a range, in the order in which the group has
// executed them, each once:
//
//	for event, err := range db.Watch(ctx, driver.Prefix("config/"), driver.Initial) {
//		if err != nil { ... }
//		fmt.Println(event.Kind, event.Key)
//	}
//
// Without options, a watch returns what changes after everything that the handle has seen
// when the loop begins. The changes of one position come together. A watch goes on through
// fail-over, at any server, without a gap. It ends with an error, which is the last pair:
//
//   - that of the context when it ends, ErrClosed, or ErrGeneration;
//   - ErrLagged, as a *LaggedError, if the caller is too slow. Servers keep the latest changes
//     only, by default 4 MiB; a watch that falls behind further has missed some.
//
// The iterator may be used again: then it begins as at first. One loop at a time takes the
// events of a watch.
func (h *handle) Watch(ctx context.Context, options ...WatchOption) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		w := &watcher{h: h, ctx: ctx, yield: yield}
		for _, o := range options {
			if err := o.watch(&w.config); err != nil {
				yield(Event{}, err)
				return
			}
		}
		if w.config.initial && w.config.flags&wire.WatchAfter != 0 {
			yield(Event{}, fmt.Errorf("%w: Initial and From", ErrOption))
			return
		}
		if err := w.run(); err != nil && !errors.Is(err, errLoopLeft) {
			yield(Event{}, err)
		}
	}
}

// errLoopLeft is why a watch ends whose caller has left the loop.
var errLoopLeft = errors.New("driver: the loop over a watch was left")

// watcher is a watch under way.
type watcher struct {
	h      *handle
	ctx    context.Context
	config watchConfig
	yield  func(Event, error) bool

	watch session.Watch
	bound *session.Binding // nil: it has not begun
	quiet time.Time        // since then nothing was returned
}

func (w *watcher) run() error {
	if w.config.initial {
		if err := w.initial(); err != nil {
			return err
		}
	}
	w.watch = session.NewWatch(wire.WatchQuery{From: w.config.from, To: w.config.to, Flags: w.config.flags, After: w.config.after, Credit: eventCredit})
	w.quiet = time.Now()
	for {
		l, watching, f, err := w.begin()
		switch {
		case err == nil:
			err = w.follow(l, watching, f)
			watching.Stop()
			w.h.db.pool.put(l)
			if err != nil {
				return err
			}
		case !errors.Is(err, ErrUnavailable) || w.ctx.Err() != nil || w.h.db.pool.failFast:
			return err
		default:
			// The time of one operation is up, but not that of the watch.
			if err := client.Sleep(w.ctx, w.watch.Pause(0.5)); err != nil {
				return w.h.gone(err)
			}
		}
	}
}

// initial returns the variables that exist.
func (w *watcher) initial() error {
	s := &scan{h: w.h, ctx: w.ctx, config: scanConfig{keyRange: w.config.keyRange}}
	s.begin()
	for more := true; more; {
		page, err := s.page(0)
		if err != nil {
			return err
		}
		for _, i := range page.Items {
			e := Event{Kind: EventInitial, Key: i.Key, Value: Value{Data: i.Value, Version: i.Version}, Position: s.scan.Position()}
			if !w.yield(e, nil) {
				return errLoopLeft
			}
		}
		more = page.More
	}
	w.config.after, w.config.flags = s.scan.Position(), w.config.flags|wire.WatchAfter
	if !w.yield(Event{Kind: EventSynced, Position: w.config.after, Last: true}, nil) {
		return errLoopLeft
	}
	return nil
}

// eventCredit is how many bytes of events may be on their way to a watch, or wait in it.
const eventCredit = 1 << 20

// begin begins the watch at a server, where it left off.
func (w *watcher) begin() (held *link, watching wire.Watching, f *eventFeed, err error) {
	q := w.watch.Query()
	op := operation{handle: w.h, Operation: session.Operation{Kind: session.Get}}
	op.reads = func(ctx context.Context, l *link, position uint64) (wire.Reply, error) {
		if w.bound != nil && w.bound != l.bound {
			err = l.otherGeneration()
			return wire.Reply{Position: position}, nil // which ends the operation
		}
		node, ok := l.conn.(wire.Watcher)
		if !ok {
			return wire.Reply{Status: wire.StatusUnsupported, Data: []byte("the connection has no watches")}, nil
		}
		f = newEventFeed() // that of an attempt that broke off has the end of its connection
		begun, reply, askErr := node.Watch(ctx, max(position, q.After), q, f)
		if askErr != nil {
			return reply, askErr
		}
		oldest := reply.Version
		switch w.watch.Reply(&reply, position) {
		case session.Begun:
			watching, held = begun, l
			l.hold()
			w.bound = l.bound
		case session.Lagged:
			err = &LaggedError{Resume: w.watch.Position(), Oldest: oldest}
		case session.NotBegun:
		}
		return reply, nil
	}
	_, opErr := op.read(w.ctx)
	if err == nil {
		err = opErr
	}
	if err != nil && watching != nil {
		watching.Stop()
		w.h.db.pool.put(held)
	}
	return held, watching, f, err
}

// follow returns the events of a server, until it has no more: then err is nil.
func (w *watcher) follow(l *link, watching wire.Watching, f *eventFeed) error {
	own, whole := w.h.ends()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	owed := 0 // bytes that were returned and are not granted again
	var events []Event
	for {
		var bytes int
		var ended *wire.Event
		events, bytes, ended = f.take(events)
		for i := range events {
			if err := w.take(&events[i]); err != nil {
				return err
			}
		}
		if owed += bytes; owed >= eventCredit/4 {
			watching.Grant(uint64(owed))
			owed = 0
		}
		if ended != nil {
			return w.ended(l, ended)
		}
		select {
		case <-f.more:
		case <-look.C:
			if l.retired.Load() {
				return nil // the connection takes no new requests: go on at another
			}
		case <-w.ctx.Done():
			return w.h.gone(w.ctx.Err())
		case <-own:
			return ErrClosed
		case <-whole:
			return ErrClosed
		}
	}
}

// take returns an event to the caller.
func (w *watcher) take(e *Event) error {
	if e.Kind == EventProgress {
		if news := w.watch.Progress(e.Position); !news || w.config.progress == 0 || time.Since(w.quiet) < w.config.progress {
			return nil
		}
	} else {
		w.watch.Returned(e.Position, e.Last)
	}
	if w.config.progress != 0 {
		w.quiet = time.Now()
	}
	if !w.yield(*e, nil) {
		return errLoopLeft
	}
	return nil
}

// ended takes the end of the watch at a server. Without an error it goes on at another.
func (w *watcher) ended(l *link, e *wire.Event) error {
	if w.watch.Ended(e.Status) {
		return &LaggedError{Resume: w.watch.Position()}
	}
	w.h.db.pool.giveUpServer(l)
	return nil
}
