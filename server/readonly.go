package server

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/seed-8247e700/dsm/internal/guard"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// debugVariable names the environment variable that switches debugging on: words with
// commas between them.
const debugVariable = "DSM_DEBUG"

// debugReadOnly is the word for Config.ReadOnly.
const debugReadOnly = "readonly"

// debugged takes what DSM_DEBUG says into c, and logs words that mean nothing.
func (c *Config) debugged() {
	words := strings.FieldsFunc(os.Getenv(debugVariable), func(r rune) bool { return r == ',' || r == ' ' })
	for _, word := range words {
		if word != debugReadOnly {
			c.Logger.Warn("unknown value in "+debugVariable+": the only known one is "+debugReadOnly, "node", c.ID, "word", word)
		}
	}
	c.ReadOnly = c.ReadOnly || slices.Contains(words, debugReadOnly)
}

// readOnlyConn is a localConn whose reads return copies that cannot be written to.
type readOnlyConn struct{ localConn }

var (
	_ wire.Conn        = readOnlyConn{}
	_ wire.Local       = readOnlyConn{}
	_ wire.LocalReader = readOnlyReader{}
	_ wire.Bounded     = readOnlyConn{}
)

// Within returns the connection of a client, with calls that ctx ends.
func (c readOnlyConn) Within(ctx context.Context, client string, secret wire.Secret) wire.Conn {
	return readOnlyConn{localConn{f: c.f, within: ctx, client: client, lock: secret.Lock()}}
}

// Get reads as localConn does.
func (c readOnlyConn) Get(ctx context.Context, key string, position uint64, strong bool) (wire.Reply, error) {
	reply, err := c.localConn.Get(ctx, key, position, strong)
	reply.Data = c.f.guarded(reply.Data)
	return reply, err
}

// Reader returns a reader that does as Get does.
func (c readOnlyConn) Reader() wire.LocalReader { return readOnlyReader{c.f} }

// readOnlyReader is the reader of a readOnlyConn.
type readOnlyReader struct{ f *front }

// Get reads as the member's reader does.
func (r readOnlyReader) Get(key string, position uint64) (data []byte, version, reflects uint64, ok bool) {
	data, version, reflects, ok = r.f.reader.Get(key, position)
	return r.f.guarded(data), version, reflects, ok
}

// guarded returns a copy of b that cannot be written to.
func (f *front) guarded(b []byte) []byte { return guard.Copy(b, reportWriter(f.log)) }

// reportWriter returns what logs who was given bytes that were changed.
func reportWriter(log *slog.Logger) func(stack []byte) {
	return func(stack []byte) {
		log.Error("the program has changed bytes that it may only read: copy them before changing them; the stack shows where they were returned", "stack", string(stack))
	}
}

// onDeliver calls Config.OnDeliver.
func (f *front) onDeliver(delivered *wire.Delivery) {
	if !f.cfg.ReadOnly {
		f.cfg.OnDeliver(delivered)
		return
	}
	d := *delivered
	d.Payload, d.Effects = f.guarded(d.Payload), f.guarded(d.Effects)
	f.cfg.OnDeliver(&d)
}
