package client

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestDiscover(t *testing.T) {
	const view = `{"group":"18446744073709551615","generation":"3","settings":{},"view":{"id":"9","prev":"8","members":[` +
		`{"id":"n1","incarnation":"1","peerAddr":"h:1","clientAddr":"h:2"},{"id":"n2","incarnation":"4","clientAddr":"h:3"},{"id":"n3"}]}}`
	for name, tc := range map[string]struct {
		status  int
		body    string
		servers []string
		want    string
	}{
		"a view":         {200, view, []string{"h:2", "h:3"}, ""},
		"no members":     {200, `{"group":"1","view":{}}`, nil, ErrNoServers.Error()},
		"no view":        {200, `<html>`, nil, "its answer is no view"},
		"another server": {404, `not found`, nil, "404"},
		"too much":       {200, strings.Repeat(" ", maxViewBytes+1), nil, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.URL.Path != "/v1/view" {
					t.Errorf("%s %s", r.Method, r.URL)
				}
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body))
			}))
			defer server.Close()
			d := DSN{Registries: []string{strings.TrimPrefix(server.URL, "http://")}}
			servers, err := d.Find(t.Context(), Options{})
			if !slices.Equal(servers, tc.servers) || (err == nil) != (tc.want == "") {
				t.Errorf("%v, %v", servers, err)
			}
			if err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %s", err, tc.want)
			}
		})
	}
	servers, err := DSN{Servers: []string{"a:1"}}.Find(t.Context(), Options{})
	if err != nil || !slices.Equal(servers, []string{"a:1"}) {
		t.Errorf("%v, %v", servers, err)
	}
	if _, err := (DSN{Registries: []string{"127.0.0.1:1"}}).Find(t.Context(), Options{}); err == nil || errors.Is(err, ErrNoServers) {
		t.Errorf("without a registry: %v", err)
	}
}
