package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/server"
)

const (
	// memberInterval is how often a follower looks for new members.
	memberInterval = 500 * time.Millisecond

	// leaveTimeout is how long a node whose deliveries ended may still be a
	// member before they count as lost: well above the time in which a group
	// notices a crash, and a registry is away that must be told of it.
	leaveTimeout = time.Minute
)

// Follower brings the deliveries of the members of a group, as they tell them
// over their client ports, into feeds. Nodes may join and go.
type Follower struct {
	feeds   *Feeds
	members *membership
	env     program.Env
	lives   func(addr string) bool // nil: not known

	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	subscribing sync.Mutex // held while a member is subscribed to, lest that be done twice

	mu        sync.Mutex // guards what follows
	following map[uint64]*followed
}

// followed is a member, by incarnation, whose deliveries are, or were, followed.
type followed struct {
	feed         *Feed
	subscription *client.Subscription // nil when the stream has ended
}

// Follow subscribes to all members. The order is checked after the position
// that it returns, from which on every stream is complete. That the group lost its
// state is told to l. lives, if there is one, knows for certain whether the node
// at an address is dead.
func Follow(ctx context.Context, addrs []string, s *Feeds, env program.Env, l LossFeed, lives func(addr string) bool) (*Follower, uint64, error) {
	f := &Follower{
		feeds: s, members: &membership{addrs: addrs, losses: l}, env: env, lives: lives,
		following: make(map[uint64]*followed),
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	members, err := f.members.members(ctx)
	if err != nil {
		return nil, 0, errors.Join(err, f.StopFollowing())
	}
	origin := uint64(0)
	for _, m := range members {
		start, err := f.subscribe(ctx, m)
		if err != nil {
			return nil, 0, errors.Join(err, f.StopFollowing())
		}
		origin = max(origin, start)
	}
	f.tasks.Go(f.lookForMembers)
	return f, origin, nil
}

// errFollowed says that a member is, or was, followed already.
var errFollowed = errors.New("its deliveries are followed already")

// subscribe begins to follow a member and returns the position after which its
// stream begins. Of one that has just joined only the address need be known.
func (f *Follower) subscribe(ctx context.Context, m server.MemberStatus) (uint64, error) {
	f.subscribing.Lock()
	defer f.subscribing.Unlock()
	if f.knows(m.Incarnation) {
		return 0, errFollowed
	}
	s, err := client.Subscribe(ctx, m.ClientAddr, client.Options{}, 0)
	if err != nil {
		return 0, err
	}
	info := s.Info()
	if m.Incarnation == 0 {
		m.ID, m.Incarnation = info.NodeID, info.Incarnation
	}
	if info.Incarnation != m.Incarnation {
		return 0, errors.Join(fmt.Errorf("%s is %s#%d by now, not %s", m.ClientAddr, info.NodeID, info.Incarnation, exact(&m)), s.Close())
	}
	if f.knows(m.Incarnation) {
		return 0, errors.Join(errFollowed, s.Close())
	}
	if err := f.members.same(s.Info().Generation); err != nil {
		return 0, errors.Join(err, s.Close())
	}
	one := &followed{feed: f.feeds.Join(m.ID, exact(&m)), subscription: s}
	f.mu.Lock()
	f.following[m.Incarnation] = one
	f.mu.Unlock()
	f.tasks.Go(func() { f.read(s, one, m) })
	return s.Start(), nil
}

// read takes a stream to its feed until it ends, and lets go of its connection
// then: in a long run many nodes come and go.
func (f *Follower) read(s *client.Subscription, one *followed, m server.MemberStatus) {
	for {
		d, err := s.Next()
		if err != nil {
			_ = s.Close() // nothing more is wanted of it
			f.mu.Lock()
			one.subscription = nil
			f.mu.Unlock()
			f.ended(one.feed, m, err)
			return
		}
		// Both are overwritten by the next call of Next.
		d.Payload, d.Effects = bytes.Clone(d.Payload), bytes.Clone(d.Effects)
		if !one.feed.deliverOrWait(&d) {
			return
		}
	}
}

// ended finds out whether a stream ended because its node left the group, or
// although it did not.
func (f *Follower) ended(to *Feed, m server.MemberStatus, reason error) {
	if errors.Is(reason, client.ErrLagged) {
		to.tell(EventLost, reason.Error())
		return
	}
	ctx, cancel := context.WithTimeout(f.ctx, leaveTimeout)
	defer cancel()
	tick := time.NewTicker(memberInterval)
	defer tick.Stop()
	for {
		dead := f.lives != nil && !f.lives(m.ClientAddr)
		if members, err := f.members.members(ctx); dead || err == nil && !contains(members, m.Incarnation) {
			to.tell(EventEnd, "")
			return
		}
		select {
		case <-ctx.Done():
			if f.ctx.Err() == nil {
				to.tell(EventLost, fmt.Sprintf("%v, and the node is still a member", reason))
			}
			return
		case <-tick.C:
		}
	}
}

func contains(members []server.MemberStatus, incarnation uint64) bool {
	for _, m := range members {
		if m.Incarnation == incarnation {
			return true
		}
	}
	return false
}

// lookForMembers follows those who join.
func (f *Follower) lookForMembers() {
	tick := time.NewTicker(memberInterval)
	defer tick.Stop()
	for {
		select {
		case <-f.ctx.Done():
			return
		case <-tick.C:
		}
		members, err := f.members.members(f.ctx)
		if err != nil {
			continue // asked again soon; the checks notice if it stays so
		}
		for _, m := range members {
			if f.knows(m.Incarnation) || m.ClientAddr == "" {
				continue
			}
			f.welcome(m)
		}
	}
}

// welcome follows a node that joined. It may not serve yet, or not any more: then
// that is tried again for as long as it is a member.
func (f *Follower) welcome(m server.MemberStatus) {
	ctx, cancel := context.WithTimeout(f.ctx, askTimeout)
	defer cancel()
	if _, err := f.subscribe(ctx, m); err == nil {
		f.env.Notice("following the node at %s, which joined", m.ClientAddr)
	}
}

func (f *Follower) knows(incarnation uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.following[incarnation] != nil
}

// DetectionTime is that of the group, as far as its nodes have told it.
func (f *Follower) DetectionTime() (d time.Duration, known bool) { return f.members.detectionTime() }

// endpoints returns the members of now, by the names of their feeds, and those
// whose deliveries could not be had.
func (f *Follower) endpoints(ctx context.Context) (nodes []endpoint, strangers []Digest, err error) {
	members, err := f.members.members(ctx)
	if err != nil {
		return nil, nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range members {
		if one := f.following[m.Incarnation]; one != nil {
			nodes = append(nodes, endpoint{name: one.feed.Name, addr: m.ClientAddr})
		} else {
			strangers = append(strangers, Digest{Node: exact(&m), Err: errors.New("it does not send its deliveries")})
		}
	}
	return nodes, strangers, nil
}

// Digests orders an audit and asks every member.
func (f *Follower) Digests(ctx context.Context) ([]Digest, error) {
	nodes, strangers, err := f.endpoints(ctx)
	if err != nil {
		return nil, err
	}
	return append(digestsOf(ctx, nodes), strangers...), nil
}

// StopFollowing ends all streams. It may be called again.
func (f *Follower) StopFollowing() error {
	f.cancel()
	f.feeds.close()
	var errs []error
	f.mu.Lock()
	for _, one := range f.following {
		if one.subscription != nil {
			errs = append(errs, one.subscription.Close())
		}
	}
	clear(f.following)
	f.mu.Unlock()
	f.tasks.Wait()
	return errors.Join(errs...)
}
