package client

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// listeners are what may be found at an address, by what they do with a connection.
var listeners = map[string]func(net.Conn){
	"node": func(c net.Conn) {
		if _, err := wire.ReadHello(c); err == nil {
			_ = wire.WriteHelloReply(c, wire.HelloReply{Version: wire.MaxVersion})
			_, _ = io.Copy(io.Discard, c)
		}
	},
	"joining node": func(c net.Conn) {
		if _, err := wire.ReadHello(c); err == nil {
			_ = wire.WriteHelloReply(c, wire.HelloReply{Status: wire.StatusUnavailable, Message: "not yet"})
		}
	},
	"registry": overHTTP("200 OK", `{"group":"1","generation":"1","view":{"members":[{"id":"n1","clientAddr":"n1:1"}]}}`),
	"web":      overHTTP("404 Not Found", "no"),
	"page":     overHTTP("200 OK", "<html>"),
	"busy":     overHTTP("503 Service Unavailable", "later"),
	"tls":      afterALine("\x15\x03\x01\x00\x02\x02\x32"),
	"ssh":      func(c net.Conn) { go drain(c); _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n"); drain(c) },
	"banner":   func(c net.Conn) { go drain(c); _, _ = io.WriteString(c, "SSH-2.0-x\r\n"); drain(c) },
	"redis":    afterALine("-ERR unknown command\r\n"),
	"nats":     func(c net.Conn) { go drain(c); _, _ = io.WriteString(c, `INFO {"server_id":"x"}`+"\r\n"); drain(c) },
	"echo":     func(c net.Conn) { _, _ = io.Copy(c, c) },
	"cache":    func(c net.Conn) { go drain(c); _, _ = io.WriteString(c, "ERROR\r\n") },
	"closes":   func(net.Conn) {},
	"silent":   drain,
}

func drain(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// afterALine answers the first line, whatever it is.
func afterALine(text string) func(net.Conn) {
	return func(c net.Conn) {
		from := bufio.NewReader(c)
		if _, err := from.ReadString('\n'); err != nil {
			return
		}
		go func() { _, _ = io.Copy(io.Discard, from) }()
		_, _ = io.WriteString(c, text)
	}
}

// overHTTP answers as net/http does: a request with a page, all else with 400.
func overHTTP(status, body string) func(net.Conn) {
	return func(c net.Conn) {
		from := bufio.NewReader(c)
		answer := status + "\r\nConnection: close\r\n\r\n" + body
		if _, err := http.ReadRequest(from); err != nil {
			answer = "400 Bad Request\r\n\r\n"
		}
		go func() { _, _ = io.Copy(io.Discard, from) }()
		_, _ = io.WriteString(c, "HTTP/1.1 "+answer)
	}
}

// dialListener connects to a listener by its name, which stands before the port.
func dialListener(_ context.Context, _, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil || listeners[host] == nil {
		return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	}
	here, there := net.Pipe()
	go func() {
		listeners[host](there)
		_ = there.Close()
	}()
	return here, nil
}

// What listens where a node was looked for is named at once.
func TestNotNode(t *testing.T) {
	for addr, want := range map[string]string{
		"registry:1": "a registry listens at registry:1, not a node: use dsm+registry://registry:1",
		"web:1":      "an HTTP server listens at web:1, not a node: check the address",
		"page:1":     "an HTTP server listens",
		"tls:1":      "a server that wants TLS listens",
		"ssh:1":      "an SSH server listens",
		"redis:1":    "a Redis server listens",
		"nats:1":     "a NATS server listens",
		"echo:1":     "something that answers nearly as a node does listens",
		"cache:1":    "a memcached server listens",
	} {
		t.Run(addr, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				_, err := Dial(t.Context(), addr, Options{DialContext: dialListener})
				var wrong *WrongServerError
				if !errors.As(err, &wrong) || !errors.Is(err, wire.ErrMagic) || !strings.Contains(err.Error(), want) || time.Since(began) != 0 {
					t.Errorf("%v after %v, want %q", err, time.Since(began), want)
				}
			})
		})
	}
}

// What listens where a registry was looked for is named at once, unless it may be a
// registry that has troubles.
func TestNotRegistry(t *testing.T) {
	for addr, want := range map[string]string{
		"node:1":         "a node listens at node:1, not a registry: use dsm://node:1",
		"joining node:1": "a node listens",
		"web:1":          "an HTTP server listens at web:1, not a registry: it answers 404 Not Found",
		"page:1":         "its answer is no view",
		"tls:1":          "a server that wants TLS listens",
		"ssh:1":          "an SSH server listens",
		"redis:1":        "a Redis server listens",
		"nats:1":         "a NATS server listens",
		"banner:1":       "an SSH server listens",
		"busy:1":         "",
		"closes:1":       "",
		"silent:1":       "",
		"nobody:1":       "",
	} {
		t.Run(addr, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				began := time.Now()
				_, err := Discover(ctx, []string{addr}, Options{DialContext: dialListener})
				var wrong *WrongServerError
				if is := errors.As(err, &wrong); err == nil || is != (want != "") || is != errors.Is(err, ErrNotRegistry) || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %q", err, want)
				}
				if want != "" && time.Since(began) > 0 {
					t.Errorf("after %v", time.Since(began))
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := Discover(ctx, []string{"silent:1", "node:1", "registry:1"}, Options{DialContext: dialListener}); err != nil {
			t.Errorf("with a registry beside others: %v", err)
		}
	})
}
