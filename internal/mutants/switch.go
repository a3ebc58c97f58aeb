package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Many mutants are compiled into one file, and one of them is switched on by its number
// when the tests run: the time for a build is most of what a mutant takes. What is added
// to the source asks for the number. The mark stands for it until the mutant has one.
const (
	mark = "\x00"
	on   = "(mutantOn == " + mark + ")"
	off  = "(mutantOn != " + mark + ")"
)

// variable is that of the environment which has the number.
const variable = "DSM_MUTANT"

// switchName is the file that is added to a package for it.
const switchName = "mutant_switch_on.go"

// switchSource returns that file.
func switchSource(pkg string) []byte {
	return fmt.Appendf(nil, `package %s

import (
	"cmp"
	"os"
	"slices"
	"strconv"
)

var mutantOn = func() int {
	n, _ := strconv.Atoi(os.Getenv(%q))
	return n
}()

func mutantMin[T cmp.Ordered](n int, values ...T) T {
	if mutantOn == n {
		return slices.Max(values)
	}
	return slices.Min(values)
}

func mutantMax[T cmp.Ordered](n int, values ...T) T {
	if mutantOn == n {
		return slices.Min(values)
	}
	return slices.Max(values)
}
`, pkg, variable)
}

// apply returns a file with mutants of it that do not overlap.
func apply(source []byte, mutants []*mutant) []byte {
	ordered := slices.SortedFunc(slices.Values(mutants), func(a, b *mutant) int { return cmp.Compare(a.start, b.start) })
	var out bytes.Buffer
	at := 0
	for _, m := range ordered {
		out.Write(source[at:m.start])
		out.WriteString(strings.ReplaceAll(m.text, mark, strconv.Itoa(m.number)))
		at = m.end
	}
	out.Write(source[at:])
	return out.Bytes()
}

// maxBatch bounds how many mutants are compiled together, so that several batches can be
// tried at once.
const maxBatch = 64

// batches divides mutants into such that can be compiled together.
func batches(mutants []*mutant) [][]*mutant {
	var all [][]*mutant
	for _, m := range mutants {
		i := slices.IndexFunc(all, func(batch []*mutant) bool {
			return len(batch) < maxBatch && !slices.ContainsFunc(batch, m.excludes)
		})
		if i < 0 {
			i = len(all)
			all = append(all, nil)
		}
		all[i] = append(all[i], m)
	}
	return all
}

// excludes reports whether two mutants cannot be compiled together.
func (m *mutant) excludes(o *mutant) bool {
	return m.alone || o.alone || m.file == o.file && m.start < o.end && o.start < m.end
}
