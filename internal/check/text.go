package check

import (
	"fmt"

	"github.com/seed-8247e700/dsm/internal/history"
)

// maxShownValue bounds the bytes of a value that are shown.
const maxShownValue = 32

// opText describes an operation for people.
func opText(o *history.Op) string {
	return fmt.Sprintf("%s %q of client %d (session %d, seq %d, at %s, position %d, version %d, %s, %d to %d ns)",
		o.Kind, o.Key, o.Client, o.Session, o.Seq, nodeText(o.Node), o.Position, o.Version, o.Status, o.Start, o.End)
}

func nodeText(node string) string {
	if node == "" {
		return "an unknown node"
	}
	return node
}

// valueText shows the beginning of a value.
func valueText(v []byte) string {
	switch {
	case v == nil:
		return "nothing"
	case len(v) > maxShownValue:
		return fmt.Sprintf("%q... (%d bytes)", v[:maxShownValue], len(v))
	default:
		return fmt.Sprintf("%q", v)
	}
}
