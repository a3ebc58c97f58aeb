package registry

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/seed-8247e700/dsm/internal/sparelog"
	"github.com/seed-8247e700/dsm/registry/membership"
	"github.com/seed-8247e700/dsm/registry/registrypb"
)

// A request for a name that is not the registry's, or from a page of another site, is
// refused and logged, whatever it asks for and shows.
func TestForeignRequests(t *testing.T) {
	f := start(t, "", Settings{})
	addr := f.Addr()
	const newGeneration = "/dsm.registry.v1.Registry/NewGeneration"
	for name, tc := range map[string]struct {
		path, host, origin, token string
		status                    int
		says                      string
	}{
		"a foreign name":                 {newGeneration, "evil.example:6001", "", testToken, 403, `not known as \"evil.example:6001\"`},
		"a foreign name, a view":         {"/v1/view", "evil.example", "", "", 403, `not known as \"evil.example\"`},
		"a foreign page":                 {newGeneration, addr, "https://evil.example", testToken, 403, "a page of"},
		"a page without an origin":       {newGeneration, addr, "null", testToken, 403, "a page of"},
		"a rebound name":                 {newGeneration, "evil.example", "http://evil.example", testToken, 403, "not known as"},
		"a page that cannot be":          {"/v1/view", addr, "http://%zz", "", 403, "a page of"},
		"without a token":                {newGeneration, addr, "", "", 403, "takes the token"},
		"a wrong token":                  {newGeneration, addr, "", testToken + "x", 403, "is not that of the registry"},
		"an empty token":                 {newGeneration, addr, "", " ", 403, "takes the token"},
		"a view by its address":          {"/v1/view", addr, "", "", 200, ""},
		"its own page":                   {"/v1/view", addr, "http://" + addr, "", 200, ""},
		"the right token, without force": {newGeneration, addr, "", testToken, 400, "needs force"},
	} {
		if name == "the right token, without force" {
			f.register(t, "a")
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+tc.path, strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		if tc.path == "/v1/view" {
			req.Method, req.Body, req.ContentLength = http.MethodGet, nil, 0
		}
		req.Host = tc.host
		req.Header.Set("Content-Type", "application/json")
		if tc.origin != "" {
			req.Header.Set("Origin", tc.origin)
		}
		if tc.token != "" {
			req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(tc.token))
		}
		reply, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(reply.Body)
		if err = errors.Join(err, reply.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if reply.StatusCode != tc.status || !strings.Contains(string(body), tc.says) {
			t.Errorf("%s: %s %s", name, reply.Status, body)
		}
	}
	if s := f.status(); s.GetGeneration() != 1 {
		t.Errorf("generation %d", s.GetGeneration())
	}
	f.stop(t)
	log := f.log.String()
	if lines := strings.Count(log, "request refused"); lines != 9 || strings.Contains(log, testToken) {
		t.Errorf("%d refusals are logged: %s", lines, log)
	}
}

// TestRefusalsAreLogged holds that a page which asks again and again does not hide who asks
// without a token.
func TestRefusalsAreLogged(t *testing.T) {
	log := new(bytes.Buffer)
	d := door{token: testToken, log: slog.New(slog.NewTextHandler(log, nil))}
	page := httptest.NewRequest(http.MethodPost, "/v1/view", nil)
	page.Host = "evil.example"
	for range 3 * sparelog.Burst {
		d.guarded(nil).ServeHTTP(httptest.NewRecorder(), page)
	}
	for range sparelog.Burst {
		if err := d.authorize(connect.NewRequest(&registrypb.StatusRequest{})); !errors.Is(err, ErrForbidden) {
			t.Fatal(err)
		}
	}
	if pages, tokens := strings.Count(log.String(), "evil.example"), strings.Count(log.String(), "takes the token"); pages < sparelog.Burst || pages >= 3*sparelog.Burst || tokens != sparelog.Burst {
		t.Errorf("%d pages and %d requests without a token are logged", pages, tokens)
	}
}

// A registry is asked by its address, by a name that no site can have, or by one that it was
// told of.
func TestNamesOfARegistry(t *testing.T) {
	d := Config{Listen: "reg.example:6001", AllowHosts: []string{"Other.Example."}}.door()
	for host, want := range map[string]bool{
		"10.0.0.1:6001": true, "[::1]:6001": true, "::1": true, "": true, "localhost": true, "localhost:6001": true, "a.localhost:1": true, "registry": true,
		"reg.example:6001": true, "REG.example": true, "other.example.:1": true, "other.example": true,
		"evil.example": false, "evil.example:6001": false, "reg.example.evil.example": false, "127.0.0.1.evil.example": false, "10.0.0": false,
	} {
		if err := d.judge(host, ""); (err == nil) != want || err != nil && !errors.Is(err, ErrForbidden) {
			t.Errorf("%q: %v", host, err)
		}
	}
}

// A client learns why it is refused, and what to do. Without the token nothing is given up,
// and no node leaves but by its own wish.
func TestToken(t *testing.T) {
	f := start(t, "", Settings{})
	register := func(id string, level uint32) membership.From {
		incarnation, d, err := f.client.Register(t.Context(), membership.Registration{ID: id, PeerAddr: id + ":1", ClientAddr: id + ":1", FeatureLevel: level})
		if err != nil {
			t.Fatal(err)
		}
		return membership.From{ID: id, Incarnation: incarnation, Group: d.Group, Generation: d.Generation, Key: d.Keys[incarnation]}
	}
	old, a, b := register("old", 1), register("a", membership.KeyLevel), register("b", membership.KeyLevel)
	stranger := dial(t, f.Addr())
	t.Cleanup(stranger.Close)
	blank := a
	blank.Key = membership.Key{}
	wrong := a
	wrong.Key[0]++
	forbidden := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrForbidden) || errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "token") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := stranger.NewGeneration(t.Context(), true)
	forbidden("a new generation", err)
	stranger.UseToken("another-token-than-that")
	_, err = stranger.NewGeneration(t.Context(), true)
	forbidden("a new generation with another token", err)
	forbidden("another leaves", stranger.Leave(t.Context(), blank, false, ""))
	forbidden("another is to leave", stranger.Leave(t.Context(), blank, true, ""))
	forbidden("one of an earlier release is to leave", stranger.Leave(t.Context(), old, true, ""))
	forbidden("another leaves with a wrong key", stranger.Leave(t.Context(), wrong, false, ""))
	if s := f.status(); s.GetGeneration() != 1 {
		t.Errorf("generation %d", s.GetGeneration())
	}
	for name, client := range map[string]*Client{"a stranger": stranger, "who has the token": f.client} {
		for _, of := range []membership.From{blank, wrong, old} {
			for _, force := range []bool{false, true} {
				if err := client.Stopped(t.Context(), of, force); !errors.Is(err, ErrForbidden) {
					t.Errorf("%s says that %s has stopped, by force %v: %v", name, of.ID, force, err)
				}
			}
		}
	}
	if err := stranger.Leave(t.Context(), old, false, ""); !errors.Is(err, ErrLastMember) {
		t.Errorf("one of an earlier release leaves: %v", err)
	}
	if err := stranger.Leave(t.Context(), b, true, ""); err != nil {
		t.Errorf("a node leaves by force: %v", err)
	}
	if err := f.client.Leave(t.Context(), blank, true, ""); err != nil {
		t.Errorf("a node is made to leave with the token: %v", err)
	}
	none := start(t, "", Settings{})
	none.door.token = ""
	_, err = none.client.NewGeneration(t.Context(), true)
	forbidden("a registry without a token", err)
}

