package membership

// Validate checks that a state that was read from somewhere hangs together, so
// that a group can go on from it.
func (s State) Validate() error {
	if s.Group == 0 || s.Generation == 0 || s.NextView == 0 || s.NextIncarnation == 0 {
		return refuse(ErrInvalid, "a group, generation or counter is 0")
	}
	if s.Base > MaxPosition || s.Floor > MaxPosition+Room+floorStep || s.Floor != 0 && s.Floor < s.Base {
		return refuse(ErrInvalid, "positions begin above %d, and those of the next generation above %d", s.Base, s.Floor)
	}
	if err := s.Settings.Validate(); err != nil {
		return err
	}
	prev := uint64(0)
	for i, v := range s.Views {
		if i > 0 && v.Prev != prev {
			return refuse(ErrInvalid, "view %d follows %d, not %d", v.ID, v.Prev, prev)
		}
		if err := s.validateView(v); err != nil {
			return err
		}
		prev = v.ID
	}
	base, _ := s.Committed()
	if a := s.Attempt; a != nil {
		if a.View.Prev != base.ID {
			return refuse(ErrInvalid, "attempt %d does not start from the committed view", a.View.ID)
		}
		if !base.Has(a.Leader) || !a.View.Has(a.Leader) {
			return refuse(ErrInvalid, "attempt %d has a leader that is no survivor", a.View.ID)
		}
		return s.validateView(a.View)
	}
	return nil
}

func (s State) validateView(v View) error {
	if v.ID >= s.NextView || v.Prev >= v.ID || len(v.Members) == 0 || len(v.Members) > MaxNodes {
		return refuse(ErrInvalid, "view %d is malformed", v.ID)
	}
	ids := make(map[string]struct{}, len(v.Members))
	for _, m := range v.Members {
		if _, twice := ids[m.ID]; twice || m.Incarnation == 0 || m.Incarnation >= s.NextIncarnation {
			return refuse(ErrInvalid, "view %d has a malformed member %s", v.ID, m)
		}
		ids[m.ID] = struct{}{}
	}
	return nil
}
