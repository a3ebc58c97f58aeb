package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/console"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// sessionsFlags are the flags of dsm sessions.
type sessionsFlags struct {
	target
	after         uint64
	limit         int
	keysOnly      bool
	strong, stale bool
}

func newSessionsCommand(s *surroundings) *cobra.Command {
	var f sessionsFlags
	cmd := &cobra.Command{
		Use:   "sessions [ID]",
		Short: "List the sessions of clients",
		Long: `Sessions lists the sessions of a group by their ids, the oldest first: each with its
TTL and what is left of it, how many variables it owns, the number of its latest
write, and the name and the address of its client. With ID it shows that session
and the keys of the variables that it owns, which expire with it.

What is left is counted by the group's clock: a write or a renewal of the session
sets it to the TTL again, and when nothing is left, the session expires. The time
of a session with a TTL of its own begins some milliseconds after its last command.

A server sends up to 256 sessions or keys at a time, from its own replica. Sessions
that are opened or that end meanwhile may be missing; every other one is listed
once. If a server fails, another one sends the rest. --strong and --stale work as
for get, and --timeout applies to each part. If there is no session ID, the exit
status is 3.`,
		Example:           "  dsm sessions\n  dsm sessions 1764388251000123 --keys-only\n  dsm sessions -o json | jq '.sessions[] | select(.owns > 0)'",
		Args:              optional,
		ValidArgsFunction: f.complete,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, s, args)
		},
	}
	f.addFlags(cmd)
	flags := cmd.Flags()
	flags.Uint64Var(&f.after, "after", 0, "list only sessions with higher ids than `ID`")
	flags.IntVar(&f.limit, "limit", 0, "maximum `number` of sessions to list (default: all)")
	flags.BoolVar(&f.keysOnly, "keys-only", false, "with ID: print only the keys of its variables, one per line")
	flags.BoolVar(&f.strong, "strong", false, "see every command that was acknowledged before the listing began")
	flags.BoolVar(&f.stale, "stale", false, "list what the replica of one server has, even if it is cut off; it may be old")
	return cmd
}

// query checks the flags and returns the query of the first page.
func (f *sessionsFlags) query(cmd *cobra.Command, args []string) (q wire.SessionsQuery, err error) {
	flags := cmd.Flags()
	switch {
	case flags.Changed("limit") && f.limit <= 0:
		return q, usagef("--limit %d: must be above 0; leave it out to list all", f.limit)
	case f.strong && f.stale:
		return q, usagef("--strong cannot be combined with --stale")
	case len(args) == 0 && f.keysOnly:
		return q, usagef("--keys-only is for the variables of one session: give its ID")
	case len(args) == 0:
		return wire.SessionsQuery{After: f.after}, nil
	case flags.Changed("after") || flags.Changed("limit"):
		return q, usagef("--after and --limit are for the list of all sessions: leave out the ID")
	case f.keysOnly && f.output == formatJSON:
		return q, usagef("--keys-only cannot be combined with -o json, which prints the keys as well")
	}
	if q.ID, err = strconv.ParseUint(args[0], 10, 64); err != nil || q.ID == 0 {
		return q, usagef("ID %q: must be the id of a session, a number such as dsm sessions prints", args[0])
	}
	return q, nil
}

func (f *sessionsFlags) run(cmd *cobra.Command, s *surroundings, args []string) (err error) {
	q, err := f.query(cmd, args)
	if err != nil {
		return err
	}
	_, dsn, err := f.parse()
	if err != nil {
		return err
	}
	l := sessionLister{target: &f.target, dsn: dsn, strong: f.strong, stale: f.stale}
	defer func() { err = errors.Join(err, l.close()) }()
	p := f.printer(s, q.ID != 0)
	left := f.limit
	if left == 0 {
		left = math.MaxInt
	}
	for {
		q.Limit = uint64(min(left, wire.MaxListedSessions))
		page, err := l.page(cmd.Context(), q)
		switch {
		case err != nil && p.printed() > 0:
			return fmt.Errorf("the listing failed after %d: %w", p.printed(), err)
		case err != nil:
			return err
		}
		if err := p.page(l.position, &page); err != nil {
			return err
		}
		next := ""
		switch {
		case !page.More:
		case q.ID != 0:
			q.AfterKey = page.Keys[len(page.Keys)-1]
			continue
		default:
			q.After = page.Sessions[len(page.Sessions)-1].ID
			if left -= len(page.Sessions); left > 0 {
				continue
			}
			next = decimal(q.After)
		}
		if err := p.end(next); err != nil {
			return err
		}
		if f.stale {
			s.complain("%s had these at position %d; they may have changed since", l.node, l.position)
		}
		return nil
	}
}

