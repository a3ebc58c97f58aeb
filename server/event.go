package server

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/isis"
)

// Event is part of member.Host: it tells the log, and those who wait for it.
func (h host) Event(e member.Event) {
	r := h.r
	switch e := e.(type) {
	case member.Begins:
		if r.cfg.OnBegin != nil {
			r.cfg.OnBegin(e.Position)
		}
	case member.Entered:
		r.entered(&e)
	case member.Excluded:
		if e.Damage != nil {
			r.log.Warn("left the group because of its damaged state, returning as a new incarnation", "damage", e.Damage)
			return
		}
		r.log.Warn("excluded from the group, returning as a new incarnation", "reason", e.Reason)
	case member.NewGeneration:
		r.log.Warn("the group has begun a new generation: its earlier variables are lost", "generation", e.Generation)
	case member.Ignored:
		r.ignored(&e)
	case member.Waits:
		r.waits(&e)
	case member.Accused:
		r.log.Error("a peer breaks the protocol", "peer", e.Peer.ID, "peer_incarnation", e.Peer.Incarnation, "err", e.Err)
	case member.Rejected:
		r.log.Error("a peer breaks the protocol", "err", e.Err)
	case member.Leaves:
		r.front.goAway(r.leaving())
	case member.LeaveRefused:
		r.leaves.refuse(e.Err)
	case member.Serves:
		r.serving(e.First)
	case member.Doubted:
		r.log.Warn("the wall clock was set forward, or the machine stood still: refusing clients until the registry or all members confirm the view",
			"view", e.View)
	case member.Lapsed:
		r.lapsed(&e)
	case member.Loaded:
		r.why.unloaded.Store(nil)
		r.following = true
		if r.cfg.OnSnapshot != nil {
			r.cfg.OnSnapshot(e.Position)
		}
	case member.TransferOver:
		r.transferOver(&e)
	case member.Verdict:
		if len(e.Differing) > 0 {
			r.log.Error("an audit found replicas that differ", "position", e.Position, "members", e.Differing)
		}
	case member.Crowd:
		r.front.tellCrowd(e.Crowd)
	case member.DamageFound:
		r.damageFound(&e)
	case member.Barred:
		r.front.goAway(r.isDamaged())
	case member.Whole:
		r.log.Info("the state is whole again: its damaged variables have been overwritten or deleted", "damage", e.Err)
	}
}

func (r *replica) entered(e *member.Entered) {
	r.log.Info("entered view", "view", e.View.ID, "members", member.Names(e.View.Members), "rank", e.Rank, "position", e.Position)
	r.front.entered(e)
}

func (r *replica) ignored(e *member.Ignored) {
	if left, ok := r.foreignGate.Open(time.Now()); ok {
		r.log.Error("ignored a directive of a registry that does not have this group's record: this node keeps its variables and its view; "+
			"start the registry with the newest data directory of this group",
			"reason", e.Reason, "group", e.Group, "generation", e.Generation, "left_out", left)
	}
}

func (r *replica) serving(first bool) {
	r.lease.begin()
	if first {
		close(r.joined)
	} else {
		r.log.Info("lease renewed, serving clients again")
	}
}

func (r *replica) lapsed(e *member.Lapsed) {
	if e.Expired {
		r.log.Warn("lease expired, refusing clients: no confirmation from the registry or from all members; its replica can still be read, possibly stale ("+r.rescue()+")",
			"view", e.View, "phase", e.Phase.String())
	}
	r.lease.end()
	r.wakeWaiting() // those that wait for admission give up
}

// waits keeps, for Start's error, what the registry says that this joiner waits for, and
// to which members it has no link and why. It logs the latter once it has been so for two
// directives of the registry.
func (r *replica) waits(e *member.Waits) {
	w := &r.why
	w.waitFor(r.log, e.Reason)
	var ids, whys []string
	for _, p := range e.Unlinked {
		ids = append(ids, p.String())
		whys = append(whys, fmt.Sprintf("no link to %s at %s, which it advertises: %s", p.MemberID, p.Addr, strings.TrimPrefix(p.Broken.Error(), "transport: ")))
	}
	text, now := strings.Join(whys, "; "), strings.Join(ids, " ")
	w.unlinked.Store(&text)
	if now != "" && now == w.missing && now != w.missingTold && r.following {
		w.missingTold = now
		r.log.Warn("no links to some members, so this node cannot join: retrying", "members", now, "err", text)
	}
	w.missing = now
}

// transferOver logs why a member is not observed any more. A joiner that holds
// all that its first view begins with needs no more, and the donor knows that.
func (r *replica) transferOver(e *member.TransferOver) {
	r.following = false
	level, what := slog.LevelInfo, "the transfer from a member ended"
	err := configError(e.Err)
	again := r.noteUnloaded(e.Donor.MemberID, err)
	switch {
	case !e.Needed:
		level = slog.LevelDebug
	case errors.Is(err, member.ErrUnreached):
		level, what = slog.LevelWarn, "a member whose state is needed cannot be reached: retrying"
		if again {
			level = slog.LevelDebug
		}
	case errors.Is(err, store.ErrDigest):
		level, what = slog.LevelError, "a member sent a damaged state: asking another member"
	case errors.Is(err, member.ErrDonorDamaged):
		level, what = slog.LevelWarn, "a member cannot send its state: asking another member"
	}
	r.log.Log(r.ctx, level, what, "donor", e.Donor.ID, "err", err)
}

// noteUnloaded keeps, for Start's error, why the state of the donor tried last was not
// loaded. It reports whether that was so the time before.
func (r *replica) noteUnloaded(donor isis.MemberID, err error) (again bool) {
	var text string
	switch {
	case errors.Is(err, member.ErrUnreached):
		text = strings.TrimPrefix(err.Error(), member.ErrUnreached.Error()+": ")
	case errors.Is(err, member.ErrDonorDamaged):
		text = fmt.Sprintf("the state of %s, which this node must load, is damaged: %v", donor, err)
	case errors.Is(err, store.ErrDigest):
		text = fmt.Sprintf("the state that %s sent is damaged: %v", donor, err)
	case err != nil:
		text = fmt.Sprintf("loading the state of %s: %s", donor, strings.TrimPrefix(err.Error(), "server: "))
	}
	before := r.why.unloaded.Swap(&text)
	return before != nil && *before == text
}

// configError says of an error that comes from what this node was configured with.
func configError(err error) error {
	if errors.Is(err, member.ErrAdvertised) || errors.Is(err, member.ErrCannotLoad) {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return err
}
