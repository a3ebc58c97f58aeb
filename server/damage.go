package server

import (
	"fmt"

	"github.com/seed-8247e700/dsm/internal/member"
)

// damageFound logs what is known of damage to the state, and what follows from it.
func (r *replica) damageFound(e *member.DamageFound) {
	switch {
	case e.Again:
		if e.Alone {
			r.log.Error("there is more damage in the only copy of the state", "damage", e.Err)
		}
	case e.Loaded:
		r.log.Error("the loaded state is damaged: loading it again", "damage", e.Err)
	case e.NotAlone:
		r.log.Error("the state is damaged, and another member has an intact copy: refusing clients, leaving the group, and loading that copy", "damage", e.Err)
	default:
		r.log.Error("the state is damaged: refusing clients, leaving the group, and loading the state of another member", "damage", e.Err)
	}
}

// isDamaged is what clients and joiners of a damaged replica are told, "" if nothing is
// known to be damaged.
func (r *replica) isDamaged() string {
	if d := r.reader.Damage(); d != nil {
		return fmt.Sprintf("node %s has a damaged state and loads it again: %v", r.self.ID, d.Err)
	}
	return ""
}
