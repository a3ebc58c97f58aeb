package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/console"
)

// transaction is what txn tells, as JSON.
type transaction struct {
	Position uint64      `json:"position,string"`
	Then     bool        `json:"then"`
	Ops      []operation `json:"ops"`
}

// operation is what one line of the script has done.
type operation struct {
	Op       string  `json:"op"`
	Key      string  `json:"key"`
	KeyBytes []byte  `json:"key_base64,omitempty"`
	Found    bool    `json:"found"`
	Value    []byte  `json:"value,omitzero"`
	Text     *string `json:"text,omitempty"`
	Version  *uint64 `json:"version,string,omitempty"`
	Number   *int64  `json:"number,string,omitempty"`
	TTL      string  `json:"ttl,omitempty"`
}

func newTxnCommand(s *surroundings) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "txn [FILE]",
		Short: "Read and change several variables at once",
		Long: `Txn reads a transaction from a file, or from stdin, and does all of it or nothing:
nobody sees the variables in between. Each line is one of

  if KEY absent | present | version N | value VALUE
  put KEY VALUE [ttl TIME | keep-ttl]
  del KEY
  inc KEY DELTA [ttl TIME]
  app KEY VALUE [ttl TIME]
  read KEY
  expire KEY TIME
  persist KEY
  ttl KEY
  else

The lines after the conditions are done if all conditions hold, and those after else
if not. Each sees what those before it have done. Write words with spaces in double
quotes, as in Go and JSON; lines that begin with # are comments.

Txn prints a line for each operation: its name, the key, and the value of a read, the
sum of an inc, the length after an app, or what is left of a ttl. If an operation
cannot be done, such as inc of what is no number, nothing is.`,
		Example: `  printf 'inc from -5\ninc to 5\n' | dsm txn
  printf 'if leader absent\nput leader n1 ttl 10s\nelse\nread leader\n' | dsm txn`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("%q is an unexpected argument: usage is %s", args[1], cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readScript(cmd.Context(), s.stdin, args)
			if err != nil {
				return err
			}
			script, err := parseTxn(text)
			if err != nil {
				return err
			}
			return t.with(cmd, s, func(ctx context.Context, db *driver.DB) error {
				r, err := script.begin(db.Txn(ctx)).Commit()
				if err != nil {
					return script.about(err)
				}
				told := script.result(&r)
				if t.output == formatJSON {
					return shownWrite(s.showJSON(told), r.Position)
				}
				return shownWrite(s.say("%s", told.text()), r.Position)
			})
		},
	}
	t.addFlags(cmd)
	return cmd
}

// maxScriptBytes bounds a script: a transaction has 4 MiB, and escapes take more.
const maxScriptBytes = 64 << 20

// readScript reads the script of a txn.
func readScript(ctx context.Context, stdin io.Reader, args []string) (text string, err error) {
	in, name := stdin, "stdin"
	if len(args) > 0 && args[0] != "-" {
		file, err := os.Open(args[0])
		if err != nil {
			return "", usagef("the transaction cannot be read: %w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		in, name = file, args[0]
	}
	data, err := abandonable(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(in, maxScriptBytes+1)) })
	switch {
	case errors.Is(err, errInterrupted):
		return "", fmt.Errorf("%w before the end of %s: nothing was sent", err, name)
	case err != nil:
		return "", fmt.Errorf("reading the transaction from %s, nothing was sent: %w", name, err)
	case len(data) > maxScriptBytes:
		return "", fmt.Errorf("the transaction in %s has more than %d bytes; nothing was sent: %w", name, maxScriptBytes, driver.ErrTxTooLarge)
	}
	return string(data), nil
}

// result is what a transaction has done, by the lines of the script.
func (s *txnScript) result(r *driver.TxnResult) transaction {
	told := transaction{Position: r.Position, Then: r.Then, Ops: []operation{}}
	lines := s.branch(!r.Then)
	for i := range r.Ops {
		if i == len(lines) {
			break
		}
		one, line := &r.Ops[i], &lines[i]
		of := newResult(line.key, one.Value.Data, 0, 0)
		o := operation{Op: line.op, Key: of.Key, KeyBytes: of.KeyBytes, Found: one.Found, Value: of.Value, Text: of.Text}
		switch {
		case line.op == "read" && one.Found:
			o.Version = &one.Value.Version
		case line.op == "inc" || line.op == "app":
			o.Number = &one.Number
		case line.op == "ttl":
			if left, ok := one.Left(); ok {
				o.TTL = left.String()
			}
		}
		told.Ops = append(told.Ops, o)
	}
	return told
}

// text is the result for people.
func (t *transaction) text() string {
	var b strings.Builder
	for i := range t.Ops {
		o := &t.Ops[i]
		b.WriteString(o.Op + " " + scriptWord(o.Key))
		switch {
		case o.Number != nil:
			b.WriteString(" " + strconv.FormatInt(*o.Number, 10))
		case o.Value != nil:
			b.WriteString(" " + scriptWord(string(o.Value)))
		case o.TTL != "":
			b.WriteString(" " + o.TTL)
		case !o.Found && o.Op != "put":
			b.WriteString(": there is no such variable")
		case o.Op == "ttl":
			b.WriteString(": it has no TTL")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// scriptWord is a word as the script has it.
func scriptWord(text string) string {
	if text == "" || !utf8.ValidString(text) || strings.ContainsAny(text, " \t\n\"") || console.EscapeLines(text) != text {
		return strconv.Quote(text)
	}
	return text
}
