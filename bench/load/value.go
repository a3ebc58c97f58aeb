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
	client  int
	count   uint64
	size    int
	padding []byte
	block   []byte // what is left of the memory taken
}

func newValueMaker(padding []byte, client, size int) *valueMaker {
	return &valueMaker{client: client, size: size, padding: padding}
}

// next returns a value that may be kept.
func (m *valueMaker) next() []byte {
	if len(m.block) < m.size {
		m.block = make([]byte, max(blockBytes, m.size))
	}
	v := m.block[:m.size:m.size]
	m.block = m.block[m.size:]
	m.count++
	if m.size < textBytes {
		number := uint64(m.client)*countsPerClient + m.count%countsPerClient
		for i := range MinValueBytes {
			v[i] = '!' + byte(number%digits)
			number /= digits
		}
		copy(v[MinValueBytes:], m.padding)
		return v
	}
	head := strconv.AppendUint(v[:0], uint64(m.client), 36)
	head = append(head, '.')
	head = strconv.AppendUint(head, m.count, 36)
	head = append(head, ' ')
	copy(v[len(head):], m.padding[m.count%PaddingSlack:])
	return v
}
