package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// lsFlags are the flags of dsm ls.
type lsFlags struct {
	target
	prefix, after, token string
	limit                int
	keysOnly             bool
	strong, stale        bool
}

func newLsCommand(s *surroundings) *cobra.Command {
	var f lsFlags
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the variables",
		Long: `Ls lists the keys of a group in the order of their bytes, each with the version and
the size in bytes of its value. The listing shows the state at one position.
Characters that are not printable are escaped; -o json has the bytes of such keys.

There is no index of the keys. The server reads all of its variables for the first
262,144 keys of a listing, and again for the next 262,144. A million keys take about
3 s of CPU time in all, half of it before the first key is printed, and at most 32
MiB; reads and writes continue. Until the listing ends, the server keeps values that
are overwritten, for up to 5 minutes. It runs up to four listings at a time.
--timeout applies to each page of 10,000 keys.

A listing with --limit prints a token on stderr, or as "next" in JSON. Within 30 s,
--page-token continues the listing at the same position. --after begins a listing
after a key. The keys come from the server's own replica; --strong and --stale work
as for get.`,
		Example:           "  dsm ls --prefix limits/\n  dsm ls --keys-only | while read -r key; do dsm get \"$key\"; echo; done\n  dsm ls --limit 100 -o json",
		Args:              exactly(),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd, s)
		},
	}
	f.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.prefix, "prefix", "", "list only keys that begin with `TEXT`")
	flags.StringVar(&f.after, "after", "", "list only keys that come after `KEY`")
	flags.IntVar(&f.limit, "limit", 0, "maximum `number` of keys to list (default: all)")
	flags.StringVar(&f.token, "page-token", "", "continue the listing that printed this `token`")
	flags.BoolVar(&f.keysOnly, "keys-only", false, "print only the keys, one per line")
	flags.BoolVar(&f.strong, "strong", false, "see every write that was acknowledged before the listing began")
	flags.BoolVar(&f.stale, "stale", false, "list the replica of one server, even if it is cut off; it may be old")
	return cmd
}

// check finds what is wrong with the flags.
func (f *lsFlags) check(cmd *cobra.Command) error {
	for name, text := range map[string]string{"prefix": f.prefix, "after": f.after} {
		switch {
		case !cmd.Flags().Changed(name):
		case f.token != "":
			return usagef("--%s: a listing that is continued with --page-token keeps its own; leave it out", name)
		case len(text) > wire.MaxKeyBytes:
			return usagef("--%s has %d bytes: keys have at most %d", name, len(text), wire.MaxKeyBytes)
		case strings.HasPrefix(text, "\x00"):
			return usagef("--%s begins with a zero byte: no key does", name)
		}
	}
	if cmd.Flags().Changed("limit") && f.limit <= 0 {
		return usagef("--limit %d: must be above 0; leave it out to list all", f.limit)
	}
	if f.strong && (f.stale || f.token != "") {
		return usagef("--strong cannot be combined with --stale or --page-token")
	}
	if f.limit == 0 {
		f.limit = math.MaxInt
	}
	return nil
}

// run lists.
func (f *lsFlags) run(cmd *cobra.Command, s *surroundings) error {
	if err := f.check(cmd); err != nil {
		return err
	}
	_, dsn, err := f.parse()
	if err != nil {
		return err
	}
	var token pageToken
	if f.token != "" {
		if token, err = parsePageToken(f.token); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
	l, err := again(ctx, &f.target, func() (*lister, error) { return f.begin(ctx, dsn, token) })
	cancel()
	if err == nil {
		err = errors.Join(f.show(cmd.Context(), s, l), l.conn.Close())
	}
	return err
}

// lister is a listing under way.
type lister struct {
	conn  *client.Conn
	addr  string
	query wire.ListQuery
	page  client.Listing // the latest
}

// Close ends the listing.
func (l *lister) Close() error { return l.conn.Close() }

// listHeadStart is how long one server is waited for before the next is asked beside
// it.
const listHeadStart = 500 * time.Millisecond

// begin gets the first page that is to be shown, from any server, or from the one
// that the token names.
func (f *lsFlags) begin(ctx context.Context, dsn client.DSN, token pageToken) (*lister, error) {
	if token.addr != "" {
		l, err := f.ask(ctx, token.addr, token)
		if err == nil {
			return l, nil
		}
		var refused *client.StatusError
		if err = f.explain(err); errors.As(err, &refused) {
			return nil, err
		}
		return nil, fmt.Errorf("%w with the rest of the listing, which only the server at %s has: list again: %w", errUnreachable, token.addr, err)
	}
	servers, err := dsn.Find(ctx, client.Options{})
	var wrong *client.WrongServerError
	switch {
	case errors.As(err, &wrong):
		return nil, fmt.Errorf("%w; nothing was done", err)
	case err != nil:
		return nil, fmt.Errorf("%w with a listing: check --dsn: %w", errUnreachable, err)
	}
	// A listing costs the server something, so the next one is asked only if this one
	// does not answer.
	l, err := client.FirstOf(ctx, client.SystemLookup, servers, 1, listHeadStart, func(ctx context.Context, addr string) (*lister, error) {
		l, err := f.ask(ctx, addr, token)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", addr, f.explain(err))
		}
		return l, nil
	})
	switch {
	case errors.As(err, &wrong):
		err = fmt.Errorf("%w; nothing was done", err)
	case err != nil && !errors.Is(err, client.ErrNoList):
		err = fmt.Errorf("%w with a listing: %w", errUnreachable, err)
	}
	return l, err
}

