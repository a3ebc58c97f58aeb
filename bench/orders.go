package bench

import (
	"errors"
	"fmt"
	"io"
	"runtime"
)

// Orders that a child takes on its stdin, a byte each.
const (
	orderQuiet   = '\n' // the end is near: what looks alarming from now on is meant to be
	orderCollect = 'c'  // collect garbage, and say so
)

// collectedLine is a child's answer to orderCollect.
const collectedLine = "collected"

// obey carries out a child's orders until they end.
func obey(stdin io.Reader, stdout io.Writer, log *logSwitch) error {
	var order [1]byte
	for {
		if _, err := io.ReadFull(stdin, order[:]); err != nil {
			log.off()
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if order[0] != orderCollect {
			log.off()
			continue
		}
		runtime.GC()
		if _, err := fmt.Fprintln(stdout, collectedLine); err != nil {
			return err
		}
	}
}

// collect has the process collect its garbage, and waits until it has.
func (p *process) collect() error {
	if _, err := p.stdin.Write([]byte{orderCollect}); err != nil {
		return err
	}
	line, err := p.stdout.ReadString('\n')
	if err == nil && line != collectedLine+"\n" {
		err = fmt.Errorf("it was to collect its garbage, and said %q", line)
	}
	return err
}
