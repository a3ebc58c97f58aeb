package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-8247e700/dsm/driver"
)

// txnScript is a transaction as it was written.
type txnScript struct {
	conds      []driver.Condition
	then, less []txnLine // less: of else
}

// txnLine is a line with an operation.
type txnLine struct {
	number  int // of the line, from 1
	op, key string
	do      driver.Op
}

// branch returns the operations of else, or those before it.
func (s *txnScript) branch(less bool) []txnLine {
	if less {
		return s.less
	}
	return s.then
}

// begin fills a transaction.
func (s *txnScript) begin(t *driver.Txn) *driver.Txn {
	t.If(s.conds...)
	for i := range s.then {
		t.Then(s.then[i].do)
	}
	for i := range s.less {
		t.Else(s.less[i].do)
	}
	return t
}

// about says which line of the script an error is about.
func (s *txnScript) about(err error) error {
	of := new(driver.TxnError)
	if !errors.As(err, &of) || of.Op < 0 || of.Op >= len(s.branch(of.Else)) {
		return err
	}
	line := &s.branch(of.Else)[of.Op]
	return fmt.Errorf("line %d, %s: %w", line.number, line.op, aboutIf(of.Key, of.Err))
}

// parseTxn reads a script. An error names the line.
func parseTxn(text string) (*txnScript, error) {
	s := &txnScript{}
	orElse, begun := false, false
	for i, line := range strings.Split(text, "\n") {
		number := i + 1
		wrong := func(format string, args ...any) error {
			return usagef("line %d of the transaction: %w", number, fmt.Errorf(format, args...))
		}
		words, err := wordsOf(strings.TrimSuffix(line, "\r"))
		switch {
		case err != nil:
			return nil, wrong("%w", err)
		case len(words) == 0:
			continue
		case words[0] == "if" && begun:
			return nil, wrong("conditions stand before all operations")
		case words[0] == "if":
			cond, err := parseCondition(words[1:])
			if err != nil {
				return nil, wrong("%w", err)
			}
			s.conds = append(s.conds, cond)
			continue
		case words[0] == "else" && len(words) == 1 && !orElse && len(s.conds) > 0:
			orElse, begun = true, true
			continue
		case words[0] == "else":
			return nil, wrong("else stands alone, once, in a transaction with conditions")
		}
		begun = true
		op, err := parseOp(words)
		if err != nil {
			return nil, wrong("%w", err)
		}
		op.number = number
		if orElse {
			s.less = append(s.less, op)
		} else {
			s.then = append(s.then, op)
		}
	}
	if len(s.conds)+len(s.then)+len(s.less) == 0 {
		return nil, usagef("the transaction is empty: give it lines such as put KEY VALUE")
	}
	return s, nil
}

func parseCondition(words []string) (driver.Condition, error) {
	switch {
	case len(words) == 2 && words[1] == "absent":
		return driver.When(words[0], driver.IfAbsent), nil
	case len(words) == 2 && words[1] == "present":
		return driver.When(words[0], driver.IfPresent), nil
	case len(words) == 3 && words[1] == "value":
		return driver.When(words[0], driver.IfValue([]byte(words[2]))), nil
	case len(words) == 3 && words[1] == "version":
		version, err := strconv.ParseUint(words[2], 10, 64)
		if err != nil {
			return driver.Condition{}, fmt.Errorf("version %q must be a whole number, 0 or above", words[2])
		}
		return driver.When(words[0], driver.IfVersion(version)), nil
	}
	return driver.Condition{}, errors.New("a condition is if KEY absent, if KEY present, if KEY version N or if KEY value VALUE")
}

// txnOps are the operations of a script: how they are written, in so many words at least, and
// whether time may follow.
var txnOps = map[string]struct {
	usage     string
	words     int
	ttl, keep bool
}{
	"put":     {"a key and a value: it is put KEY VALUE; write a value with spaces in double quotes, and then ttl TIME or keep-ttl", 3, true, true},
	"del":     {"a key: it is del KEY", 2, false, false},
	"inc":     {"a key and a number: it is inc KEY DELTA, and then ttl TIME", 3, true, false},
	"app":     {"a key and a value: it is app KEY VALUE; write a value with spaces in double quotes, and then ttl TIME", 3, true, false},
	"read":    {"a key: it is read KEY", 2, false, false},
	"expire":  {"a key and a time: it is expire KEY TIME", 3, false, false},
	"persist": {"a key: it is persist KEY", 2, false, false},
	"ttl":     {"a key: it is ttl KEY", 2, false, false},
}

func parseOp(words []string) (txnLine, error) {
	form, known := txnOps[words[0]]
	if !known {
		return txnLine{}, fmt.Errorf("unknown operation %q: there are put, del, inc, app, read, expire, persist and ttl", words[0])
	}
	var options []driver.WriteOption
	switch more := words[min(form.words, len(words)):]; {
	case len(words) == form.words:
	case len(more) == 2 && more[0] == "ttl" && form.ttl:
		ttl, err := parseTTL(more[1])
		if err != nil {
			return txnLine{}, fmt.Errorf("ttl %q %w", more[1], err)
		}
		options = append(options, driver.TTL(ttl))
	case len(more) == 1 && more[0] == "keep-ttl" && form.keep:
		options = append(options, driver.KeepTTL)
	default:
		return txnLine{}, fmt.Errorf("%s takes %s", words[0], form.usage)
	}
	line := txnLine{op: words[0], key: words[1]}
	switch line.op {
	case "put":
		line.do = driver.Put(line.key, []byte(words[2]), options...)
	case "del":
		line.do = driver.Del(line.key)
	case "app":
		line.do = driver.App(line.key, []byte(words[2]), options...)
	case "read":
		line.do = driver.Read(line.key)
	case "inc":
		delta, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil {
			return line, fmt.Errorf("%q must be a decimal integer of 64 bits, such as 1 or -5", words[2])
		}
		line.do = driver.Inc(line.key, delta, options...)
	case "expire":
		ttl, err := parseTTL(words[2])
		if err != nil {
			return line, fmt.Errorf("%q %w", words[2], err)
		}
		line.do = driver.Expire(line.key, ttl)
	case "persist":
		line.do = driver.Persist(line.key)
	case "ttl":
		line.do = driver.Left(line.key)
	}
	return line, nil
}

// wordsOf splits a line into words, which may be in double quotes. A comment has none.
func wordsOf(line string) (words []string, err error) {
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" || line[0] == '#' && len(words) == 0 {
			return words, nil
		}
		if line[0] != '"' {
			word, rest, _ := strings.Cut(line, " ")
			if before, after, found := strings.Cut(word, "\t"); found {
				word, rest = before, after+" "+rest
			}
			words, line = append(words, word), rest
			continue
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return nil, errors.New("a double quote is not closed, or what is within cannot be read")
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		words, line = append(words, word), line[len(quoted):]
		if line != "" && line[0] != ' ' && line[0] != '\t' {
			return nil, errors.New("there is no space after a word in double quotes")
		}
	}
}