// complete completes the id of a session: the first ones that begin with what was typed.
func (f *sessionsFlags) complete(cmd *cobra.Command, args []string, typed string) (ids []string, _ cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp
	if len(args) > 0 {
		return nil, none
	}
	_, dsn, err := f.parse()
	if err != nil {
		return nil, none
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	l := sessionLister{target: &f.target, dsn: dsn, stale: f.stale}
	defer func() { _ = l.close() }()
	var q wire.SessionsQuery
	for more := true; more; {
		page, err := l.page(ctx, q)
		if err != nil {
			break
		}
		for i := range page.Sessions {
			one := &page.Sessions[i]
			if id := decimal(one.ID); strings.HasPrefix(id, typed) {
				if ids = append(ids, id+"\t"+console.Escape(one.Name)); len(ids) == completedKeys {
					return ids, none
				}
			}
			q.After = one.ID
		}
		more = page.More
	}
	return ids, none
}

// sessionLister asks for page after page, another server if the one that it has asked fails:
// every member has all sessions.
type sessionLister struct {
	target        *target
	dsn           client.DSN
	strong, stale bool

	conn     *client.Conn // nil: none
	node     string
	position uint64 // of the latest page
}

func (l *sessionLister) close() error {
	if l.conn == nil {
		return nil
	}
	conn := l.conn
	l.conn = nil
	return conn.Close()
}

// page returns a page.
func (l *sessionLister) page(ctx context.Context, q wire.SessionsQuery) (page wire.SessionsPage, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.target.timeout)
	defer cancel()
	if l.conn != nil {
		var at uint64
		if page, at, err = l.conn.Sessions(ctx, q, l.position); err == nil {
			l.position = at
			return page, checkSessions(&q, &page)
		}
		if err = explainSessions(&q, err); errors.Is(err, driver.ErrNotFound) {
			return page, err
		}
		_ = l.close() // it has failed
	}
	first, err := again(ctx, l.target, func() (*sessionsAnswer, error) { return l.begin(ctx, q) })
	if err != nil {
		return page, err
	}
	l.conn, l.node, l.position = first.conn, first.conn.Info().NodeID, first.position
	return first.page, checkSessions(&q, &first.page)
}

// checkSessions returns why a page is none that a server sends.
func checkSessions(q *wire.SessionsQuery, page *wire.SessionsPage) error {
	if page.More && (q.ID == 0 && len(page.Sessions) == 0 || q.ID != 0 && len(page.Keys) == 0) || q.ID != 0 && len(page.Sessions) != 1 {
		return fmt.Errorf("%w: a page of sessions without what it should have", wire.ErrMalformed)
	}
	return nil
}

// sessionsAnswer is a page and the connection to the server that has sent it, or why there is
// none.
type sessionsAnswer struct {
	conn     *client.Conn
	page     wire.SessionsPage
	position uint64
	missing  error
}

// Close closes the connection of an answer that is not needed.
func (a *sessionsAnswer) Close() error {
	if a.conn == nil {
		return nil
	}
	return a.conn.Close()
}

// begin asks the servers for a page, the next one if the one before does not answer in time.
func (l *sessionLister) begin(ctx context.Context, q wire.SessionsQuery) (*sessionsAnswer, error) {
	servers, err := l.dsn.Find(ctx, client.Options{})
	var wrong *client.WrongServerError
	switch {
	case errors.As(err, &wrong):
		return nil, fmt.Errorf("%w; nothing was done", err)
	case err != nil:
		return nil, fmt.Errorf("%w: check --dsn: %w", errUnreachable, err)
	}
	a, err := client.FirstOf(ctx, client.SystemLookup, servers, 1, listHeadStart, func(ctx context.Context, addr string) (*sessionsAnswer, error) {
		a, err := l.ask(ctx, addr, q)
		if err = explainSessions(&q, err); errors.Is(err, driver.ErrNotFound) {
			return &sessionsAnswer{missing: err}, nil // which others need not be asked for
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", addr, err)
		}
		return a, nil
	})
	switch {
	case err == nil && a.missing != nil:
		return nil, a.missing
	case errors.As(err, &wrong):
		err = fmt.Errorf("%w; nothing was done", err)
	case err != nil && !errors.Is(err, client.ErrNoSessions):
		err = fmt.Errorf("%w with the sessions: %w", errUnreachable, err)
	}
	return a, err
}

func (l *sessionLister) ask(ctx context.Context, addr string, q wire.SessionsQuery) (*sessionsAnswer, error) {
	conn, err := client.Dial(ctx, addr, client.Options{Stale: l.stale})
	if err != nil {
		return nil, err
	}
	a := &sessionsAnswer{conn: conn}
	position := l.position
	if l.strong && position == 0 {
		position, err = conn.Barrier(ctx)
	}
	if err == nil {
		a.page, a.position, err = conn.Sessions(ctx, q, position)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return a, nil
}

// explainSessions says what a server's refusal means.
func explainSessions(q *wire.SessionsQuery, err error) error {
	var refused *client.StatusError
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Status {
	case wire.StatusNotFound:
		return saying(fmt.Errorf("%w: %w", driver.ErrNotFound, err), "there is no session %d: it has ended, or never was", q.ID)
	case wire.StatusUnavailable:
		return saying(fmt.Errorf("%w: %w", errUnreachable, err), "it does not serve clients now; see dsm status, or list its replica with --stale")
	}
	return err
}

// span is a time of the group in milliseconds.
func span(millis uint64) string {
	return (time.Duration(min(millis, uint64(math.MaxInt64/time.Millisecond))) * time.Millisecond).String()
}
