package load

import (
	"context"

	"github.com/seed-8247e700/dsm/internal/history"
)

// Memory is what a client of a run uses: one session.
type Memory interface {
	// Do carries out a request. It fills in the answer whatever happened.
	Do(ctx context.Context, r *Request, a *Answer)
	// Session returns the id of the session, and opens it if it must.
	Session(ctx context.Context) (uint64, error)
	// Close ends the session.
	Close() error
}

// Request is one operation to carry out.
type Request struct {
	Kind   history.Kind
	Key    string // of a scan or a count: where its range begins
	Value  []byte // of a transaction: its encoding
	Delta  int64
	Expect uint64
	Scan   *history.Scan // of a scan or a count: its range, order and limit
}

// Answer is what became of a request.
type Answer struct {
	Status   history.Status
	Because  history.Refusal // Status Fail
	Err      error           // nil unless the client could do nothing about it
	Value    []byte          // read; nil: absent
	Version  uint64
	Sum      int64          // of an add; of a transaction: its branch, or the operation that could not be done
	Results  []byte         // of a transaction, encoded
	Items    []history.Item // of a scan
	Found    int            // of a count
	Position uint64
	Node     string // that answered
	Session  uint64 // of a write; 0: as it was told
	Seq      uint64 // of a write
}

// Chooser decides what one client asks for. Its methods are called in turn: after Preload or
// Next the request is carried out, and Learn is told the answer. With asynchronous writes,
// Learn comes some writes later.
type Chooser interface {
	// Preload fills r with the first write of a variable, by its number.
	Preload(r *Request, key int)
	// Next fills r with the client's next operation.
	Next(r *Request)
	// Learn takes the answer to a request.
	Learn(r *Request, a *Answer)
}

// Preparer is a Chooser that has more to do when all variables are there, before the load
// begins.
type Preparer interface {
	// Prepare fills r with the next part of it, or reports false if nothing is left. Clients
	// may share the work.
	Prepare(r *Request) bool
}

// Source is what clients are opened at.
type Source interface {
	// Open begins a client's session. Clients are spread evenly over the nodes.
	Open(ctx context.Context, client int) (Memory, error)
}
