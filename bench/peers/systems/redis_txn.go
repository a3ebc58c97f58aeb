package systems

import (
	"context"
	"fmt"

	"github.com/redis/rueidis"

	"github.com/seed-8247e700/dsm/bench/peers/point"
)

// swapScript is how Redis's documentation has a condition on several keys: it has no
// versions, so values are compared.
const swapScript = `if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[3])
redis.call('SET', KEYS[2], ARGV[4])
return 1`

// loadSwap has the server keep the script, and returns its hash.
func loadSwap(ctx context.Context, c rueidis.Client) (hash string, err error) {
	return c.Do(ctx, c.B().ScriptLoad().Script(swapScript).Build()).ToString()
}

// ReadTwo reads both with one command.
func (c redisClient) ReadTwo(_ context.Context, keys [2]string) (seen [2]point.Seen, err error) {
	values, err := c.c.Do(context.Background(), c.c.B().Mget().Key(keys[:]...).Build()).AsStrSlice()
	if err == nil && len(values) != len(keys) {
		err = fmt.Errorf("systems: Redis has answered with %d values", len(values))
	}
	if err != nil {
		return seen, err
	}
	for i, v := range values {
		seen[i].Value = []byte(v)
	}
	return seen, nil
}

// SwapTwo runs the script.
func (c redisClient) SwapTwo(_ context.Context, keys [2]string, seen [2]point.Seen, values [2][]byte) error {
	return swapped(c.c.Do(context.Background(), evalSwap(c.c.B(), c.swap, keys, seen, values)))
}

// evalSwap is the command that runs the script.
func evalSwap(b rueidis.Builder, hash string, keys [2]string, seen [2]point.Seen, values [2][]byte) rueidis.Completed {
	return b.Evalsha().Sha1(hash).Numkeys(2).Key(keys[:]...).Arg(
		rueidis.BinaryString(seen[0].Value), rueidis.BinaryString(seen[1].Value), rueidis.BinaryString(values[0]), rueidis.BinaryString(values[1]),
	).Build()
}

// swapped returns what has become of the script.
func swapped(r rueidis.RedisResult) error {
	n, err := r.AsInt64()
	if err == nil && n == 0 {
		err = point.ErrChanged
	}
	return err
}

// SwapTwo sends script and WAIT at once.
func (c *redisWaitClient) SwapTwo(_ context.Context, keys [2]string, seen [2]point.Seen, values [2][]byte) error {
	answers := c.own.DoMulti(context.Background(), evalSwap(c.own.B(), c.swap, keys, seen, values), c.wait())
	if err := swapped(answers[0]); err != nil {
		return err
	}
	return waited(answers[1])
}
