package bench

import (
	"context"

	"github.com/seed-8247e700/dsm/internal/history"
)

// memory is what a client of a run uses: one session.
type memory interface {
	// Do carries out a request. It fills in the answer whatever happened.
	Do(ctx context.Context, r *request, a *answer)
	// Session returns the id of the session, and opens it if it must.
	Session(ctx context.Context) (uint64, error)
	// Close ends the session.
	Close() error
}

// request is one operation to carry out.
type request struct {
	kind   history.Kind
	key    string
	value  []byte
	delta  int64
	expect uint64
}

// answer is what became of a request.
type answer struct {
	status   history.Status
	because  history.Refusal // status Fail
	err      error           // nil unless the client could do nothing about it
	value    []byte          // read; nil: absent
	version  uint64
	sum      int64
	position uint64
	node     string // that answered
	session  uint64 // of a write; 0: as it was told
	seq      uint64 // of a write
}

// system is a group under load.
type system interface {
	// Open begins a client's session. Clients are spread evenly over the nodes.
	Open(ctx context.Context, client int) (memory, error)
	// Digests orders an audit and returns what each live node's state was then.
	Digests(ctx context.Context) ([]digest, error)
	// Stop ends all that was started.
	Stop() error
}

// digest is a node's digest of its state at a position, or why there is none.
type digest struct {
	node     string
	position uint64
	value    uint64
	err      error
}
