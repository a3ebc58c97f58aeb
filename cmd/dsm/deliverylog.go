package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/outfile"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// maxUnloggedBytes bounds what waits for the disk.
const maxUnloggedBytes = 256 << 20

// deliveryLog writes what a node delivers to a file. The node's protocol loop
// hands over and does not wait; a goroutine writes. The file begins anew where
// the node's state does: at the start, at a snapshot, in a new generation.
type deliveryLog struct {
	file   *outfile.File
	failed chan struct{} // closed at the first error, after which nothing is taken; why and close tell it

	mu     sync.Mutex // guards what follows
	more   sync.Cond  // the queue is not empty, or closed is set
	queue  []logItem
	bytes  int
	closed bool
	err    error

	// What follows belongs to the writing goroutine.
	lines   *history.DeliveryLog
	next    uint64        // position that the next delivery must have
	written chan struct{} // closed at the goroutine's end
}

// logItem is a delivery, or the position of a snapshot or of an empty state.
type logItem struct {
	delivery wire.Delivery
	snapshot bool
	position uint64
}

// openDeliveryLog opens the file. What an earlier run wrote stays until this
// node has a state, so that a node that cannot start destroys nothing, and leaves
// nothing.
func openDeliveryLog(path string) (*deliveryLog, error) {
	file, err := outfile.Open(path, 0o600)
	if err != nil {
		return nil, usagef("--delivery-log: %w", err)
	}
	l := &deliveryLog{file: file, failed: make(chan struct{}), written: make(chan struct{})}
	l.more.L = &l.mu
	go l.write()
	return l, nil
}

// deliver is for server.Config.OnDeliver.
func (l *deliveryLog) deliver(d *wire.Delivery) {
	l.add(logItem{delivery: *d}, len(d.Payload)+len(d.Effects)+len(d.Sender)+64)
}

// snapshot is for server.Config.OnSnapshot and OnBegin.
func (l *deliveryLog) snapshot(position uint64) {
	l.add(logItem{snapshot: true, position: position}, 64)
}

func (l *deliveryLog) add(item logItem, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || l.closed {
		return
	}
	if l.bytes+bytes > maxUnloggedBytes {
		l.failLocked(fmt.Errorf("the disk is slower than the group: more than %d bytes wait to be written", maxUnloggedBytes))
		return
	}
	l.queue = append(l.queue, item)
	l.bytes += bytes
	l.more.Signal()
}

func (l *deliveryLog) failLocked(err error) {
	if l.err == nil {
		l.err = fmt.Errorf("--delivery-log: %w", err)
		close(l.failed)
	}
}

// write writes what is handed over until the log is closed or fails.
func (l *deliveryLog) write() {
	defer close(l.written)
	var items []logItem
	for closed := false; !closed; {
		items, closed = l.take(items)
		if err := l.writeAll(items); err != nil {
			l.mu.Lock()
			l.failLocked(err)
			l.mu.Unlock()
			return
		}
	}
}

// take waits for items, and gives spare in return. closed tells that these are
// the last.
func (l *deliveryLog) take(spare []logItem) (items []logItem, closed bool) {
	clear(spare)
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 && !l.closed {
		l.more.Wait()
	}
	items = l.queue
	l.queue, l.bytes = spare[:0], 0
	return items, l.closed
}

func (l *deliveryLog) writeAll(items []logItem) error {
	for i := range items {
		item := &items[i]
		if item.snapshot {
			if err := l.begin(item.position + 1); err != nil {
				return err
			}
			continue
		}
		first := item.delivery.First
		if first != l.next {
			return fmt.Errorf("the node delivered position %d instead of %d", first, l.next)
		}
		if err := l.lines.Deliver(&item.delivery); err != nil {
			return err
		}
		l.next = first + uint64(item.delivery.Count)
	}
	if l.lines == nil {
		return nil
	}
	return l.lines.Flush()
}

// begin makes the file one whose first line will be that of a position.
func (l *deliveryLog) begin(position uint64) error {
	if err := l.file.Restart(); err != nil {
		return err
	}
	l.lines, l.next = history.NewDeliveryLog(l.file), position
	return nil
}

// why returns the first error there was, nil if there was none.
func (l *deliveryLog) why() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// close writes what has been handed over and closes the file. It returns the
// first error there was.
func (l *deliveryLog) close() error {
	l.mu.Lock()
	l.closed = true
	l.more.Signal()
	l.mu.Unlock()
	l.file.SetWriteDeadline(time.Now().Add(readerTime)) // a reader that stands still must not keep the process
	<-l.written
	return errors.Join(l.err, l.file.Close())
}
