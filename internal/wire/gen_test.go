package wire

import (
	"math"
	"time"

	"pgregory.net/rapid"
)

// Generators of values in the form in which they are decoded: empty byte
// strings are nil, and fields that do not count are zero.

func genBytes() *rapid.Generator[[]byte] {
	return rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 300), func(b []byte) []byte {
		if len(b) == 0 {
			return nil
		}
		return b
	})
}

func genUint64() *rapid.Generator[uint64] {
	return rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 300), rapid.Just(uint64(math.MaxUint64)))
}

func genOp() *rapid.Generator[Op] {
	return rapid.Custom(func(t *rapid.T) Op {
		return Op(rapid.IntRange(1, len(operations)-1).Draw(t, "op"))
	})
}

func genCommand() *rapid.Generator[Command] {
	return rapid.Custom(func(t *rapid.T) Command {
		c := Command{
			Op:      genOp().Draw(t, "op"),
			Session: genUint64().Draw(t, "session"),
			Seq:     genUint64().Draw(t, "seq"),
			Floor:   genUint64().Draw(t, "floor"),
			Prev:    rapid.OneOf(rapid.Just(uint64(0)), genUint64()).Draw(t, "prev"),
			Key:     rapid.String().Draw(t, "key"),
			Value:   genBytes().Draw(t, "value"),
			Expect:  genUint64().Draw(t, "expect"),
			Delta:   rapid.Int64().Draw(t, "delta"),
		}
		return onlyCounting(c)
	})
}

// onlyCounting is c without the fields that do not count for its operation,
// written down once more, apart from the table that the codec uses.
func onlyCounting(c Command) Command {
	switch c.Op {
	case OpSet:
		return Command{Op: c.Op, Session: c.Session, Seq: c.Seq, Floor: c.Floor, Prev: c.Prev, Key: c.Key, Value: c.Value}
	case OpDelete:
		return Command{Op: c.Op, Session: c.Session, Seq: c.Seq, Floor: c.Floor, Prev: c.Prev, Key: c.Key}
	case OpAdd:
		return Command{Op: c.Op, Session: c.Session, Seq: c.Seq, Floor: c.Floor, Prev: c.Prev, Key: c.Key, Delta: c.Delta}
	case OpCompareAndSet:
		c.Delta = 0
		return c
	case OpOpenSession:
		if len(c.Value) == 0 {
			c.Value = nil
		}
		return Command{Op: c.Op, Key: c.Key, Value: c.Value}
	case OpOpenTimed, OpOpenLocked:
		if len(c.Value) == 0 {
			c.Value = nil
		}
		return Command{Op: c.Op, Key: c.Key, Value: c.Value, Delta: c.Delta}
	case OpRenewSession, OpCloseSession:
		return Command{Op: c.Op, Session: c.Session}
	case OpTick:
		return Command{Op: c.Op, Delta: c.Delta}
	case OpClock, OpQuota:
		return Command{Op: c.Op, Delta: c.Delta, Expect: c.Expect}
	case OpAudit:
		return Command{Op: c.Op, Value: c.Value}
	case OpTxn:
		return Command{Op: c.Op, Session: c.Session, Seq: c.Seq, Floor: c.Floor, Prev: c.Prev, Value: c.Value}
	case OpAuditVote:
		return Command{Op: c.Op, Key: c.Key, Value: c.Value, Expect: c.Expect}
	default:
		return Command{Op: c.Op}
	}
}

func genRequest() *rapid.Generator[Request] {
	return rapid.Custom(func(t *rapid.T) Request {
		r := Request{
			ID:       genUint64().Draw(t, "id"),
			Kind:     RequestKind(rapid.IntRange(1, int(RequestSessions)).Draw(t, "kind")),
			Timeout:  time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "timeout")),
			Position: genUint64().Draw(t, "position"),
		}
		switch r.Kind {
		case RequestGet, RequestGetStrong, RequestList, RequestWatch, RequestCredit, RequestScan, RequestSessions:
			r.Key = rapid.String().Draw(t, "key")
		case RequestWrite:
			r.Command = genCommand().Draw(t, "command")
		}
		return r
	})
}

func genReply() *rapid.Generator[Reply] {
	return rapid.Custom(func(t *rapid.T) Reply {
		return Reply{
			ID:       genUint64().Draw(t, "id"),
			Status:   Status(rapid.Byte().Draw(t, "status")),
			Position: genUint64().Draw(t, "position"),
			Version:  genUint64().Draw(t, "version"),
			Number:   rapid.Int64().Draw(t, "number"),
			Data:     genBytes().Draw(t, "data"),
		}
	})
}

func genDelivery() *rapid.Generator[Delivery] {
	return rapid.Custom(func(t *rapid.T) Delivery {
		d := Delivery{
			View:        genUint64().Draw(t, "view"),
			Sender:      rapid.String().Draw(t, "sender"),
			Incarnation: genUint64().Draw(t, "incarnation"),
			Seq:         genUint64().Draw(t, "seq"),
			First:       genUint64().Draw(t, "first"),
		}
		for _, c := range rapid.SliceOfN(genCommand(), 0, 20).Draw(t, "commands") {
			d.Payload = c.Append(d.Payload)
			if d.Count%8 == 0 {
				d.Effects = append(d.Effects, 0)
			}
			if rapid.Bool().Draw(t, "effect") {
				d.Effects[d.Count/8] |= 1 << (d.Count % 8)
			}
			d.Count++
		}
		return d
	})
}

func genHello() *rapid.Generator[Hello] {
	return rapid.Custom(func(t *rapid.T) Hello {
		return Hello{
			Role:       Role(rapid.Byte().Draw(t, "role")),
			MinVersion: rapid.Uint16().Draw(t, "min"),
			MaxVersion: rapid.Uint16().Draw(t, "max"),
			Group:      genUint64().Draw(t, "group"),
			Generation: genUint64().Draw(t, "generation"),
			Extra:      genBytes().Draw(t, "extra"),
			Secret:     genSecret().Draw(t, "secret"),
		}
	})
}

// genSecret draws none in half of the cases.
func genSecret() *rapid.Generator[Secret] {
	return rapid.OneOf(rapid.Just(Secret{}), rapid.Map(rapid.SliceOfN(rapid.Byte(), 16, 16), func(b []byte) Secret { return Secret(b) }))
}

func genHelloReply() *rapid.Generator[HelloReply] {
	return rapid.Custom(func(t *rapid.T) HelloReply {
		return HelloReply{
			Status:  Status(rapid.Byte().Draw(t, "status")),
			Version: rapid.Uint16().Draw(t, "version"),
			Info: Info{
				Group:         genUint64().Draw(t, "group"),
				Generation:    genUint64().Draw(t, "generation"),
				NodeID:        rapid.String().Draw(t, "node"),
				Incarnation:   genUint64().Draw(t, "incarnation"),
				MaxKeyBytes:   rapid.Uint32().Draw(t, "maxKey"),
				MaxValueBytes: rapid.Uint32().Draw(t, "maxValue"),
				MaxInFlight:   rapid.Uint32().Draw(t, "maxInFlight"),
				SessionTTL:    time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "ttl")),
				MaxTxnOps:     rapid.Uint32().Draw(t, "maxTxnOps"),
				MaxTxnBytes:   rapid.Uint32().Draw(t, "maxTxnBytes"),
			},
			Message: rapid.StringN(0, 100, 400).Draw(t, "message"),
			Extra:   genBytes().Draw(t, "extra"),
		}
	})
}
