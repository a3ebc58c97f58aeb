package server

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/registry"
)

// A node that others do not reach where it says it is fails to start, and says
// so; it keeps nobody else from joining.
func TestWrongAddress(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for _, members := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d members", members), func(t *testing.T) {
			g := newGroup(t, registry.Settings{})
			g.startAll(members)
			for addr, text := range map[string]string{
				nobody:           "where it is not reached from n",
				g.pick(0).Addr(): "finds n1#",
			} {
				_, err := g.tryStart("lost", func(cfg *Config) { cfg.Advertise = addr })
				if !errors.Is(err, ErrConfig) {
					t.Fatalf("a node that advertises %s: %v", addr, err)
				}
				for _, want := range []string{"lost advertises " + addr, text, "--advertise"} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("a node that advertises %s: %v, want %q in it", addr, err, want)
					}
				}
			}
			g.start("lost", nil)
			g.start("late", nil)
		})
	}
}
