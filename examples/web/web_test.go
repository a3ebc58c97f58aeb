package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/server"
)

// process is what one process of the program consists of.
type process struct {
	t   *testing.T
	url string
}

func startRegistry(t *testing.T) string {
	t.Helper()
	reg, err := server.StartRegistry(t.Context(), server.RegistryConfig{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := reg.Close(); err != nil {
			t.Error(err)
		}
	})
	return reg.Addr()
}

func startProcess(t *testing.T, id, registry string) process {
	t.Helper()
	node, err := server.Start(t.Context(), server.Config{ID: id, Registry: registry, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	db := driver.OpenDB(node)
	web := httptest.NewServer(newHandler(id, db))
	t.Cleanup(func() {
		web.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	return process{t: t, url: web.URL}
}

// ask makes a request and returns the status and the text of the answer.
func (p process) ask(method, path string, form url.Values) (int, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Error(err)
		return 0, ""
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := client.Do(req)
	if err != nil {
		p.t.Error(err)
		return 0, ""
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		p.t.Error(err)
	}
	return reply.StatusCode, strings.TrimSpace(string(body))
}

// Many posts at once, to three processes: each increment counts, each answer is
// the sum at another place in the order, and all processes agree in the end.
func TestNoIncrementIsLost(t *testing.T) {
	registry := startRegistry(t)
	processes := []process{
		startProcess(t, "web-1", registry), startProcess(t, "web-2", registry), startProcess(t, "web-3", registry),
	}
	const callers, posts = 12, 25
	sums := make([][]string, callers)
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			p := processes[caller%len(processes)]
			for range posts {
				status, sum := p.ask(http.MethodPost, "/increaseSpeed", nil)
				if status != http.StatusOK {
					t.Errorf("caller %d: status %d: %s", caller, status, sum)
				}
				sums[caller] = append(sums[caller], sum)
			}
		})
	}
	wg.Wait()
	seen := make(map[string]bool)
	for _, sum := range slices.Concat(sums...) {
		if seen[sum] {
			t.Errorf("two posts were told the speed %s", sum)
		}
		seen[sum] = true
	}
	// A post to a process is ordered after all the others, so once it is
	// answered the process has them.
	for i, p := range processes {
		want := fmt.Sprint(callers*posts + i + 1)
		if _, sum := p.ask(http.MethodPost, "/increaseSpeed", nil); sum != want {
			t.Errorf("process %d: the speed is %s, want %s", i+1, sum, want)
		}
		if _, speed := p.ask(http.MethodGet, "/speed", nil); speed != want {
			t.Errorf("process %d: GET /speed tells %s, want %s", i+1, speed, want)
		}
	}
}

func TestPages(t *testing.T) {
	p := startProcess(t, "web-1", startRegistry(t))
	for _, step := range []struct {
		method, path, by string
		status           int
		text             string
	}{
		{"GET", "/hello", "", 200, "hello from web-1"},
		{"GET", "/speed", "", 200, "0"},
		{"POST", "/increaseSpeed", "", 200, "1"},
		{"POST", "/increaseSpeed", "9", 200, "10"},
		{"POST", "/increaseSpeed", "-3", 200, "7"},
		{"POST", "/increaseSpeed", "fast", 400, `by is "fast": it must be a whole number`},
		{"POST", "/increaseSpeed", "9223372036854775807", 409, "the speed was not increased: driver: the sum does not fit 64 bits"},
		{"POST", "/increaseSpeed", strings.Repeat("1", 5<<10), 400, "the form cannot be read: http: request body too large"},
		{"GET", "/increaseSpeed", "", 405, "Method Not Allowed"},
		{"POST", "/speed", "", 405, "Method Not Allowed"},
		{"GET", "/", "", 404, "404 page not found"},
		{"GET", "/speed", "", 200, "7"},
	} {
		form := url.Values{}
		if step.by != "" {
			form.Set("by", step.by)
		}
		status, text := p.ask(step.method, step.path, form)
		if status != step.status || text != step.text {
			t.Errorf("%s %s by=%.20s: %d %q, want %d %q", step.method, step.path, step.by, status, text, step.status, step.text)
		}
	}
}

// The program itself: it starts, answers, and leaves the group when told to.
func TestRun(t *testing.T) {
	registry := startRegistry(t)
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"-id", "web-1", "-registry", registry, "-http", "127.0.0.1:0"}, in, io.Discard)
	}()
	var address string
	if _, err := fmt.Fscanf(out, "web-1 serves %s\n", &address); err != nil {
		t.Fatal(err)
	}
	p := process{t: t, url: address}
	if status, text := p.ask(http.MethodGet, "/hello", nil); status != http.StatusOK || text != "hello from web-1" {
		t.Errorf("GET /hello: %d %s", status, text)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
	// It has left: another process begins, as the only member.
	startProcess(t, "web-2", registry)
}

func TestBadFlags(t *testing.T) {
	taken := startRegistry(t)
	for _, test := range []struct{ args, want string }{
		{"-nonsense", "flag provided but not defined"},
		{"-id web-1 now", `unexpected argument "now"`},
		{"-id web-1 -http " + taken, "address already in use"},
		{"-registry " + taken + " -http 127.0.0.1:0", "1 to 64 letters"},
	} {
		err := run(t.Context(), strings.Fields(test.args), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("web %s: %v, want an error with %q", test.args, err, test.want)
		}
	}
}
