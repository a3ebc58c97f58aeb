package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"go.etcd.io/bbolt"

	"github.com/seed-8247e700/dsm/registry/membership"
	"github.com/seed-8247e700/dsm/registry/registrypb"
	"github.com/seed-8247e700/dsm/registry/registrypb/registrypbconnect"
)

// fixture is a registry on a port that the kernel picked, and a client.
type fixture struct {
	*Registry
	client *Client
	clock  *fakeClock
	log    *bytes.Buffer // to be read after Close
}

func start(t *testing.T, dir string, settings Settings) *fixture {
	t.Helper()
	f := &fixture{clock: newFakeClock(), log: new(bytes.Buffer)}
	var err error
	f.Registry, err = Start(t.Context(), Config{
		DataDir:   dir,
		TokenFile: tokenFile(t, testToken),
		Settings:  settings,
		Logger:    slog.New(slog.NewTextHandler(f.log, nil)),
		Clock:     f.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.client = dial(t, f.Addr())
	f.client.UseToken(testToken)
	t.Cleanup(func() { f.stop(t) })
	return f
}

// testToken is that of a fixture.
const testToken = "token-of-a-registry"

// tokenFile returns a file with a token.
func tokenFile(t *testing.T, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (f *fixture) stop(t *testing.T) {
	t.Helper()
	f.client.Close()
	if err := f.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func dial(t *testing.T, addr string) *Client {
	t.Helper()
	c, err := Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (f *fixture) register(t *testing.T, id string) (incarnation uint64, d *membership.Directive) {
	t.Helper()
	incarnation, d, err := f.client.Register(t.Context(), membership.Registration{ID: id, PeerAddr: id + ":1", ClientAddr: id + ":1"})
	if err != nil {
		t.Fatal(err)
	}
	return incarnation, d
}

// node is the least that makes a node: it obeys the directives it gets.
type node struct {
	f      *fixture
	from   membership.From
	report membership.Report
	d      *membership.Directive
}

func (f *fixture) node(t *testing.T, id string) *node {
	t.Helper()
	incarnation, d := f.register(t, id)
	n := &node{
		f: f, d: d, report: membership.Report{Ready: true},
		from: membership.From{ID: id, Incarnation: incarnation, Group: d.Group, Generation: d.Generation},
	}
	n.obey()
	return n
}

func (n *node) obey() {
	n.from.Generation = n.d.Generation
	for _, v := range n.d.Views {
		n.report.Peers = nil
		for _, m := range v.Members {
			if m.Incarnation == n.from.Incarnation {
				n.report.View = v.ID
			} else {
				n.report.Peers = append(n.report.Peers, membership.Peer{Incarnation: m.Incarnation})
			}
		}
	}
	if a := n.d.Attempt; a != nil {
		n.report.Wedged = a.View.ID
		if a.Leader == n.from.Incarnation {
			n.report.Installed = a.View.ID
		}
	}
}

func (n *node) heartbeat(t *testing.T) *membership.Directive {
	t.Helper()
	d, err := n.f.client.Heartbeat(t.Context(), n.from, &n.report)
	if err != nil {
		t.Fatal(err)
	}
	n.d = d
	n.obey()
	return d
}

// join brings a second node into the view.
func (f *fixture) join(t *testing.T, first *node, id string) *node {
	t.Helper()
	n := f.node(t, id)
	n.heartbeat(t)     // ready: the attempt starts
	first.heartbeat(t) // learns of it
	first.heartbeat(t) // installed
	n.heartbeat(t)
	if n.report.View == 0 {
		t.Fatalf("%s has not joined: %v", id, n.d)
	}
	return n
}

func TestRestartFromFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	f := start(t, dir, Settings{Detection: time.Second, MinMembers: 2})
	a := f.node(t, "a")
	b := f.join(t, a, "b")
	before, err := f.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !before.GetDurable() || before.GetProblem() != "" || len(before.GetView().GetMembers()) != 2 {
		t.Fatalf("status: %v", before)
	}
	if _, err := Start(t.Context(), Config{DataDir: dir}); err == nil || !strings.Contains(err.Error(), "another registry uses "+dir) {
		t.Errorf("a second registry in the same directory: %v", err)
	}
	f.stop(t)
	if err := f.Err(); !errors.Is(err, ErrClosed) {
		t.Errorf("Err after Close: %v", err)
	}

	f = start(t, dir, Settings{Tick: 2 * time.Second})
	after, err := f.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after.GetGroup() != before.GetGroup() || after.GetView().String() != before.GetView().String() {
		t.Errorf("after a restart: %v, before: %v", after, before)
	}
	s := after.GetSettings()
	if s.GetDetectionMs() != 1000 || s.GetHeartbeatMs() != 125 || s.GetMinMembers() != 2 || s.GetTickMs() != 2000 {
		t.Errorf("settings after a restart: %v", s)
	}
	revision := b.d.Revision
	b.f = f
	if d := b.heartbeat(t); d.Excluded || d.Revision <= revision {
		t.Errorf("heartbeat after a restart: %v, revision before %d", d, revision)
	}
	if _, err := Start(t.Context(), Config{DataDir: t.TempDir(), Listen: f.Addr()}); err == nil || !strings.Contains(err.Error(), "choose another address") {
		t.Errorf("a port in use: %v", err)
	}
	f.stop(t)
	if log := f.log.String(); !strings.Contains(log, "settings of the group changed") {
		t.Errorf("the log does not tell of changed settings:\n%s", log)
	}
	if _, err := Start(t.Context(), Config{DataDir: dir, Settings: Settings{Delivery: Agreed}}); !errors.Is(err, ErrInvalid) {
		t.Errorf("another delivery level for a group with a view: %v", err)
	}
	if _, err := Start(t.Context(), Config{DataDir: dir, Settings: Settings{SessionTTL: 5 * time.Second}}); !errors.Is(err, ErrInvalid) ||
		!strings.Contains(err.Error(), "(--session-ttl) is fixed") {
		t.Errorf("another session TTL for a group with a view: %v", err)
	}
	start(t, dir, Settings{Delivery: Safe, SessionTTL: time.Minute}).stop(t) // what it has may be given again
}

func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	start(t, dir, Settings{}).stop(t)
	spoil := func(change func([]byte) []byte) error {
		db, err := bbolt.Open(filepath.Join(dir, storeFile), 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error {
			b := tx.Bucket(storeBucket)
			return b.Put(storeKey, change(bytes.Clone(b.Get(storeKey))))
		})
		if err = errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		_, err = Start(t.Context(), Config{DataDir: dir})
		return err
	}
	if err := spoil(func(b []byte) []byte { b[len(b)-3] ^= 1; return b }); !errors.Is(err, errDamaged) {
		t.Errorf("a flipped bit: %v", err)
	}
	if err := spoil(func(b []byte) []byte { b[0] = 9; return b }); err == nil || !strings.Contains(err.Error(), "format 9") {
		t.Errorf("a newer format: %v", err)
	}
	if err := spoil(func([]byte) []byte { return nil }); !errors.Is(err, errDamaged) {
		t.Errorf("an empty record: %v", err)
	}
}

// TestHTTP holds what curl and load balancers see.
func TestHTTP(t *testing.T) {
	f := start(t, "", Settings{})
	post := func(method, body string) (int, map[string]any) {
		t.Helper()
		status, reply := fetch(t, http.MethodPost, "http://"+f.Addr()+"/dsm.registry.v1.Registry/"+method, body)
		var out map[string]any
		if err := json.Unmarshal(reply, &out); err != nil {
			t.Fatalf("%s: %v: %s", method, err, reply)
		}
		return status, out
	}
	if status, reply := post("Register", `{"id":"n1","peerAddr":"h:1","clientAddr":"h:2"}`); status != 200 || reply["incarnation"] != "1" {
		t.Errorf("register: %d %v", status, reply)
	}
	if status, reply := post("Register", `{"id":"n1","peerAddr":"h:1","clientAddr":"h:2"}`); status != http.StatusConflict || reply["code"] != "already_exists" {
		t.Errorf("register twice: %d %v", status, reply)
	}
	for _, bad := range []string{
		`{"id":"","peerAddr":"h:1","clientAddr":"h:2"}`,
		`{"id":"n2","peerAddr":"h","clientAddr":"h:2"}`,
		`{"id":"n2","peerAddr":"h:1","clientAddr":"h:0"}`,
		`{"id":"n 2","peerAddr":"h:1","clientAddr":"h:2"}`,
		`{"id":"` + strings.Repeat("x", 65) + `","peerAddr":"h:1","clientAddr":"h:2"}`,
		`{"id":"n2","peerAddr":"` + strings.Repeat("x", 300) + `:1","clientAddr":"h:2"}`,
		`{"id":`,
	} {
		if status, reply := post("Register", bad); status != http.StatusBadRequest || reply["message"] == "" {
			t.Errorf("register %s: %d %v", bad, status, reply)
		}
	}
	if status, reply := post("NewGeneration", `{}`); status != http.StatusForbidden || reply["code"] != "permission_denied" {
		t.Errorf("new generation without the token: %d %v", status, reply)
	}
	if status, _ := fetch(t, http.MethodPost, "http://"+f.Addr()+"/dsm.registry.v1.Registry/Status", strings.Repeat(" ", maxRequestBytes+1)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a request too large: %d", status)
	}
	status, body := fetch(t, http.MethodGet, "http://"+f.Addr()+"/v1/view", "")
	var view struct {
		Group string
		View  struct {
			ID      string
			Members []struct{ ID, ClientAddr string }
		}
	}
	if err := json.Unmarshal(body, &view); err != nil || status != 200 || view.View.ID != "1" || view.View.Members[0].ClientAddr != "h:2" {
		t.Errorf("GET /v1/view: %d %v %s", status, err, body)
	}
	if status, body := fetch(t, http.MethodGet, "http://"+f.Addr()+"/healthz", ""); status != 200 || string(body) != "ok\n" {
		t.Errorf("GET /healthz: %d %s", status, body)
	}
	if status, _ := fetch(t, http.MethodGet, "http://"+f.Addr()+"/nothing", ""); status != http.StatusNotFound {
		t.Errorf("GET /nothing: %d", status)
	}
	f.stop(t)
	if !strings.Contains(f.log.String(), "level=WARN msg=\"views are kept in memory only") {
		t.Errorf("the log does not say that views are kept in memory:\n%s", f.log)
	}
}

func fetch(t *testing.T, method, url, body string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(reply.Body)
	if err = errors.Join(err, reply.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, out
}

// TestGRPC speaks gRPC over HTTP/2 without TLS to the same port.
func TestGRPC(t *testing.T) {
	f := start(t, "", Settings{})
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	api := registrypbconnect.NewRegistryClient(&http.Client{Transport: transport}, "http://"+f.Addr(), connect.WithGRPC())
	reply, err := api.Register(t.Context(), connect.NewRequest(&registrypb.RegisterRequest{Id: "n1", PeerAddr: "h:1", ClientAddr: "h:1"}))
	if err != nil || reply.Msg.GetIncarnation() != 1 {
		t.Fatalf("register: %v %v", reply, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := api.Watch(ctx, connect.NewRequest(&registrypb.WatchRequest{Id: "n1", Incarnation: 1, Group: reply.Msg.GetDirective().GetGroup(), Generation: 1}))
	if err != nil || !stream.Receive() || stream.Msg().GetViews()[0].GetId() != 1 {
		t.Fatalf("watch: %v %v", err, stream.Err())
	}
	// The stream of a node that is excluded ends by itself.
	other, err := api.Watch(t.Context(), connect.NewRequest(&registrypb.WatchRequest{Id: "z", Incarnation: 9, Group: reply.Msg.GetDirective().GetGroup(), Generation: 1}))
	if err != nil || !other.Receive() || !other.Msg().GetExcluded() {
		t.Fatalf("watch of an unknown node: %v %v", err, other.Err())
	}
	if other.Receive() || other.Err() != nil {
		t.Errorf("the watch of an unknown node goes on: %v %v", other.Msg(), other.Err())
	}
	cancel()
	_ = stream.Close()
	_ = other.Close()
}

func TestBadSettings(t *testing.T) {
	for text, settings := range map[string]Settings{
		"delivery is":         {Delivery: "fast"},
		"minimum size":        {MinMembers: 1000},
		"--detection":         {Detection: 199 * time.Millisecond},
		"heartbeat interval":  {Heartbeat: time.Second},
		"attempt timeout":     {AttemptTimeout: time.Millisecond},
		"session TTL":         {SessionTTL: -time.Second},
		"tick interval":       {Tick: time.Hour},
		"audit interval":      {Audit: time.Millisecond},
		"in whole millisecon": {Tick: time.Second + time.Microsecond},
	} {
		if _, err := Start(t.Context(), Config{Settings: settings}); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// failingStore fails when it is told to.
type failingStore struct {
	store
	fail error
}

func (s *failingStore) save(state membership.State) error {
	if s.fail != nil {
		return s.fail
	}
	return s.store.save(state)
}

// TestDegraded holds that a registry that cannot save tells nobody anything
// that depends on it, and says what is wrong.
// It goes on once it can, with what it could not save.
func TestDegraded(t *testing.T) {
	f := start(t, t.TempDir(), Settings{})
	a := f.node(t, "a")
	f.mu.Lock()
	disk := &failingStore{store: f.store, fail: errors.New("no space left")}
	f.store = disk
	f.mu.Unlock()
	a.heartbeat(t) // changes nothing
	_, _, err := f.client.Register(t.Context(), membership.Registration{ID: "b", PeerAddr: "b:1", ClientAddr: "b:1"})
	if !errors.Is(err, ErrDegraded) || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("register: %v", err)
	}
	if _, err := f.client.Heartbeat(t.Context(), a.from, &a.report); !errors.Is(err, ErrDegraded) {
		t.Errorf("heartbeat: %v", err)
	}
	status, err := f.client.Status(t.Context())
	if err != nil || status.GetProblem() == "" || len(status.GetNodes()) != 1 {
		t.Errorf("status: %v %v", status, err)
	}
	if code, _ := fetch(t, http.MethodGet, "http://"+f.Addr()+"/healthz", ""); code != http.StatusServiceUnavailable {
		t.Errorf("GET /healthz: %d", code)
	}

	const again = time.Second     // it tries every second
	f.clock.advance(t, again*3/2) // it tries again, in vain
	f.mu.Lock()
	disk.fail = nil
	f.mu.Unlock()
	if _, err := f.client.Heartbeat(t.Context(), a.from, &a.report); !errors.Is(err, ErrDegraded) {
		t.Errorf("heartbeat before another try: %v", err)
	}
	f.clock.advance(t, 2*again)
	if d := a.heartbeat(t); d.Excluded {
		t.Errorf("a member after the disk was repaired: %v", d)
	}
	status, err = f.client.Status(t.Context())
	if err != nil || status.GetProblem() != "" {
		t.Errorf("status after the disk was repaired: %v %v", status, err)
	}
	f.stop(t)
	for _, text := range []string{"the state cannot be saved", "the state can be saved again"} {
		if log := f.log.String(); strings.Count(log, text) != 1 {
			t.Errorf("not once in the log: %q\n%s", text, log)
		}
	}
}

// TestSlowRequest holds that a connection which sends half a request does not
// keep others from being served, nor Close from ending.
func TestSlowRequest(t *testing.T) {
	f := start(t, "", Settings{})
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", f.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /dsm.registry.v1.Registry/Status HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Le"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.client.Status(t.Context()); err != nil {
		t.Error(err)
	}
}
