package systems

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/rueidis"

	"github.com/seed-8247e700/dsm/bench/peers/point"
)

// redisWait is a primary with two replicas, which must have every write before it
// counts as done. WAIT is about what its own connection has written, and blocks it,
// so that each client has one.
type redisWait struct {
	redis
	release []func()
}

func startRedisWait(ctx context.Context, env Env) (point.System, error) {
	s := &redisWait{}
	if err := s.start(ctx, env, members); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Client is a connection for writes; reads go over those that all share.
func (s *redisWait) Client(context.Context, int) (point.Client, error) {
	c, release := s.client.Dedicate()
	s.release = append(s.release, release)
	return &redisWaitClient{redisClient{s.client, s.swap}, c}, nil
}

// Close ends connections and servers.
func (s *redisWait) Close() error {
	for _, release := range s.release {
		release()
	}
	return s.redis.Close()
}

type redisWaitClient struct {
	redisClient
	own rueidis.DedicatedClient
}

// Write sends both commands at once.
func (c *redisWaitClient) Write(_ context.Context, key string, value []byte) error {
	answers := c.own.DoMulti(context.Background(), c.own.B().Set().Key(key).Value(rueidis.BinaryString(value)).Build(), c.wait())
	if err := answers[0].Error(); err != nil {
		return err
	}
	return waited(answers[1])
}

// wait is about all that the connection has written.
func (c *redisWaitClient) wait() rueidis.Completed {
	return c.own.B().Wait().Numreplicas(members - 1).Timeout(writeTimeout.Milliseconds()).Build()
}

// waited returns what has become of a WAIT.
func waited(r rueidis.RedisResult) error {
	n, err := r.AsInt64()
	if err == nil && n < members-1 {
		err = fmt.Errorf("systems: %d of %d replicas have the write", n, members-1)
	}
	return err
}
