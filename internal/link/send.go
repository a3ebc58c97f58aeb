package link

// Reserve returns a buffer with room for one more record of size bytes at its end: append
// the record, kind first, and hand the result to Commit before anything else is called.
// It returns nil if the link is dead, and the record is dropped.
func (l *Link) Reserve(size int) []byte {
	if l.dead != nil || !l.confirm() {
		return nil
	}
	return l.out.reserve(size)
}

// Commit adds the record that was appended to what Reserve returned. It goes out with the
// next Flush.
func (l *Link) Commit(b []byte) {
	if err := l.out.commit(b); err != nil {
		l.Die(err)
	}
}

// Flush lets out what was added, and confirms with it what was received.
func (l *Link) Flush() {
	l.out.flush(l.in.tell())
	l.write()
}

// Unsent returns what the attached connection is to write next. It is valid until the
// next call of any other method.
func (l *Link) Unsent() []byte { return l.out.unsent() }

// Sent returns the offset in the stream of what Unsent returns.
func (l *Link) Sent() uint64 { return l.out.sent }

// Wrote takes that a connection has written everything before offset. That counts while
// it is the attached one.
func (l *Link) Wrote(conn, offset uint64) {
	if l.conn == conn {
		l.out.wrote(offset)
	}
}

// Takes reports whether what a receiving end brought still counts. It does after another
// connection has come, but not once the stream has begun again.
func (l *Link) Takes(in *Inbound) bool { return l.in == in }

// Confirm sends the confirmation that is overdue on a connection.
func (l *Link) Confirm(conn uint64) {
	if l.conn == conn {
		l.ping()
	}
}

// Fault gives up on the peer's stream: what it brought makes no sense, and would make none
// on another connection.
func (l *Link) Fault(in *Inbound, why error) {
	if l.in == in {
		l.Die(why)
	}
}

// confirm drops what the peer has confirmed, and reports whether the link is still alive
// after that.
func (l *Link) confirm() bool {
	if err := l.out.confirm(l.in.confirmed.Load()); err != nil {
		l.Die(err)
		return false
	}
	return true
}

// ping confirms what was received by itself, or along with what is there.
func (l *Link) ping() {
	if err := l.out.ping(l.in.tell()); err != nil {
		l.Die(err)
		return
	}
	l.write()
}

func (l *Link) write() {
	if l.conn != 0 {
		l.todo |= Write
	}
}
