package isis

// batches holds the commands that wait for room in the window. What waited goes
// out as one message, so that under load messages grow.
type batches struct {
	maxBytes    int // of one batch, unless it is a single command
	maxCommands int // of one batch
	limitBytes  int // of all that waits

	open    batch
	full    []batch // closed ones, oldest first
	bytes   int
	pending int // commands
	size    int // bytes of the last batch taken, a guess at the next one's
}

type batch struct {
	payload []byte
	count   uint32
}

// add copies the command into the open batch. It returns false when too much
// waits already.
func (b *batches) add(command []byte) bool {
	if b.bytes > 0 && b.bytes+len(command) > b.limitBytes {
		return false
	}
	if b.open.count > 0 && (len(b.open.payload)+len(command) > b.maxBytes || int(b.open.count) >= b.maxCommands) {
		b.full = append(b.full, b.open)
		b.open = batch{}
	}
	if b.open.payload == nil {
		b.open.payload = make([]byte, 0, max(len(command), min(b.size, b.maxBytes)))
	}
	b.open.payload = append(b.open.payload, command...)
	b.open.count++
	b.bytes += len(command)
	b.pending++
	return true
}

// take returns the oldest batch, or one with count 0 when nothing waits.
func (b *batches) take() batch {
	var t batch
	if len(b.full) > 0 {
		t = b.full[0]
		b.full[0] = batch{}
		b.full = b.full[1:]
		if len(b.full) == 0 {
			b.full = nil
		}
	} else {
		t, b.open = b.open, batch{}
	}
	if t.count > 0 {
		b.bytes -= len(t.payload)
		b.pending -= int(t.count)
		b.size = len(t.payload)
	}
	return t
}
