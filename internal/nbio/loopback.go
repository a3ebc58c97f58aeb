package nbio

import (
	"errors"
	"net"
)

// LinkBuffer is how many bytes a link between nodes over loopback takes before it is read, and
// before what it has sent is confirmed.
const LinkBuffer = 4 << 20

// WidenLoopback gives a connection over loopback buffers of so many bytes. Segments
// are up to 64 KiB long there, of which the buffer that a connection begins with
// takes one or two: the kernel drops what comes beyond, and the sender waits for a
// retransmission, 200 ms at least. Elsewhere segments are short, and the kernel
// itself finds the size that fits the path. The system may allow less, or refuse;
// the error is for a log.
func WidenLoopback(conn net.Conn, bytes int) error {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	if remote, ok := tcp.RemoteAddr().(*net.TCPAddr); !ok || !remote.IP.IsLoopback() {
		return nil
	}
	return errors.Join(tcp.SetReadBuffer(bytes), tcp.SetWriteBuffer(bytes))
}