// explain says what a server's refusal means.
func (f *lsFlags) explain(err error) error {
	var refused *client.StatusError
	if !errors.As(err, &refused) {
		return err
	}
	switch {
	case refused.Status == wire.StatusNotFound:
		return saying(err, "%s; a listing ends 30s after its latest page, or when its server ends", refused.Text)
	case refused.Text != "":
		return saying(fmt.Errorf("%w: %w", errUnreachable, err), "%s", refused.Text)
	case refused.Status == wire.StatusUnavailable:
		return saying(fmt.Errorf("%w: %w", errUnreachable, err), "it does not serve clients now; see dsm status, or list its replica with --stale")
	}
	return err
}

// ask asks one server for a page.
func (f *lsFlags) ask(ctx context.Context, addr string, token pageToken) (*lister, error) {
	conn, err := client.Dial(ctx, addr, client.Options{Stale: f.stale})
	if err != nil {
		return nil, err
	}
	l := &lister{conn: conn, addr: addr, query: wire.ListQuery{Prefix: f.prefix, After: f.after}}
	if token.addr != "" {
		l.query = wire.ListQuery{Listing: token.listing, Prefix: token.prefix, After: token.after}
	}
	if token.addr != "" && token.incarnation != conn.Info().Incarnation {
		err = fmt.Errorf("the server has restarted since it printed the --page-token: %w", driver.ErrUnavailable)
	}
	position := uint64(0)
	if err == nil && f.strong {
		position, err = conn.Barrier(ctx)
	}
	if err == nil {
		err = l.next(ctx, f.limit, position)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return l, nil
}

// next gets the next page, of up to limit keys.
func (l *lister) next(ctx context.Context, limit int, position uint64) (err error) {
	l.query.Limit = uint64(min(limit, wire.MaxListedKeys))
	if l.page, err = l.conn.List(ctx, l.query, position); err != nil {
		return err
	}
	l.query.Listing = l.page.Number
	if n := len(l.page.Keys); n > 0 {
		l.query.After = l.page.Keys[n-1].Key
	} else if l.page.More {
		return fmt.Errorf("%w: an empty page in the middle of a listing", wire.ErrMalformed)
	}
	return nil
}

// show prints page after page.
func (f *lsFlags) show(ctx context.Context, s *surroundings, l *lister) error {
	p := f.printer(s)
	if err := p.begin(l); err != nil {
		return err
	}
	for left := f.limit; ; {
		if err := p.keys(l.page.Keys); err != nil {
			return err
		}
		left -= len(l.page.Keys)
		if !l.page.More || left <= 0 {
			break
		}
		pageCtx, cancel := context.WithTimeout(ctx, f.timeout)
		err := l.next(pageCtx, left, 0)
		cancel()
		if err != nil {
			return fmt.Errorf("the listing failed after %d keys: %w", p.count(), f.explain(err))
		}
	}
	next := ""
	if l.page.More {
		next = tokenOf(l).String()
	}
	if err := p.end(next); err != nil {
		return err
	}
	if f.stale {
		s.complain("%s had these keys at position %d; they may have changed since", l.conn.Info().NodeID, l.page.Position)
	}
	return nil
}
