package registry

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/seed-8247e700/dsm/internal/sparelog"
)

// ErrForbidden means: the request needs the registry's token, or it comes from a page of
// another site, or by a name that is not the registry's. Nothing was changed.
var ErrForbidden = errors.New("forbidden")

// door decides which requests the registry takes.
//
// A page that somebody opens in a browser can send requests to any address that the browser
// reaches. Its browser names the page's site in Origin. If the site's own name leads to the
// registry (DNS rebinding), it is in Host. So both have to be the registry's.
type door struct {
	names []string // by which the registry may be asked, beside addresses and names without a dot
	token string   // of those who may ask for anything; "": nobody may
	log   *slog.Logger

	// Pages that are refused, of which there can be many, do not hide who had no token.
	strangers, forbidden sparelog.Gate
}

// guarded refuses requests that are not meant for this registry.
func (d *door) guarded(next http.Handler) http.Handler {
	errs := connect.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		err := d.judge(req.Host, req.Header.Get("Origin"))
		if err == nil {
			next.ServeHTTP(w, req)
			return
		}
		d.refused(&d.strangers, req.URL.Path, req.RemoteAddr, err)
		if !errs.IsSupported(req) {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		if err := errs.Write(w, req, toWire(err)); err != nil {
			d.log.Debug("an answer could not be sent", "err", err)
		}
	})
}

// judge returns why a request with this Host and Origin is refused, nil if it is not.
func (d *door) judge(host, origin string) error {
	if !d.ours(host) {
		return refusef(ErrForbidden, "the registry is not known as %q: ask it by its address, or start it with --allow-host", host)
	}
	if from, err := url.Parse(origin); origin != "" && (err != nil || from.Host != host) {
		return refusef(ErrForbidden, "a page of %q may not ask the registry", origin)
	}
	return nil
}

// ours reports whether a request's Host may be the registry's. A name without a dot is
// no name of the public DNS, where sites have theirs.
func (d *door) ours(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return !strings.Contains(name, ".") || strings.HasSuffix(name, ".localhost") || slices.Contains(d.names, name)
}

// authorize returns nil if a request shows the token.
func (d *door) authorize(req connect.AnyRequest) error {
	shown, ok := strings.CutPrefix(req.Header().Get("Authorization"), "Bearer ")
	switch {
	case ok && d.token != "" && subtle.ConstantTimeCompare([]byte(shown), []byte(d.token)) == 1:
		return nil
	case d.token == "":
		return d.forbid(req, "this takes a token, and the registry has none: start it with --data-dir or --token-file")
	case ok:
		return d.forbid(req, "the token is not that of the registry, which logs at its start in which file it is")
	default:
		return d.forbid(req, "this takes the token of the registry, which logs at its start in which file it is: give the file by --token-file or DSM_TOKEN_FILE")
	}
}

// forbid refuses a request, and logs so.
func (d *door) forbid(req connect.AnyRequest, why string) error {
	err := refusef(ErrForbidden, "%s", why)
	d.refused(&d.forbidden, req.Spec().Procedure, req.Peer().Addr, err)
	return err
}

// refused logs that a request was refused, unless there are too many.
func (d *door) refused(gate *sparelog.Gate, what, from string, err error) {
	if left, ok := gate.Open(time.Now()); ok {
		d.log.Warn("request refused", "request", what, "addr", from, "err", err, "left_out", left)
	}
}

func refusef(kind error, format string, args ...any) error {
	return &refusedError{kind: kind, text: fmt.Sprintf("%v: %s", kind, fmt.Sprintf(format, args...))}
}
