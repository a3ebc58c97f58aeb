package workload

import (
	"math"
	"math/rand/v2"
)

// zipfTheta is YCSB's constant. The library's generator needs more than 1.
const zipfTheta = 0.99

// zipf draws numbers from 0 on, of which the first is the most popular: number i has a share
// of 1/(i+1)^0.99. The method is that of Gray and others, "Quickly generating billion-record
// synthetic databases", 1994, which YCSB uses too. How many numbers there are may grow.
type zipf struct {
	n    int
	zeta float64 // the sum of all shares
	eta  float64
}

// newZipf returns a generator of n numbers, 1 or more.
func newZipf(n int) zipf {
	z := zipf{}
	z.grow(n)
	return z
}

// grow has the generator draw from n numbers, unless it has more.
func (z *zipf) grow(n int) {
	if n <= z.n {
		return
	}
	for i := z.n + 1; i <= n; i++ {
		z.zeta += 1 / math.Pow(float64(i), zipfTheta)
	}
	z.n = n
	two := 1 + math.Pow(0.5, zipfTheta)
	z.eta = (1 - math.Pow(2/float64(n), 1-zipfTheta)) / (1 - two/z.zeta)
}

// draw returns a number.
func (z *zipf) draw(random *rand.Rand) int {
	u := random.Float64()
	switch uz := u * z.zeta; {
	case uz < 1:
		return 0
	case uz < 1+math.Pow(0.5, zipfTheta):
		return 1
	}
	i := int(float64(z.n) * math.Pow(z.eta*u-z.eta+1, 1/(1-zipfTheta)))
	return min(max(i, 0), z.n-1)
}
