package nbio

import (
	"net"
	"time"
)

// PortionBytes is the most that is written at a time of what a connection did not
// take at once.
const PortionBytes = 64 << 10

// WriteRest writes what a connection did not take at once, for a goroutine that may wait
// for the connection. It calls next for each portion, until next returns none. The
// arguments of next say what became of the portion before: how many bytes were written,
// and the error if those are not all. A portion must stay as it is until the next call.
//
// If a portion takes longer than patience, the error is os.ErrDeadlineExceeded. With 0 a
// portion may take any time.
func WriteRest(conn net.Conn, patience time.Duration, next func(written int, err error) []byte) {
	written, err := 0, error(nil)
	for b := next(0, nil); len(b) > 0; b = next(written, err) {
		written, err = 0, nil
		if patience > 0 {
			err = conn.SetWriteDeadline(time.Now().Add(patience))
		}
		if err == nil {
			written, err = conn.Write(b)
		}
	}
}
