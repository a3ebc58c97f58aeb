package delays

import (
	"slices"
	"time"
)

// Sent is what all members together have sent.
type Sent struct {
	Messages  int // of package isis
	Acks      int // among them: ACK, HELD and STABLE
	Bytes     int // as package transport encodes them, without the header of a record
	AckBytes  int
	Writes    int // times that a turn had something for a member: system calls of a server
	AckWrites int // of these with nothing but acknowledgements
}

// Times are how long something took.
type Times []time.Duration

func (t *Times) add(d time.Duration) { *t = append(*t, d) }

// Quantile is a time that a share q of them does not exceed, 0 without any.
func (t Times) Quantile(q float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// Result is what a run came to.
type Result struct {
	Commands int           // delivered
	Messages int           // that carried them
	Time     time.Duration // from the first submission until nothing moved
	Sender   Times         // from submission to delivery at the same member
	Others   Times         // to delivery at each other member
	Sent     Sent
}

// Run measures. Equal Configs give equal Results. An error means that the cores have
// broken their own protocol, or not delivered everything.
func Run(cfg Config) (Result, error) {
	g, err := newGroup(cfg)
	if err != nil {
		return Result{}, err
	}
	return g.run()
}
