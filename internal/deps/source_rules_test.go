package deps

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// TestRulesCanFail shows each rule a file that breaks it, and one that does not.
func TestRulesCanFail(t *testing.T) {
	for _, tc := range []struct {
		dir, source, want string
	}{
		{"isis", `import "slices"; var _ = slices.Sort[[]int]`, ""},
		{"isis", `import "github.com/seed-8247e700/dsm/internal/planted"; var _ planted.Bug`, ""},
		{"isis", `import "sync"; var _ sync.Mutex`, "isis must not import sync"},
		{"isis", `import "time"; var _ time.Time`, "isis must not import time"},
		{"isis", `import "github.com/seed-8247e700/dsm/internal/wire"; var _ wire.Hello`, "must not import"},
		{"isis", `import "github.com/zeebo/xxh3"; var _ = xxh3.Hash`, "must not import"},
		{"isis", `func f() { go f() }`, "start a goroutine"},
		{"isis", `var c chan int`, "use a channel"},
		{"isis", `func f() { select {} }`, "select"},
		{"isis", `func f[C ~T](c C) { c <- 1 }`, "send on a channel"},
		{"isis", `func f[C ~T](c C) { <-c }`, "receive from a channel"},
		{"isis", `func f() { println() }`, "must not print"},
		{"isis", `import out "fmt"; func f() { out.Println() }`, "use out.Println"},
		{"isis", `import "fmt"; var _ = fmt.Errorf`, ""},
		{"registry/membership", `import "time"; var _ time.Duration = time.Second`, ""},
		{"registry/membership", `import "time"; var now = time.Now`, "use time.Now"},
		{"registry/membership", `import "go.etcd.io/bbolt"; var _ bbolt.DB`, "must not import"},
		{"registry/membership", `import "sync/atomic"; var _ atomic.Bool`, "must not import sync/atomic"},
		{"internal/member", `import "sync/atomic"; import "time"; var _ atomic.Bool; var _ time.Duration`, ""},
		{"internal/member", `import "sync"; var _ sync.Mutex`, "must not import sync"},
		{"internal/member", `import "context"; var _ context.Context`, "must not import context"},
		{"internal/member", `import "log/slog"; var _ slog.Logger`, "must not import log/slog"},
		{"internal/member", `import "time"; var now = time.Now`, "use time.Now"},
		{"internal/member", `func f() { go f() }`, "start a goroutine"},
		{"internal/member", `import "github.com/seed-8247e700/dsm/internal/transport"; var _ transport.Network`, "must not import"},
		{"driver", `import "net"; var _ net.Conn`, ""},
		{"driver", `import "github.com/seed-8247e700/dsm/server"; var _ server.Node`, "must not import"},
		{"server", `import "github.com/seed-8247e700/dsm/driver"; var _ driver.DB`, "must not import"},
		{"registry", `import "google.golang.org/protobuf/proto"; var _ proto.Message`, ""},
		{"registry", `import "google.golang.org/protobufs"; var _ protobufs.X`, "must not import"},
		{"driver", `import "time"; var _ = time.Now().UnixNano()`, "must not use UnixNano"},
		{"internal/sparelog", `import "time"; func f(t time.Time) int64 { return t.Unix() }`, "must not use Unix,"},
		{"registry", `import "time"; func f(t time.Time) { _ = t.Round(0) }`, "must not use Round"},
		{"registry", `import "time"; func f(t time.Time) { _ = t.Truncate(0) }`, "must not use Truncate"},
		{"registry", `import "time"; func f(t time.Time) { _ = t.AddDate(0, 0, 1) }`, "must not use AddDate"},
		{"registry", `import "time"; func f(t time.Time) { _ = t.Truncate(time.Second) }`, ""},
		{"registry", `import "time"; func f(t time.Time) { _, _ = t.MarshalText() }`, "must not use MarshalText"},
		{"registry", `import "time"; func f(t time.Duration) { _, _ = t.Round(time.Second), time.Unix(1, 0) }`, ""},
		{"internal/clock", `import "time"; func f(t time.Time) int64 { return t.UnixNano() }`, ""},
		{"no/such/package", ``, "has no row"},
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "file.go", "package p; "+tc.source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("%s: %v", tc.source, err)
		}
		got := strings.Join(violations(tc.dir, file), "; ")
		if (tc.want == "") != (got == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %s\ngot  %q\nwant %q", tc.dir, tc.source, got, tc.want)
		}
	}
}

func TestBuildTagIsSeen(t *testing.T) {
	for _, tc := range []struct {
		head string
		want bool
	}{
		{"", false},
		{"//go:build planted\n\n", true},
		{"//go:build !planted\n\n", false},
		{"//go:build linux\n\n", false},
		{"//go:build planted && linux\n\n", true},
		{"//go:build planted || linux\n\n", false},
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "file.go", tc.head+"package p\n", parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if got := plantedOnly(file); got != tc.want {
			t.Errorf("%q: %v, want %v", tc.head, got, tc.want)
		}
	}
}
