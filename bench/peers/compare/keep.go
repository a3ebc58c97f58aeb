package compare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/seed-8247e700/dsm/bench/peers/noise"
)

// kept is a report as a file.
type kept struct {
	Verdict      string        `json:"verdict"` // first: whether the machine was quiet
	Noise        noise.Summary `json:"noise"`
	SetUp        SetUp         `json:"set_up"`
	Systems      []SystemInfo  `json:"systems"`
	Comparison   []Line        `json:"comparison"`
	Aims         []Judgment    `json:"aims,omitempty"`
	Measurements []Measurement `json:"measurements"`
}

// JSON is the report for other programs, and for Read. Its first line has the
// verdict on the machine.
func (r *Report) JSON(aims []Aim) ([]byte, error) {
	content, err := json.MarshalIndent(kept{
		Verdict: r.Noise.String(), Noise: r.Noise, SetUp: r.SetUp, Systems: r.Systems,
		Comparison: Compare(r.Measurements), Aims: Judge(r.Measurements, aims), Measurements: r.Measurements,
	}, "", "\t")
	if err != nil {
		return nil, err
	}
	return append(bytes.Replace(content, []byte("{\n\t"), []byte("{ "), 1), '\n'), nil
}

// Read reads a report that JSON has written.
func Read(path string) (*Report, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var k kept
	if err := json.Unmarshal(content, &k); err != nil {
		return nil, fmt.Errorf("compare: %s: %w", path, err)
	}
	if len(k.Measurements) == 0 {
		return nil, fmt.Errorf("compare: %s: it has no measurements: it must be what -json has written", path)
	}
	return &Report{Noise: k.Noise, SetUp: k.SetUp, Systems: k.Systems, Measurements: k.Measurements}, nil
}

// Marks of the block in a document that is replaced.
const (
	BlockBegin = "<!-- peers: begin (make peers -update writes what follows) -->"
	BlockEnd   = "<!-- peers: end -->"
)

// ErrNoBlock says that a document has no block to be replaced.
var ErrNoBlock = errors.New("compare: no block to replace")

// Update returns a document with another text in its block.
func Update(document []byte, text string) ([]byte, error) {
	before, rest, found := bytes.Cut(document, []byte(BlockBegin+"\n"))
	_, after, ended := bytes.Cut(rest, []byte(BlockEnd))
	if !found || !ended {
		return nil, fmt.Errorf("%w: it needs the line %q, and %q after it", ErrNoBlock, BlockBegin, BlockEnd)
	}
	var b bytes.Buffer
	b.Write(before)
	b.WriteString(BlockBegin + "\n\n" + text + "\n" + BlockEnd)
	b.Write(after)
	return b.Bytes(), nil
}
