package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// operation is a line of a history.
type operation struct {
	Client   int     `json:"client"`
	Session  uint64  `json:"session"`
	Op       string  `json:"op"`
	Key      string  `json:"key"`
	Value    *string `json:"value"` // base64, compared as it is
	Version  uint64  `json:"version"`
	Position uint64  `json:"position"`
	Node     string  `json:"node"`
	Start    int64   `json:"start"`
	End      int64   `json:"end"`
	Status   string  `json:"status"`
	Expect   uint64  `json:"expect"`
}

func (o *operation) reads() bool { return o.Op == "get" || o.Op == "getstrong" || o.scans() }

func (o *operation) String() string {
	return fmt.Sprintf("%s %q by client %d, session %d, at %s, position %d, version %d, %s, %d to %d",
		o.Op, o.Key, o.Client, o.Session, o.Node, o.Position, o.Version, o.Status, o.Start, o.End)
}

// delivered is a line of a delivery log.
type delivered struct {
	Pos     uint64  `json:"pos"`
	View    uint64  `json:"view"`
	Sender  string  `json:"sender"`
	Seq     uint64  `json:"seq"`
	Op      string  `json:"op"`
	Key     string  `json:"key"`
	Value   *string `json:"value"`
	Session uint64  `json:"session"`
	SSeq    uint64  `json:"sseq"`
	Expect  uint64  `json:"expect"`
	OK      bool    `json:"ok"`
}

func (d *delivered) writes() bool {
	return d.Op == "set" || d.Op == "del" || d.Op == "add" || d.Op == "cas" || d.Op == "txn"
}

func (d *delivered) String() string {
	return fmt.Sprintf("%s %q of session %d, number %d, at position %d (view %d, message %d of %s, effect %v)",
		d.Op, d.Key, d.Session, d.SSeq, d.Pos, d.View, d.Seq, d.Sender, d.OK)
}

func readHistory(name string) ([]operation, error) { return readLines[operation](name) }

// log is what one node delivered.
type log struct {
	node    string
	entries []delivered
}

func readLogs(dir string) ([]log, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s has no delivery logs, which end in .jsonl", dir)
	}
	var logs []log
	for _, name := range names {
		entries, err := readLines[delivered](name)
		if err != nil {
			return nil, err
		}
		logs = append(logs, log{node: filepath.Base(name), entries: entries})
	}
	return logs, nil
}

// readLines reads one object a line, each with exactly the fields of T. A last
// line without its end is what a killed writer leaves, and no error.
func readLines[T any](name string) (list []T, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	in := bufio.NewReaderSize(file, 1<<20)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		var fields map[string]json.RawMessage
		var one T
		if err := errors.Join(json.Unmarshal(line, &fields), json.Unmarshal(line, &one)); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", name, n, err)
		}
		if want := fieldsOf(one); len(fields) != want {
			return nil, fmt.Errorf("%s, line %d: %d fields, want %d", name, n, len(fields), want)
		}
		list = append(list, one)
	}
}

// fieldsOf is how many fields a line of a kind has.
func fieldsOf(one any) int {
	if _, ok := one.(operation); ok {
		return 12
	}
	return 11
}
