package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// identifyTimeout bounds the questions by which it is found out what listens at an
// address.
const identifyTimeout = time.Second

// headBytes is how much of an answer is looked at.
const headBytes = 16

// leastHead is how much of an answer identifies the program that sends it.
const leastHead = 4

// ErrNotRegistry says that what listens at an address is no registry.
var ErrNotRegistry = errors.New("client: not a registry")

// WrongServerError says what listens at an address where a node or a registry was
// looked for. It wraps wire.ErrMagic where that was a node, and ErrNotRegistry where
// it was a registry. Trying again would not help.
type WrongServerError struct {
	Addr   string
	Found  string // such as "a registry", "an HTTP server"
	Wanted string // "a node" or "a registry"
	Advice string // what to do
	kind   error
}

func (e *WrongServerError) Error() string {
	return fmt.Sprintf("client: %s listens at %s, not %s: %s", e.Found, e.Addr, e.Wanted, e.Advice)
}

func (e *WrongServerError) Unwrap() error { return e.kind }

// notNode says what listens at an address, whose answer to a handshake begins with
// head.
func notNode(ctx context.Context, addr string, head []byte, o Options) error {
	e := &WrongServerError{
		Addr: addr, Found: speaker(head), Wanted: aNode, Advice: "check the address", kind: wire.ErrMagic,
	}
	if e.Found == aNode {
		e.Found = "something that answers nearly as a node does"
	}
	if e.Found == httpServer {
		ctx, cancel := context.WithTimeout(ctx, identifyTimeout)
		defer cancel()
		if view, err := discover(ctx, addr, o); err == nil && view.Group != 0 {
			e.Found, e.Advice = "a registry", "use dsm+registry://"+addr
		}
	}
	return e
}

// notRegistry says what listens at an address that did not answer as a registry
// does, or nil if that is not certain: it may be a registry with troubles.
func notRegistry(ctx context.Context, addr string, err error, o Options) error {
	e := &WrongServerError{
		Addr: addr, Wanted: "a registry", Advice: "check the address", kind: ErrNotRegistry,
	}
	var answer *answerError
	switch {
	case errors.As(err, &answer):
		e.Found, e.Advice = httpServer, answer.text+"; check the address"
	case IsNode(ctx, addr, o):
		e.Found, e.Advice = aNode, "use dsm://"+addr
	default:
		if e.Found = greeter(ctx, addr, o); e.Found == "" {
			return nil
		}
	}
	return e
}

// differs reports whether what was heard, however short, cannot be the beginning of a
// node's answer.
func differs(head []byte) bool {
	return len(head) > 0 && !strings.HasPrefix(wire.Magic, string(head[:min(len(head), len(wire.Magic))]))
}

// IsNode reports whether a node listens at the address, whether it would serve a
// client or not.
func IsNode(ctx context.Context, addr string, o Options) bool {
	o = o.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, identifyTimeout)
	defer cancel()
	nc, err := o.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	defer func() { _ = nc.Close() }() // nothing is wanted of it any more
	_, err = shakeHands(ctx, nc, o)
	return err == nil
}

// greeter returns what listens at an address, as far as its answer to HTTP shows:
// "" for nothing that is known, and for whatever speaks HTTP.
func greeter(ctx context.Context, addr string, o Options) string {
	ctx, cancel := context.WithTimeout(ctx, identifyTimeout)
	defer cancel()
	nc, err := o.DialContext(ctx, "tcp", addr)
	if err != nil {
		return ""
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	defer func() { _ = nc.Close() }() // nothing is wanted of it any more
	if _, err := io.WriteString(nc, "GET /v1/view HTTP/1.0\r\n\r\n"); err != nil {
		return ""
	}
	head := make([]byte, headBytes)
	n, _ := io.ReadAtLeast(nc, head, leastHead) // what there is
	if found := speaker(head[:n]); n > 0 && found != httpServer {
		return found
	}
	return ""
}

const (
	aNode      = "a node"
	httpServer = "an HTTP server"
)

// speaker names what answers with these first bytes.
func speaker(head []byte) string {
	text := string(head)
	for _, known := range []struct{ begins, name string }{
		{wire.Magic, aNode},
		{"HTTP/", httpServer},
		{"HTTP", httpServer},
		{"\x15\x03", "a server that wants TLS"},
		{"\x16\x03", "a server that wants TLS"},
		{"SSH-", "an SSH server"},
		{"-ERR", "a Redis server"},
		{"-NOA", "a Redis server"},
		{"-DEN", "a Redis server"},
		{"-LOA", "a Redis server"},
		{"INFO", "a NATS server"},
		{"220 ", "a mail or FTP server"},
		{"220-", "a mail or FTP server"},
		{"ERRO", "a memcached server"},
		{"\x00\x00", "an HTTP/2 server"},
	} {
		if strings.HasPrefix(text, known.begins) {
			return known.name
		}
	}
	if len(text) > 4 && text[4] == 0x0a {
		return "a MySQL server"
	}
	return fmt.Sprintf("something whose answer begins with %q", head)
}

// recorder keeps the first bytes that are read from a connection.
type recorder struct {
	net.Conn
	head []byte
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.head = append(r.head, b[:min(n, headBytes-len(r.head))]...)
	return n, err
}

// answerError is an answer over HTTP that is not a registry's.
type answerError struct{ text string }

func (e *answerError) Error() string { return e.text }

// viewOf reads a view.
func viewOf(body []byte) (view View, err error) {
	if err := json.Unmarshal(body, &view); err != nil || view.Group == 0 {
		return View{}, &answerError{"its answer is no view"}
	}
	return view, nil
}
