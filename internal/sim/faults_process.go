package sim

import "time"

// victim is a random process that runs and passes.
func (w *world) victim(pass func(*process) bool) *process {
	var chosen *process
	seen := 0
	for _, p := range w.processes {
		if p.alive && pass(p) {
			if seen++; w.random.faults.IntN(seen) == 0 {
				chosen = p
			}
		}
	}
	return chosen
}

// dispensable tells whether the group keeps its state without a process, whether
// or not the attempt under way commits.
func (w *world) dispensable(p *process) bool {
	r := p.current
	if r == nil || r.over {
		return true
	}
	for _, view := range w.registry.possible() {
		found := false
		for _, m := range view.Members {
			other := w.replica(m.Incarnation)
			found = found || other != r && other.holdsState()
		}
		if !found {
			return false
		}
	}
	return true
}

// replica is the latest run of an incarnation, nil if nothing of it has begun.
func (w *world) replica(incarnation uint64) *replica {
	if incarnation < uint64(len(w.replicas)) {
		return w.replicas[incarnation]
	}
	return nil
}

// holdsState tells whether the replica has all that the last view ended with.
func (r *replica) holdsState() bool {
	return r != nil && !r.over && r.p.alive && r.p.crashIn == 0 && !r.reader.Leaving() && r.reader.InView() && r.damage.what == ""
}

// strikeDown has a process crash, now or within its next steps.
func (w *world) strikeDown(Fault) bool {
	p := w.victim(w.dispensable)
	if p == nil {
		return false
	}
	now := w.random.faults.IntN(2) == 0
	if now {
		p.crash(w.random.faults.IntN(2) == 0)
	} else {
		p.crashIn = 1 + w.random.faults.IntN(20)
	}
	if p.host != nil {
		w.planRestart(p.host)
	}
	return now // otherwise it is counted when it happens
}

// ambush is where a fault waits for a process that comes to a certain point. It
// tells whether the process has crashed.
func (p *process) ambush(k Fault) bool {
	w := p.w
	if !w.ambushes.Has(k) || w.healed || w.random.faults.IntN(3) > 0 || !w.dispensable(p) {
		return false
	}
	w.ambushes &^= 1 << k
	w.counts.Faults[k]++
	p.crash(w.random.faults.IntN(2) == 0)
	if p.host != nil {
		w.planRestart(p.host)
	}
	return true
}

// planRestart has a host's process come back some time, perhaps only when faults
// have stopped.
func (w *world) planRestart(h *host) {
	if w.random.faults.IntN(6) == 0 {
		return
	}
	kind := Restart
	if w.random.faults.IntN(3) == 0 && !w.options.Without.Has(RestartUnproved) {
		kind = RestartUnproved
	}
	w.After(w.lasting()+w.traits.detection/16, func() {
		if h.run == nil {
			w.counts.Faults[kind]++
			h.start(kind == Restart)
		}
	})
}

// move has a node come back at another address.
func (w *world) move(Fault) bool {
	p := w.victim(func(p *process) bool { return p.host != nil && w.dispensable(p) })
	if p == nil {
		return false
	}
	h := p.host
	p.crash(true)
	h.port++
	w.planRestart(h)
	return true
}

// processFault is a fault of a process, one of those that it can happen to.
func processFault(can func(*process) bool, strike func(*process)) func(*world, Fault) bool {
	return func(w *world, k Fault) bool {
		p := w.victim(can)
		if p == nil {
			return false
		}
		w.trace("fault: %s %s", k, p)
		strike(p)
		return true
	}
}

func (p *process) any() bool     { return true }
func (p *process) running() bool { return !p.paused }
func (p *process) leads() bool   { return p.current != nil && !p.stuck && p.current.leads() }
func (p *process) drifts() bool  { return p.w.traits.drift > 0 }

func (p *process) freeze() {
	p.paused = true
	p.w.until(p.resume)
}

func (p *process) slow() {
	p.pace = p.w.traits.detection / time.Duration(10+p.w.random.faults.IntN(200))
	p.w.until(func() { p.pace = p.w.traits.pace })
}

// stick has nothing happen but heartbeats.
func (p *process) stick() {
	p.stuck = true
	p.w.until(func() {
		p.stuck = false
		if p.current != nil {
			p.current.unstick()
		}
	})
}

func (p *process) jump() {
	by := p.w.lasting()
	p.w.jumps = append(p.w.jumps, jump{at: p.w.Now, by: by})
	p.clock.Set(by, p.clock.Rate())
}
func (p *process) drift() { p.clock.Set(0, p.w.traits.rate(p.w.random.faults)) }

// startTwin starts a second process of an id, which has no proof that there is
// no other.
func (w *world) startTwin(Fault) bool {
	p := w.victim(func(p *process) bool { return p.host != nil })
	if p == nil || w.byAddr[p.id+":9999"] != nil {
		return false
	}
	if w.victim(func(p *process) bool { return p.host == nil }) != nil {
		return false
	}
	twin := w.newProcess(p.id, w.twinSite(), 9999)
	w.trace("fault: a second process of %s", p.id)
	twin.register()
	return true
}

func (w *world) strikeLeave(Fault) bool {
	p := w.victim(func(p *process) bool { return p.current != nil && !p.leaving && w.dispensable(p) })
	if p == nil {
		return false
	}
	p.leave()
	return true
}

// loseAll ends every process within a short time.
func (w *world) loseAll() {
	w.counts.Faults[TotalLoss]++
	for _, p := range w.processes {
		if p.alive {
			w.After(upTo(w.random.faults, w.traits.detection/2), func() { p.crash(true) })
			if p.host != nil {
				w.planRestart(p.host)
			}
		}
	}
}
