package isis

// A flush agrees on the cut without payloads, which most members hold. A member that
// lacks one gets it in one of two ways. Links are FIFO, so what a survivor has sent
// arrives before its FLUSH, if it arrives: a wedged member keeps such payloads aside,
// while its flush state stays as it is. What is lacking after the FLUSH of the
// survivor that the cut names as its holder is fetched from that: messages of members
// that are gone, those lost with a link that began anew, and, at a joiner, all that its
// donor has not delivered.
//
// Payloads, and parts of them, are kept until the view changes. So an attempt goes on
// where the one before it has ended.

// maxPart is the size of the parts in which a payload is supplied.
const maxPart = 64 << 10

// payload is what is held of a message's payload.
type payload struct {
	bytes []byte
	whole bool
}

// payloads is what is held here of messages of the base view during a flush.
type payloads map[messageKey]*payload

// hold takes the payload of a message.
func (p *payloads) hold(e *Entry) { p.put(messageKey{e.Sender, e.Seq}, e.Payload) }

func (p *payloads) put(key messageKey, bytes []byte) {
	if *p == nil {
		*p = payloads{}
	}
	(*p)[key] = &payload{bytes: bytes, whole: true}
}

// expect makes room for a payload that is asked for.
func (p *payloads) expect(key messageKey) {
	if *p == nil {
		*p = payloads{}
	}
	if (*p)[key] == nil {
		(*p)[key] = &payload{}
	}
}

// whole tells whether all of a payload is held.
func (p payloads) whole(key messageKey) bool { return p[key] != nil && p[key].whole }

// bytes returns what is held of a payload.
func (p payloads) bytes(key messageKey) []byte {
	if p[key] == nil {
		return nil
	}
	return p[key].bytes
}

// supplier is a survivor that holds payloads which the cut needs and that are not held here.
type supplier struct {
	id     MemberID
	ends   bool         // its FLUSH is here: what it has sent has come
	unsent []messageKey // not asked for yet, in the order of the cut
	asked  int          // messages that were asked for and have not come
}

// lack is a payload that the cut needs and that is not held here.
type lack struct {
	holder *supplier
	asked  bool
}

// supplierOf returns what is known of a member as a supplier.
func (f *flush) supplierOf(m MemberID) *supplier {
	s := f.suppliers[m.Incarnation]
	if s == nil {
		if f.suppliers == nil {
			f.suppliers = map[uint64]*supplier{}
		}
		s = &supplier{id: m}
		f.suppliers[m.Incarnation] = s
	}
	return s
}

// findLacking finds out which payloads the cut needs, and asks for them. What the
// donor has delivered comes from it, in its stream.
func (n *Node) findLacking() {
	f := &n.flush
	f.lacking, f.from = nil, n.position
	if f.cut == nil || f.attempt.Full {
		return
	}
	for _, s := range f.suppliers {
		s.unsent, s.asked = nil, 0
	}
	if n.phase == Observing {
		for rank, m := range f.cut.Members {
			if m == n.donor {
				f.from = max(f.from, f.cut.Positions[rank])
			}
		}
	}
	position := f.cut.Base
	for i := range f.cut.Entries {
		e := &f.cut.Entries[i]
		key := messageKey{e.Sender, e.Seq}
		if position >= f.from && !n.payloads.whole(key) {
			if f.lacking == nil {
				f.lacking = map[messageKey]*lack{}
			}
			holder := f.supplierOf(f.cut.Members[e.Holder])
			holder.unsent = append(holder.unsent, key)
			f.lacking[key] = &lack{holder: holder}
		}
		position += uint64(e.Count)
	}
	for _, m := range f.cut.Members {
		if s := f.suppliers[m.Incarnation]; s != nil {
			n.fetch(s)
		}
	}
}

// fetch asks a holder whose FLUSH is here for what is lacking: for as many messages at a time as
// a member has under way. All that a joiner lacks could be more than a link keeps unconfirmed,
// of which it dies.
func (n *Node) fetch(s *supplier) {
	for s.ends && s.asked < n.cfg.Window && len(s.unsent) > 0 {
		key := s.unsent[0]
		s.unsent = s.unsent[1:]
		l := n.flush.lacking[key]
		if l == nil {
			continue // it has come by itself
		}
		l.asked = true
		s.asked++
		n.payloads.expect(key)
		n.send(s.id, Message{Kind: KindFetch, View: n.flush.attempt.View.ID, Part: &Part{
			Sender: key.sender, Seq: key.seq, Offset: uint64(len(n.payloads.bytes(key))),
		}})
	}
}

// endsHere takes that no more of the base view comes from a member.
func (n *Node) endsHere(from MemberID) {
	s := n.flush.supplierOf(from)
	s.ends = true
	n.fetch(s)
}

// supply answers a FETCH, in parts, so that what is on its way is of use even if a
// link ends.
func (n *Node) supply(from MemberID, m *Message) error {
	if m.Part == nil || n.phase != Wedged {
		return n.violation(from, m, "not to a survivor")
	}
	key := messageKey{m.Part.Sender, m.Part.Seq}
	bytes := n.payloads.bytes(key)
	if !n.payloads.whole(key) || m.Part.Offset >= uint64(len(bytes)) {
		return n.violation(from, m, "asks for what is not held here")
	}
	for at := int(m.Part.Offset); at < len(bytes); at += maxPart {
		part := Part{Sender: key.sender, Seq: key.seq, Offset: uint64(at), Size: uint64(len(bytes)), Bytes: bytes[at:min(at+maxPart, len(bytes))]}
		n.send(from, Message{Kind: KindSupply, View: m.View, Part: &part})
	}
	return nil
}

// supplied takes a part of a payload, if it is the next one of what was asked for, in this
// attempt or an earlier one: before the cut of this one is here, too.
func (n *Node) supplied(from MemberID, m *Message) error {
	p := m.Part
	if p == nil || len(p.Bytes) == 0 || p.Size < uint64(len(p.Bytes)) || p.Offset > p.Size-uint64(len(p.Bytes)) {
		return n.violation(from, m, "no part of a payload")
	}
	key := messageKey{p.Sender, p.Seq}
	held := n.payloads[key]
	if held == nil || held.whole || p.Offset != uint64(len(held.bytes)) {
		return nil
	}
	held.bytes = append(held.bytes, p.Bytes...)
	held.whole = uint64(len(held.bytes)) == p.Size
	n.fetched += uint64(len(p.Bytes))
	if held.whole {
		n.arrived(key)
	}
	return nil
}

// setAside keeps the payload of a message of the view that is being flushed. The flush
// state does not change: the message is not taken.
func (n *Node) setAside(rank int, m *Message) {
	key := messageKey{uint32(rank), m.Seq}
	if n.payloads.whole(key) {
		return
	}
	n.payloads.put(key, m.Payload)
	n.fetched += uint64(len(m.Payload))
	n.arrived(key)
}

// arrived takes that a payload is whole.
func (n *Node) arrived(key messageKey) {
	l := n.flush.lacking[key]
	if l == nil {
		return
	}
	delete(n.flush.lacking, key)
	if l.asked {
		l.holder.asked--
		n.fetch(l.holder)
	}
	n.storeCut()
}

// Fetched counts the bytes of payloads that came while the node was wedged, or joined:
// while it grows, a flush makes progress.
func (n *Node) Fetched() uint64 { return n.fetched }
