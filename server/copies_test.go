package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/seed-8247e700/dsm/registry"
)

// copyIdentity copies an identity directory. If it is forged, the copy says that it is
// where it was recorded.
func copyIdentity(t *testing.T, dir, id string, forged bool) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if !forged {
		return copied
	}
	ident, err := openIdentity(copied, id)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(ident.record(ident.last.Group, ident.last.Incarnation), ident.close()); err != nil {
		t.Fatal(err)
	}
	return copied
}

// Copies of the identity directories of a group that runs are started beside it, as by the
// clone of a machine: they are refused, and the group loses nothing.
func TestCopiedIdentities(t *testing.T) {
	for _, forged := range []bool{false, true} {
		for copies := 1; copies <= 3; copies++ {
			t.Run(fmt.Sprintf("%d of three, forged %v", copies, forged), func(t *testing.T) {
				g := newGroup(t, slowly())
				ids := []string{"n1", "n2", "n3"}
				dirs := make(map[string]string)
				for _, id := range ids {
					dirs[id] = t.TempDir()
					g.start(id, in(dirs[id]))
				}
				c := g.client("n1")
				c.set("k", "precious")
				before := c.conn.Info()
				var all sync.WaitGroup
				for _, id := range ids[:copies] {
					copied := copyIdentity(t, dirs[id], id, forged)
					all.Go(func() {
						_, err := g.tryStart(id, in(copied))
						if !errors.Is(err, registry.ErrIDInUse) || !strings.Contains(err.Error(), copied+" is a copy") ||
							!strings.Contains(err.Error(), g.nodes[id].Addr()) || !strings.Contains(err.Error(), "an empty directory of its own") {
							t.Errorf("a copy of %s: %v", id, err)
						}
					})
				}
				all.Wait()
				if got := c.get(g.connect("n3"), "k"); got != "precious" {
					t.Errorf("it has %q", got)
				}
				for _, id := range ids {
					if s := g.nodes[id].Status(); s.Generation != before.Generation || s.Incarnation != g.nodes[id].identity.last.Incarnation || len(s.Members) != 3 {
						t.Errorf("%s is %+v", id, s)
					}
				}
				if after := c.conn.Info(); after != before {
					t.Errorf("the client's node is %+v, was %+v", after, before)
				}
			})
		}
	}
}

// A copy proves nothing, even if what it was copied from is gone: it waits until the group
// has noticed that.
func TestCopyOfOneThatIsGone(t *testing.T) {
	g := newGroup(t, fast())
	g.start("n1", nil)
	dir := t.TempDir()
	g.start("n2", in(dir))
	g.client("n1").set("k", "v")
	g.kill("n2")
	said := make(chan string, 10)
	g.start("n2", func(c *Config) {
		c.DataDir = copyIdentity(t, dir, "n2", false)
		c.Logger = noticing(t, "the identity directory does not prove", func(line string) { said <- line })
	})
	if line := <-said; !strings.Contains(line, "its lock is another file") {
		t.Errorf("it says %q", line)
	}
	if n := g.nodes["n2"]; n.identity.moved != "" || n.identity.provedDead() != n.current.Load().self.Incarnation {
		t.Errorf("it has recorded where it is now: %+v", n.identity)
	}
}

// A directory is where it was recorded on the same machine, also after a boot, or under the
// same run of a kernel.
func TestPlace(t *testing.T) {
	here := place{Host: "h", Boot: "b", Device: 1, Inode: 2}
	with := func(change func(*place)) place {
		p := here
		change(&p)
		return p
	}
	for name, tc := range map[string]struct {
		was, now place
		moved    string
	}{
		"the same":                              {here, here, ""},
		"booted again":                          {here, with(func(p *place) { p.Boot, p.Device = "c", 5 }), ""},
		"another file":                          {here, with(func(p *place) { p.Inode = 3 }), "another file"},
		"another file after a boot":             {here, with(func(p *place) { p.Boot, p.Inode = "c", 3 }), "another file"},
		"another device":                        {here, with(func(p *place) { p.Device = 3 }), "another device"},
		"another machine":                       {here, with(func(p *place) { p.Host, p.Boot = "i", "c" }), "another machine"},
		"the same kernel in another image":      {here, with(func(p *place) { p.Host = "i" }), ""},
		"no machine id, the same kernel":        {with(func(p *place) { p.Host = "" }), with(func(p *place) { p.Host = "" }), ""},
		"no machine id, another kernel":         {with(func(p *place) { p.Host = "" }), with(func(p *place) { p.Host, p.Boot = "", "c" }), "no machine id"},
		"no machine id any more":                {here, with(func(p *place) { p.Host, p.Boot = "", "c" }), "no machine id"},
		"neither":                               {place{Inode: 2}, place{Inode: 2}, "no machine id"},
		"no boot id":                            {place{Host: "h", Inode: 2}, place{Host: "h", Inode: 2}, ""},
		"an earlier release":                    {place{}, here, "an earlier release"},
		"an earlier release on nothing, either": {place{}, place{}, "an earlier release"},
	} {
		if got := tc.was.moved(tc.now); got == "" != (tc.moved == "") || !strings.Contains(got, tc.moved) {
			t.Errorf("%s: %q, want %q", name, got, tc.moved)
		}
	}
}

// The ids of the system are not in the record as they are, and those of two kinds differ.
func TestPlaceOfALock(t *testing.T) {
	lock, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := placeOf(lock)
	if host, boot := machine(); err != nil || p.Inode == 0 || p.Host != digest("host", host) || p.Boot != digest("boot", boot) {
		t.Errorf("%+v, %v", p, err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := placeOf(lock); err == nil {
		t.Error("a closed file has a place")
	}
	if digest("host", "") != "" || digest("host", "x") == digest("boot", "x") || len(digest("host", "x")) != 32 {
		t.Error("digests")
	}
}

// A record of an earlier release, which does not say where it is, proves nothing.
func TestIdentityOfAnEarlierRelease(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "identity.json"), []byte(`{"id":"n1","group":"5","incarnation":"7"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	ident, err := openIdentity(dir, "n1")
	if err != nil || ident.last.Incarnation != 7 || ident.provedDead() != 0 || !strings.Contains(ident.moved, "earlier release") {
		t.Fatalf("%+v, %v", ident, err)
	}
	if err := errors.Join(ident.record(5, 8), ident.close()); err != nil {
		t.Fatal(err)
	}
	if ident, err = openIdentity(dir, "n1"); err != nil || ident.provedDead() != 8 {
		t.Fatalf("%+v, %v", ident, err)
	}
	b, err := json.Marshal(ident.last)
	if host, boot := machine(); err != nil || host != "" && strings.Contains(string(b), host) || boot != "" && strings.Contains(string(b), boot) {
		t.Errorf("the record is %s, %v", b, err)
	}
	if err := ident.close(); err != nil {
		t.Error(err)
	}
}
