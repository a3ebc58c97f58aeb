package attack

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// TestRegistry sends all that a registry has to refuse, about each member, and notices what is
// not refused.
func TestRegistry(t *testing.T) {
	var mu sync.Mutex // guards got
	got := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/view" {
			_, _ = io.WriteString(w, `{"view":{"members":[{"id":"n1","incarnation":"1"},{"id":"n2","incarnation":"3"}]}}`)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the attack has ended
		}
		host := "ours"
		if r.Host == "evil.example" {
			host = r.Host
		}
		mu.Lock()
		got[strings.TrimSpace(fmt.Sprint(strings.TrimPrefix(r.URL.Path, api), " ", string(body), " ", host, " ", r.Header.Get("Origin"), r.Header.Get("Authorization")))]++
		first := len(got) == 1
		mu.Unlock()
		if !first {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer s.Close()
	addr := strings.TrimPrefix(s.URL, "http://")
	a, err := Start(t.Context(), Config{Kind: Registry, Nodes: []string{addr}, Registry: addr, Conns: 1, Frames: 1, FramesPerConn: 1})
	if err != nil {
		t.Fatal(err)
	}
	reaches(t, a, "asked", func(f Figures) bool { return f.Replies >= int64(2*len(pleas)) })
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if f := a.Figures(); f.Granted != 1 || f.Opened != 1 || f.Requests < f.Replies {
		t.Errorf("%+v", f)
	}
	mu.Lock()
	defer mu.Unlock()
	want := []string{
		`NewGeneration {"force":true} ours`,
		`NewGeneration {"force":true} ours Bearer guessed`,
		`Leave {"id":"n1","incarnation":"1","force":true,"reason":"hostile"} ours`,
		`Leave {"id":"n2","incarnation":"3","force":true,"reason":"hostile"} ours`,
		`Register {"id":"n1","peerAddr":"127.0.0.1:1","clientAddr":"127.0.0.1:1","provedDead":"1","featureLevel":1024} ours`,
		`Register {"id":"n2","peerAddr":"127.0.0.1:1","clientAddr":"127.0.0.1:1","provedDead":"3","featureLevel":1024} ours`,
		`Status {} evil.example`,
		`Status {} ours https://evil.example`,
	}
	for _, w := range want {
		if got[w] == 0 || len(got) != len(want) {
			t.Errorf("%q was not asked: %v", w, got)
		}
	}
}
