package sim

// span is where in the positions of the group a generation lies.
type span struct {
	begun bool
	base  uint64 // its positions lie above it
	last  uint64 // that any node has delivered, also one that was lost
}

// beginAt notes where an incarnation begins: all of a generation at one position,
// which no node of an earlier generation has come beyond.
func (o *order) beginAt(r *replica, base uint64) {
	w := o.w
	if o.span.begun && o.span.base != base {
		w.fail("positions: %s begins generation %d at %d, others began it at %d", r, o.generation, base, o.span.base)
	}
	if !o.span.begun {
		o.span = span{begun: true, base: base, last: base}
		o.check(base, "")
	}
	w.checkSpans()
}

// reach notes that a node has delivered up to a position.
func (o *order) reach(position uint64) {
	if position > o.span.last {
		o.span.last = position
		o.w.checkSpans()
	}
}

// checkSpans holds that no position is of two generations, and that later ones are
// higher.
func (w *world) checkSpans() {
	last, of := uint64(0), uint64(0)
	for _, o := range w.orders {
		if !o.span.begun {
			continue
		}
		if o.span.base < last {
			w.fail("positions: generation %d begins at %d, and generation %d has come to %d", o.generation, o.span.base, of, last)
		}
		last, of = o.span.last, o.generation
	}
}

// once holds that a number which clients are told, and may keep, was told in no
// other generation.
func (w *world) once(what string, number, generation uint64) {
	key := told{what, number}
	if before, ok := w.told[key]; ok && before != generation {
		w.fail("positions: %s %d was told in generation %d, and in generation %d", what, number, before, generation)
	}
	w.told[key] = generation
}

// told is a number that clients were told.
type told struct {
	what   string
	number uint64
}
