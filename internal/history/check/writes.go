package main

// write names a write in its session.
type write struct{ session, number uint64 }

// content is what a write asks for.
type content struct {
	session        uint64
	op, key, value string
	hasValue       bool
	expect         uint64
}

// checkWrites holds the writes told against those delivered.
func (v *verdict) checkWrites(o *order, ops []operation) {
	claimed := make(map[uint64]*operation) // by position
	unknown := make(map[content]int)
	for i := range ops {
		op := &ops[i]
		switch {
		case op.reads():
		case op.Status == "unknown":
			unknown[contentOf(op.Session, op.Op, op.Key, op.Value, op.Expect)]++
		case op.Position != 0:
			v.checkTold(o, op)
			if other := claimed[op.Position]; other != nil {
				v.bad("agreement: %v and %v have the same position", op, other)
			}
			claimed[op.Position] = op
		case op.Status == "ok":
			v.bad("agreement: %v has no position", op)
		}
	}
	effects := make(map[write]uint64)
	for p := o.first; p <= o.last; p++ {
		e := o.entries[p]
		if e == nil || !e.writes() || !e.OK {
			continue
		}
		id := write{e.Session, e.SSeq}
		if before, ok := effects[id]; ok {
			v.bad("agreement: %v took effect before, at position %d", e, before)
		}
		effects[id] = p
		if claimed[p] != nil {
			continue
		}
		c := contentOf(e.Session, e.Op, e.Key, e.Value, e.Expect)
		switch {
		case unknown[c] > 0:
			unknown[c]--
		case !e.touches(v.prefix):
			v.foreign++
		default:
			v.bad("agreement: nobody was told of %v", e)
		}
	}
}

// checkTold holds a write whose position was told against what is there.
func (v *verdict) checkTold(o *order, op *operation) {
	e := o.entries[op.Position]
	switch {
	case e == nil:
		v.bad("agreement: %v: no log has that position", op)
	case contentOf(e.Session, e.Op, e.Key, e.Value, e.Expect) != contentOf(op.Session, op.Op, op.Key, op.Value, op.Expect):
		v.bad("agreement: %v: what is there is %v", op, e)
	case e.OK != (op.Status == "ok"):
		v.bad("agreement: %v: what is there is %v", op, e)
	case op.Status == "ok" && op.Version != op.Position && op.Op != "del":
		v.bad("agreement: %v: the version is not the position", op)
	}
}

func contentOf(session uint64, op, key string, value *string, expect uint64) content {
	c := content{session: session, op: op, key: key, expect: expect}
	if value != nil {
		c.value, c.hasValue = *value, true
	}
	return c
}
