package bench

import (
	"math/rand/v2"
	"strconv"
)

// blockBytes is how much memory is taken for values at once.
const blockBytes = 64 << 10

// paddingSlack is how many ways there are to pad a value.
const paddingSlack = 1024

// newPadding makes printable bytes to fill values up with.
func newPadding(seed uint64, size int) []byte {
	random := rand.New(rand.NewPCG(seed, ^uint64(0)))
	padding := make([]byte, size+paddingSlack)
	for i := range padding {
		padding[i] = '!' + byte(random.IntN('~'-'!'))
	}
	return padding
}

// valueMaker makes the values of one client: "client.count " in base 36, so
// that no two are alike, and then padding.
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
	head := strconv.AppendUint(v[:0], uint64(m.client), 36)
	head = append(head, '.')
	head = strconv.AppendUint(head, m.count, 36)
	head = append(head, ' ')
	copy(v[len(head):], m.padding[m.count%paddingSlack:])
	return v
}
