//go:build !linux

package server

import (
	"net"
	"time"
)

// speakFirst does nothing: silent connections are the node's to keep.
func speakFirst(net.Listener, time.Duration) error { return nil }
