package store

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// snapshotOf applies a few commands that leave one of everything in the state,
// and returns its snapshot as one chunk.
func snapshotOf(t testing.TB) []byte {
	s := New(smallLimits)
	var payload []byte
	commands := []wire.Command{
		{Op: wire.OpOpenSession},
		{Op: wire.OpOpenSession, Key: "client", Value: []byte("10.0.0.1")},
		set(1, 1, 1, "k1", "value"),
		set(1, 3, 1, "k2", ""),
		{Op: wire.OpAdd, Session: 1, Seq: 40, Floor: 2, Key: "k3", Delta: -7},
		tick(10),
		{Op: wire.OpRenewSession, Session: 1},
		auditOf("a", "b"),
		voteOf(8, "b", 99),
		txn(1, 5, 2, wire.TxnOp{Kind: wire.TxnRead, Key: "k1"}),
		txn(1, 9, 2, wire.TxnOp{Kind: wire.TxnAppend, Key: "k2", Value: []byte("x"), Old: true}),
	}
	for _, c := range commands {
		payload = c.Append(payload)
	}
	var out Outcome
	s.ApplyMessage(1, len(commands), payload, &out)
	for i, r := range out.Results {
		if r.Status != wire.StatusOK {
			t.Fatalf("command %d: %+v", i, r)
		}
	}
	chunks, err := encode(s.Snapshot(), 1<<20)
	if err != nil || len(chunks) != 1 {
		t.Fatalf("%d chunks, %v", len(chunks), err)
	}
	return chunks[0]
}

func TestRestoreRefusesWhatIsNotWhole(t *testing.T) {
	whole := snapshotOf(t)
	if _, err := restore(smallLimits, [][]byte{whole}); err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if _, err := restore(smallLimits, [][]byte{whole[:n]}); !errors.Is(err, ErrFormat) {
			t.Errorf("%d bytes of %d: %v, want ErrFormat", n, len(whole), err)
		}
	}
	if _, err := restore(smallLimits, [][]byte{whole, {recordTrailer}}); !errors.Is(err, ErrFormat) {
		t.Errorf("something behind the trailer: %v, want ErrFormat", err)
	}
	if _, err := restore(smallLimits, nil); !errors.Is(err, ErrFormat) {
		t.Errorf("nothing: %v, want ErrFormat", err)
	}
}

func TestRestoreSeesEveryChangedBit(t *testing.T) {
	whole := snapshotOf(t)
	for i := range 8 * len(whole) {
		changed := append([]byte(nil), whole...)
		changed[i/8] ^= 1 << (i % 8)
		if _, err := restore(smallLimits, [][]byte{changed}); err == nil {
			t.Errorf("bit %d of byte %d (%#x) changed, and it was restored", i%8, i/8, whole[i/8])
		}
	}
}

func TestRestoreRefusesOtherLimits(t *testing.T) {
	other := smallLimits
	other.MaxSessions++
	r := Restore(other)
	err := r.Chunk(snapshotOf(t))
	if !errors.Is(err, ErrLimits) || !strings.Contains(err.Error(), "MaxSessions is 6 there and 7 here") {
		t.Errorf("error %v", err)
	}
	if again := r.Chunk(nil); !errors.Is(again, err) {
		t.Errorf("the next chunk: %v, want the same error", again)
	}
	if _, again := r.Finish(); !errors.Is(again, err) {
		t.Errorf("Finish: %v, want the same error", again)
	}
}

