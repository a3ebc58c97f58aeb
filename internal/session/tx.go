package session

import (
	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Tx is one attempt at a transaction of which a client does not know in advance what it reads
// and writes: the function of an Update, or of a View. All that it reads shows the state at
// one position, changed by what it has written itself. What it writes stays with the client
// until Commit, which returns the one command that does all of it, on the condition that what
// was read has not changed since. The zero value has read nothing; whoever owns a Tx locks it.
//
//	q := t.Get(key)            // what to ask a server for, page by page: see Scan
//	item, status := t.Got(key, page.Items)
type Tx struct {
	ReadOnly bool // nothing is written, and nothing that was read is a condition

	fixed    bool   // it has read something
	position uint64 // whose state it shows, once it has
	versions map[string]uint64
	reads    []string // the keys of versions, in the order in which they were read first
	seen     seen
	writes   drafts
}

// Position returns the position whose state the transaction shows, 0 if it has read nothing.
func (t *Tx) Position() uint64 { return t.position }

// Writes reports whether the transaction has written anything.
func (t *Tx) Writes() bool { return len(t.writes.ops) > 0 }

// TxItem is a variable as a transaction sees it.
type TxItem struct {
	Key     string
	Exists  bool
	Version uint64 // 0: the transaction itself has written it
	Value   []byte // shared
}

// Written returns a variable as the transaction's own writes leave it. ok is false if that
// depends on what servers have.
func (t *Tx) Written(key string) (item TxItem, ok bool) {
	d := t.writes.of[key]
	if d == nil || !d.known {
		return TxItem{}, false
	}
	return TxItem{Key: key, Exists: d.exists, Value: d.value}, true
}

// Exists reports whether there is a variable, as the transaction's own writes leave it. ok is
// false if that depends on what servers have.
func (t *Tx) Exists(key string) (exists, ok bool) {
	d := t.writes.of[key]
	if d == nil {
		return false, false
	}
	return d.exists || !d.known, true // adds and appends make a variable of any
}

// Get returns a scan of one variable, whose only page is for Got.
func (t *Tx) Get(key string) Scan { return t.scan(wire.ScanQuery{From: key, To: key + "\x00"}) }

// scan returns a scan at the transaction's position.
func (t *Tx) scan(q wire.ScanQuery) Scan {
	if t.fixed && !planted.On(planted.SnapshotTwoPositions) {
		q.At, q.Flags = t.position, q.Flags|wire.ScanAt
	}
	return NewScan(q)
}

// Paged notes that a page of a scan has come. The first one fixes the position.
func (t *Tx) Paged(scan *Scan) {
	if !t.fixed {
		t.fixed, t.position = true, scan.Position()
	}
}

// Count returns a scan whose pages count the variables of a range, for a transaction that has
// written none and is ReadOnly.
func (t *Tx) Count(from, to string) Scan {
	return t.scan(wire.ScanQuery{From: from, To: to, Flags: wire.ScanCount})
}

// Got takes the items of the page of a Get, and returns the variable as the transaction sees
// it. If what it has written before cannot be done to that, the status says why; if it has
// read too much, StatusTooLarge is returned.
func (t *Tx) Got(key string, items []wire.ScanItem) (TxItem, wire.Status) {
	found := wire.ScanItem{}
	if len(items) > 0 {
		found = items[0]
	}
	if !t.note(key, found.Version) {
		return TxItem{}, wire.StatusTooLarge
	}
	return t.merge(key, found)
}

// note makes a version that was read a condition. It returns false if there are too many.
func (t *Tx) note(key string, version uint64) bool {
	if t.ReadOnly {
		return true
	}
	if _, noted := t.versions[key]; noted || t.seen.has(key) {
		return true
	}
	if len(t.reads) == wire.MaxTxnOps {
		t.reads = t.seen.without(t.reads)
		if len(t.reads) == wire.MaxTxnOps {
			return false
		}
	}
	if t.versions == nil {
		t.versions = make(map[string]uint64)
	}
	t.versions[key] = version
	t.reads = append(t.reads, key)
	return true
}

// merge returns a variable that servers have as found, of version 0 if they have none, as the
// transaction sees it.
func (t *Tx) merge(key string, found wire.ScanItem) (TxItem, wire.Status) {
	d := t.writes.of[key]
	if d == nil {
		return TxItem{Key: key, Exists: found.Version != 0, Version: found.Version, Value: found.Value}, wire.StatusOK
	}
	if status := t.writes.base(d, found.Value, found.Version != 0); status != wire.StatusOK {
		return TxItem{}, status
	}
	return TxItem{Key: key, Exists: d.exists, Value: d.value}, wire.StatusOK
}

// Write takes a write, whose bytes stay with the transaction. If it is known already that it
// cannot be done, the status says why; StatusTooLarge: the transaction would be too large. A
// TxnExpire or TxnPersist is for a variable that exists: by Exists, or by Got.
func (t *Tx) Write(o wire.TxnOp) wire.Status { return t.writes.add(o) }

// Commit returns the transaction as one command: all that was read is as it was, and then all
// that was written, in sequence. Its size may be beyond the bounds of one.
func (t *Tx) Commit() wire.Txn {
	var txn wire.Txn
	t.reads = t.seen.without(t.reads)
	for _, key := range t.reads {
		txn.If = append(txn.If, wire.Cond{Kind: wire.CondVersion, Key: key, Version: t.versions[key]})
	}
	txn.If = append(txn.If, t.seen.conditions()...)
	txn.Then = t.writes.ops
	return txn
}
