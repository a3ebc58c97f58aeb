package load

import (
	"math/rand/v2"
	"strconv"
)

// blockBytes is how much memory is taken for values at once.
const blockBytes = 64 << 10

// PaddingSlack is how many ways there are to pad a value.
const PaddingSlack = 1024

// NewPadding makes printable bytes to fill values up with.
func NewPadding(seed uint64, size int) []byte {
	random := rand.New(rand.NewPCG(seed, ^uint64(0)))
	padding := make([]byte, size+PaddingSlack)
	for i := range padding {
		padding[i] = '!' + byte(random.IntN('~'-'!'))
	}
	return padding
}

// textBytes is the size from which on a value begins with "client.count " in base
// 36, to be read by people. A smaller one begins with minValueBytes digits of a
// number of both, in base digits, which is as many as there are printable characters.
const (
	textBytes = 16
	digits    = '~' - '!' + 1
)

// countsPerClient is how many numbers each of maxClients has: digits to the power of
// minValueBytes, divided among them.
const countsPerClient = digits * digits * digits * digits * digits * digits * digits * digits / MaxClients

// valueMaker makes the values of one client: a head that no two have in common, and
// then padding.
type valueMaker struct {
	keys   *Keyspace
	client int
	count  uint64
	block  []byte // what is left of the memory taken
	last   []byte // the value that is reused
}

// next returns a value, which may be kept unless the workload reuses them.
func (m *valueMaker) next() []byte {
	m.count++
	if m.last != nil {
		m.head(m.last)
		return m.last
	}
	size := m.keys.ValueBytes
	if m.keys.Reuse {
		m.last = make([]byte, size)
		m.block = m.last
	} else if len(m.block) < size {
		m.block = make([]byte, max(blockBytes, size))
	}
	v := m.block[:size:size]
	m.block = m.block[size:]
	copy(v[m.head(v):], m.keys.padding[m.count%PaddingSlack:])
	return v
}

// head writes what makes a value unlike all others, and returns its length.
func (m *valueMaker) head(v []byte) int {
	if len(v) < textBytes {
		number := uint64(m.client)*countsPerClient + m.count%countsPerClient
		for i := range MinValueBytes {
			v[i] = '!' + byte(number%digits)
			number /= digits
		}
		return MinValueBytes
	}
	head := strconv.AppendUint(v[:0], uint64(m.client), 36)
	head = append(head, '.')
	head = strconv.AppendUint(head, m.count, 36)
	return len(append(head, ' '))
}

// Values makes the values of one client of a workload that chooses by itself.
type Values struct{ maker valueMaker }

// NewValues returns the values of a client, from 0.
func NewValues(k *Keyspace, client int) *Values {
	return &Values{valueMaker{keys: k, client: client}}
}

// Next returns a value that no client has made before.
func (v *Values) Next() []byte { return v.maker.next() }
