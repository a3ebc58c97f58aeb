package store

// Bounds of the work that one message's reclaiming does.
const (
	reclaimPerMessage = 256     // beside twice its commands, so that reclaiming keeps ahead
	maxDeferredReaps  = 1 << 12 // removable tombstones above which reap waits for readers
)

// reclaim gives back some of what no snapshot needs any more. It runs after a
// message of count commands was published: what it removes from the map is
// absent at the published position.
func (t *variables) reclaim(count int) {
	budget := 2*count + reclaimPerMessage
	t.history.forget()
	if t.trimLeft == 0 && t.opened.passedStep() {
		t.trimLeft = t.chained.Len()
	}
	t.trim(budget)
	t.reap(budget)
}

// snapshotClosed begins a pass over all entries with older versions, and so does
// a snapshot that has come some way.
func (t *variables) snapshotClosed() {
	t.trimLeft = t.chained.Len()
}

// trim drops versions that no open snapshot sees.
func (t *variables) trim(budget int) {
	for ; t.trimLeft > 0 && budget > 0; budget-- {
		t.trimLeft--
		e := t.chained.Pop()
		if t.trimEntry(e) {
			e.chained = false
			t.chained.Shrink()
		} else {
			t.chained.Push(e)
		}
	}
}

// trimEntry drops the versions of an entry that no open snapshot sees, and
// reports whether none of the older ones is left. A snapshot that stands at a
// version while it is unlinked goes on from it all the same.
func (t *variables) trimEntry(e *entry) bool {
	link, until := &e.past, e.current.Load().position
	for old := link.Load(); old != nil; old = link.Load() {
		if t.opened.sees(e.slot, old.position, until) {
			link, until = &old.prev, old.position
		} else {
			link.Store(old.prev.Load())
		}
	}
	return e.past.Load() == nil
}

// reap removes entries of deleted variables from the map.
func (t *variables) reap(budget int) {
	if t.tombstones.Len() == 0 || !t.removable(*t.tombstones.Front()) {
		return
	}
	if !t.removal.TryLock() {
		// A reader is in readExact, for an instant. The next message does it.
		if t.tombstones.Len() < maxDeferredReaps {
			return
		}
		t.removal.Lock()
	}
	defer t.removal.Unlock()
	for ; budget > 0 && t.tombstones.Len() > 0; budget-- {
		dead := *t.tombstones.Front()
		if !t.removable(dead) {
			return
		}
		t.tombstones.Pop()
		t.tombstones.Shrink()
		if dead.entry.current.Load() != dead.version {
			continue
		}
		t.entries.remove(dead.entry)
		t.index.remove(dead.entry)
		t.slots.remove(dead.entry.slot, dead.entry)
	}
}

// removable reports whether every open snapshot sees the deletion, and so does every
// position at which the variable can still be read. Tombstones queue in the order of their
// positions, so if not, none behind it is either.
func (t *variables) removable(dead tombstone) bool {
	if t.history.most > 0 && t.history.floor.Load() < dead.version.position {
		return false
	}
	return !t.opened.any() || t.opened.oldest() >= dead.version.position
}
