package server

import (
	"context"
	"errors"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// linkPings is how often links ping, which is most of what an idle node does. Links
// keep it.
func linkPings(detection time.Duration) time.Duration {
	return min(max(detection/10, 20*time.Millisecond), 200*time.Millisecond)
}

// silentPings is for how many of these nothing may be heard on a connection, half the
// detection time or a second, before it is made anew, and its peer counts as failed.
const silentPings = 5

// registryClient is what a node needs of the registry.
type registryClient interface {
	Register(context.Context, membership.Registration) (incarnation uint64, d *membership.Directive, err error)
	Heartbeat(context.Context, membership.From, *membership.Report) (*membership.Directive, error)
	Watch(context.Context, membership.From, func(*membership.Directive)) error
	Leave(ctx context.Context, from membership.From, force bool, reason string) error
	Stopped(ctx context.Context, from membership.From, force bool) error
	Close()
}

// sendHeartbeats sends what the member hands over, and takes the answers to it. The
// member makes each one within a turn, so that one that is stuck is silent.
func (r *replica) sendHeartbeats(ctx context.Context, client registryClient) {
	var trouble registryTrouble
	for {
		var beat *member.Beat
		select {
		case <-ctx.Done():
			return
		case beat = <-r.beats:
		}
		callCtx, cancel := context.WithTimeout(ctx, r.detection())
		d, err := client.Heartbeat(callCtx, beat.From, &beat.Report)
		cancel()
		if ctx.Err() != nil {
			return
		}
		r.post(func(m *member.Member) { m.Answered(beat, d, err) })
		switch {
		case err == nil:
			trouble.over(r.log)
		case !errors.Is(err, registry.ErrOtherGeneration):
			trouble.tell(r.log, err, r.rescue(), time.Now())
			if !r.reader.InView() {
				r.why.waitFor(r.log, "waiting for its registry: "+err.Error())
			}
		}
	}
}

// from is who this incarnation is to the registry.
func (r *replica) from() membership.From {
	return membership.From{ID: r.self.ID, Incarnation: r.self.Incarnation, Group: r.group, Generation: r.generation, Key: r.key}
}

// watch takes the directives that the registry pushes. A registry that refuses to
// push any, such as one of another group, is asked again: it may be replaced by
// the right one.
func (r *replica) watch(ctx context.Context, asked registryClient) {
	warned := false
	for pause := leastPause; ; pause = min(2*pause, mostPause) {
		err := asked.Watch(ctx, r.from(), func(d *membership.Directive) {
			warned, pause = false, leastPause
			r.post(func(m *member.Member) { m.Directed(d) })
		})
		if err == nil || ctx.Err() != nil {
			return
		}
		if !warned {
			warned = true
			r.log.Warn("the registry pushes no directives: using its answers to heartbeats until it does", "err", err)
		}
		if client.Sleep(ctx, pause) != nil {
			return
		}
	}
}
