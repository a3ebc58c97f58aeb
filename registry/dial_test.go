package registry

import (
	"context"
	"errors"
	"net"
	"testing"
)

// A client that is told how to dial dials so, the registry's own address.
func TestDialThrough(t *testing.T) {
	asked := ""
	errDial := errors.New("no way")
	c, err := DialThrough("127.0.0.1:6001", func(ctx context.Context, addr string) (net.Conn, error) {
		asked = addr
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("the dial has no bound")
		}
		return nil, errDial
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrUnreachable) || !errors.Is(err, errDial) || asked != "127.0.0.1:6001" {
		t.Errorf("got %v, dialled %q", err, asked)
	}
}