func TestFinishTwice(t *testing.T) {
	r := Restore(smallLimits)
	if err := r.Chunk(snapshotOf(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	if s, err := r.Finish(); s != nil || err == nil {
		t.Error("a second Finish gave the store again")
	}
	if err := r.Chunk([]byte{recordVariable}); err == nil {
		t.Error("a chunk after Finish was taken")
	}
}

// TestRestoreRefusesTheImpossible feeds records that no store can have encoded.
func TestRestoreRefusesTheImpossible(t *testing.T) {
	s := New(smallLimits)
	var out Outcome
	barriers := []byte(strings.Repeat(string((&wire.Command{Op: wire.OpBarrier}).Append(nil)), 100))
	barriers = (&wire.Command{Op: wire.OpTick, Delta: 60}).Append(barriers)
	s.ApplyMessage(1, 101, barriers, &out)
	header := appendHeader(nil, s.Snapshot())
	numbers := func(kind byte, values ...uint64) []byte {
		b := []byte{kind}
		for _, v := range values {
			b = binary.AppendUvarint(b, v)
		}
		return b
	}
	variable := func(key string, position uint64, value string) []byte {
		e := newEntry(key)
		return appendVariable(nil, key, e.newVersion([]byte(value), position))
	}
	clientSession := func(name, address string, id uint64) []byte {
		c := &client{clientID: clientID{name, address}}
		return appendSession(nil, &session{id: id, client: c, renewed: 60, floor: 1})
	}
	const huge = 1 << 62
	for name, record := range map[string][]byte{
		"a second header":              header,
		"an unknown kind":              {250},
		"a variable from the future":   variable("k", 102, "v"),
		"a variable of version 0":      variable("k", 0, "v"),
		"a variable without a key":     variable("", 1, "v"),
		"a reserved key":               variable("\x00", 1, "v"),
		"a key that is too long":       variable("ninebytes", 1, "v"),
		"a value that is too long":     variable("k", 1, strings.Repeat("v", 601)),
		"a variable twice":             append(variable("k", 1, "v"), variable("k", 2, "v")...),
		"a key of huge length":         numbers(recordVariable, huge),
		"a value of huge length":       append([]byte{recordVariable, 1, 'k', 1}, numbers(0, huge)[1:]...),
		"session 0":                    numbers(recordSession, 0, 60, 1, 0),
		"a session from the future":    numbers(recordSession, 102, 60, 1, 0),
		"a session without a floor":    numbers(recordSession, 5, 60, 0, 0),
		"a session renewed ahead":      numbers(recordSession, 5, 61, 1, 0),
		"an expired session":           numbers(recordSession, 5, 10, 1, 0),
		"a session twice":              append(numbers(recordSession, 5, 60, 1, 0), numbers(recordSession, 5, 60, 1, 0)...),
		"a huge number of results":     numbers(recordSession, 5, 60, 1, huge),
		"a result of position 0":       numbers(recordSession, 5, 60, 1, 1, 0, 0, 0, 0, 0),
		"a result from the future":     numbers(recordSession, 5, 60, 1, 1, 0, 0, 102, 0, 0),
		"a result far above the floor": numbers(recordSession, 5, 60, 1, 1, 40, 0, 1, 0, 0),
		"two results of a sequence":    numbers(recordSession, 5, 60, 1, 2, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0),
		"sequences that wrap":          numbers(recordSession, 5, 60, 1<<64-1, 2, 0, 0, 1, 0, 0, 2, 0, 1, 0, 0),
		"a trailer of too few bytes":   {recordTrailer, 1, 2},
		"a client in the old format":   clientSession("c", "1", 5),
		"data in an older format":      slices.Concat(numbers(recordSession, 5, 60, 1, 1, 0, 0, 1, 0, 0), numbers(recordData, 1, 0, 1, 0)),
		"the seventh of six sessions":  numbers(recordSession, 11, 60, 1, 0),
	} {
		r := Restore(smallLimits)
		if err := r.Chunk(header); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "the seventh") {
			for id := range uint64(6) {
				if err := r.Chunk(numbers(recordSession, id+20, 60, 1, 0)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := r.Chunk(record); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
	for name, first := range map[string][]byte{
		"no header first":             {recordVariable, 1, 'k', 1, 1, 'v'},
		"another format version":      {recordHeader, formatVariables + 1},
		"a huge number of voters":     append(header[:len(header)-1:len(header)-1], append([]byte{1}, binary.AppendUvarint(nil, huge)...)...),
		"an audit without voters":     append(header[:len(header)-1:len(header)-1], 1, 0),
		"an audit that is over":       append(header[:len(header)-1:len(header)-1], 1, 1, 1, 'a', 1, 0, 0, 0, 0, 0, 0, 0, 0),
		"a vote neither cast nor not": append(header[:len(header)-1:len(header)-1], 1, 1, 1, 'a', 2),
	} {
		if err := Restore(smallLimits).Chunk(first); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
	named := appendHeader(nil, &Snapshot{store: s, position: 101, clock: 60, named: true})
	for name, records := range map[string][]byte{
		"a client without a name or address": clientSession("", "", 5),
		"a name that is too long":            clientSession(strings.Repeat("c", 65), "", 5),
		"a name with a control character":    clientSession("\x1b[2J", "", 5),
		"an address that is no text":         clientSession("c", "\xff", 5),
		"the third of a client's two":        slices.Concat(clientSession("c", "1", 5), clientSession("c", "1", 6), clientSession("c", "1", 7)),
		"the fifth of four at an address": slices.Concat(clientSession("", "1", 5), clientSession("a", "1", 6),
			clientSession("b", "1", 7), clientSession("c", "1", 8), clientSession("d", "1", 9)),
	} {
		r := Restore(smallLimits)
		if err := r.Chunk(named); err != nil {
			t.Fatal(err)
		}
		if err := r.Chunk(records); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
	withData := appendHeader(nil, &Snapshot{store: s, position: 101, clock: 60, data: true})
	session := numbers(recordSession, 5, 60, 1, 2, 0, 0, 1, 0, 0, 3, 2, 1, 0, 0) // writes 1, which was done, and 4, which was not
	for name, records := range map[string][]byte{
		"data of no session":          numbers(recordData, 1, 0, 1, 0),
		"data after something else":   slices.Concat(session, variable("k", 1, "v"), numbers(recordData, 1, 0, 1, 0)),
		"data of a session twice":     slices.Concat(session, numbers(recordData, 1, 0, 1, 0), numbers(recordData, 1, 0, 1, 0)),
		"a record without data":       slices.Concat(session, numbers(recordData, 0)),
		"data that is empty":          slices.Concat(session, numbers(recordData, 1, 0, 0)),
		"data of no result":           slices.Concat(session, numbers(recordData, 1, 1, 1, 0)),
		"data of a failure":           slices.Concat(session, numbers(recordData, 1, 3, 1, 0)),
		"data of a sequence twice":    slices.Concat(session, numbers(recordData, 2, 0, 1, 0, 0, 1, 0)),
		"data that is longer than it": slices.Concat(session, numbers(recordData, 1, 0, 3, 0)),
		"a format with data, and none": slices.Concat(session, appendTrailer(nil, &Snapshot{
			position: 101, digest: hashClock(60) + hashSession(5, 60, 1, nil) +
				hashResult(5, 1, &wire.Result{Position: 1}) + hashResult(5, 4, &wire.Result{Position: 1, Status: wire.StatusConflict}),
		})),
	} {
		r := Restore(smallLimits)
		if err := r.Chunk(withData); err != nil {
			t.Fatal(err)
		}
		if err := r.Chunk(records); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
	wrong := appendTrailer(append([]byte(nil), header...), &Snapshot{position: 101})
	if err := Restore(smallLimits).Chunk(wrong); !errors.Is(err, ErrDigest) {
		t.Errorf("a wrong digest: %v, want ErrDigest", err)
	}
}

// FuzzRestorer feeds any bytes, in two chunks. What is accepted must be encoded
// to something that is accepted again, with the same digest.
func FuzzRestorer(f *testing.F) {
	whole := snapshotOf(f)
	f.Add(whole, uint16(0))
	f.Add(whole[:len(whole)-9], uint16(20))
	f.Add(whole[:20], uint16(3))
	chunks, err := encode(New(smallLimits).Snapshot(), 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(chunks[0], chunks[1]...), uint16(len(chunks[0])))
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		at := min(int(cut), len(b))
		// Without a trailer of its own, most of what the fuzzer finds would
		// end at the digest. So look at what the records alone lead to.
		r := Restore(smallLimits)
		if r.Chunk(b[:at]) != nil || r.Chunk(b[at:]) != nil || !r.began {
			return
		}
		r.ended = true
		s, err := r.Finish()
		if err != nil {
			t.Fatalf("taken, and then: %v", err)
		}
		chunks, err := encode(s.Snapshot(), 50)
		if err != nil {
			t.Fatalf("what was restored cannot be encoded: %v", err)
		}
		again, err := restore(smallLimits, chunks)
		if err != nil {
			t.Fatalf("what was encoded cannot be restored: %v", err)
		}
		if again.Digest() != s.Digest() || again.Applied() != s.Applied() {
			t.Fatal("what was encoded is restored as something else")
		}
	})
}