// A registry makes its token once, for its owner alone, and says where it is.
func TestTokenFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "registry")
	path := filepath.Join(dir, "token")
	run := func() (log string, err error) {
		out := new(bytes.Buffer)
		r, err := Start(t.Context(), Config{DataDir: dir, Logger: slog.New(slog.NewTextHandler(out, nil))})
		if err == nil {
			err = r.Close()
		}
		return out.String(), err
	}
	log, err := run()
	if err != nil {
		t.Fatal(err)
	}
	token, err := ReadToken(path)
	if err != nil || len(token) != 32 || !strings.Contains(log, "token_file="+path) || strings.Contains(log, token) {
		t.Errorf("%q, %v, logged: %s", token, err, log)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := run(); err != nil {
		t.Fatal(err)
	}
	if again, err := ReadToken(path); err != nil || again != token {
		t.Errorf("another token at the second start, %v", err)
	}
	for text, want := range map[string]string{
		"": "one line of 16", "short": "one line of 16", strings.Repeat("x", 1025): "one line of 16", "two words that are long": "white space",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := run(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if err := errors.Join(os.WriteFile(path, []byte(token), 0o600), os.Chmod(path, 0o640)); err != nil {
		t.Fatal(err)
	}
	if _, err := run(); err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
		t.Errorf("a token for all: %v", err)
	}
	if _, err := Start(t.Context(), Config{TokenFile: filepath.Join(dir, "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a token file that is not there: %v", err)
	}
}
